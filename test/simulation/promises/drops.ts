import { surelyDroppedAt } from '../drops.ts'
import { nameOf } from '../history.ts'
import { queueName } from '../world-settings.ts'
import type { Promised } from './promise.ts'

/**
 * A dead-lettered message is in another queue, which is not dropped, and a redrive stores the message anew. A poll that began before
 * all processes had read the drop may still receive a dropped message.
 */
export const droppedForGood: Promised = {
  name: 'what was purged, or deleted with its queue, does not come once all know of it',
  madeFor: ({ cast: { purgers = 0, deleters = 0 } }) => purgers + deleters > 0,
  violations: (history, settings) => {
    const drops = surelyDroppedAt(history, settings)
    return history.deliveries.flatMap((delivery) => {
      const { message, queue, startedAt } = delivery
      const { answer } = history.publishes.get(message.body as string) ?? {}
      // A publish that was sent again after a drop may have stored another message.
      if (queue !== queueName(settings) || answer?.messageId !== message.messageId) return []
      if (history.deadLettered.has(message.messageId) || history.repeated.has(message.messageId)) return []
      const dropped = drops.find(({ before, knownAt }) => answer.at < before && startedAt > knownAt)
      return dropped
        ? [`published before ${dropped.before}, dropped, and polled at ${startedAt}: ${nameOf(delivery)}`]
        : []
    })
  },
}
