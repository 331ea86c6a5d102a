import { nameOf } from '../history.ts'
import { jumpMs } from './leases.ts'
import type { Promised } from './promise.ts'

/** A message is dropped at a whole second; a poll that is in progress by then may still receive it. */
export const notPastItsTime: Promised = {
  name: 'a poll receives no message whose time to live was over when it began',
  madeFor: ({ timesToLive }) => timesToLive !== undefined,
  violations: (history, { clocksOffByMs = 0, faults }) =>
    history.deliveries.flatMap((delivery) => {
      const { message, startedAt } = delivery
      const { timeToLiveSeconds } = history.publishes.get(message.body as string) ?? {}
      if (timeToLiveSeconds === undefined || history.rescheduled.has(message.messageId)) return []
      // A dead letter has the retention of the dead-letter queue.
      if (history.deadLettered.has(message.messageId)) return []
      const endsAt = Math.ceil((message.dueAt + timeToLiveSeconds * 1_000) / 1_000) * 1_000
      // The poller judges by its own clock.
      return startedAt >= endsAt + clocksOffByMs + jumpMs(faults)
        ? [`${nameOf(delivery)} was polled at ${startedAt}, and its time ended at ${endsAt}`]
        : []
    }),
}
