import { droppedFrom } from '../drops.ts'
import { claimOf, isCertain, nameOf } from '../history.ts'
import { groupedBy, type Promised } from './promise.ts'

export const removedForGood: Promised = {
  name: 'a message that was acked or cancelled is not received again, from any queue',
  violations: (history, world) => {
    const { settings } = world
    // An ack in a queue that was created again finds no message, and some polls may not have read the new queue yet.
    const droppedAt = droppedFrom(history, world)
    const endedAt = new Map<string, number>()
    for (const removal of history.removals) {
      const { messageId } = removal
      if (!isCertain(removal, settings?.deadLetter?.maxReceives) || history.repeated.has(messageId)) continue
      if (droppedAt(messageId) <= (removal.endedAt ?? 0)) continue
      endedAt.set(messageId, Math.min(endedAt.get(messageId) ?? Number.POSITIVE_INFINITY, removal.endedAt ?? 0))
    }
    return history.deliveries
      .filter(({ message, startedAt }) => startedAt > (endedAt.get(message.messageId) ?? Number.POSITIVE_INFINITY))
      .map((delivery) => `came back after it was removed: ${nameOf(delivery)}`)
  },
}

/**
 * An ack with a handle that another receive has outdated does nothing, unless the message was gone before: another actor
 * removed it, or its time to live was over.
 */
export const outdatedHandles: Promised = {
  name: 'a handle that another receive has outdated removes nothing',
  violations: (history, world) => {
    const { settings } = world
    const droppedAt = droppedFrom(history, world)
    const removals = groupedBy(history.removals, ({ messageId }) => messageId)
    return [...history.removals].flatMap((ack) => {
      const { delivery, messageId, endedAt = 0 } = ack
      const received = history.deliveriesOf.get(messageId) ?? []
      const dropped = history.publishes.get(delivery?.message.body as string)?.timeToLiveSeconds !== undefined
      if (
        !delivery ||
        dropped ||
        droppedAt(messageId) <= endedAt ||
        received.length < 2 ||
        history.repeated.has(messageId)
      )
        return []
      if (!isCertain(ack, settings?.deadLetter?.maxReceives)) return []
      const goneBefore = removals
        .get(messageId)
        ?.some((other) => other.outcome !== 'refused' && other.delivery !== delivery && other.startedAt < endedAt)
      if (goneBefore) return []
      return received
        .filter(
          (other) =>
            other.queue === delivery.queue &&
            other.message.receiptHandle !== delivery.message.receiptHandle &&
            (claimOf(history, other)?.order ?? 0) > (claimOf(history, delivery)?.order ?? 0) &&
            other.endedAt < ack.startedAt,
        )
        .map((other) => `acked with a handle of before: ${nameOf(delivery)}, though there was ${nameOf(other)}`)
    })
  },
}
