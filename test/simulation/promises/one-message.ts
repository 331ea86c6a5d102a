import { type Delivery, nameOf, type Publish } from '../history.ts'
import type { Promised } from './promise.ts'

/** A message is stored once, however often its publish was sent, and a deduplication id stands for one message. */
export const oneMessage: Promised = {
  name: 'each received message was published, and as one message',
  violations: (history, { settings }) => {
    const deduplicationForgets =
      settings?.deduplicationMode === 'pending' ||
      settings?.deduplicationWindowSeconds !== undefined ||
      history.drops.length > 0
    const isDeleted = history.drops.some(({ kind }) => kind === 'deletion')
    /** Whether a repeated publish may store the message again: the queue has forgotten its id, or the queue with its key was deleted. */
    const mayRepeat = ({ deduplicationId, key }: Publish) =>
      (deduplicationForgets && deduplicationId !== undefined) || (isDeleted && key !== undefined)
    const found: string[] = []
    const ids = new Map<string, { messageId: string; sequenceNumber: string | undefined }>()
    const meet = (name: string, messageId: string, sequenceNumber: string | undefined, what: () => string) => {
      const first = ids.get(name)
      if (!first) ids.set(name, { messageId, sequenceNumber })
      else if (first.messageId !== messageId)
        found.push(`${what()} is ${messageId}, but ${name} was ${first.messageId}`)
      // A message gets another number in a dead-letter queue, and another one when it is redriven.
      else if (sequenceNumber !== undefined && first.sequenceNumber !== sequenceNumber) {
        found.push(`${what()} has number ${sequenceNumber}, but ${name} had ${first.sequenceNumber}`)
      }
    }
    const nameFor = ({ body, deduplicationId }: Publish) =>
      deduplicationId !== undefined && !deduplicationForgets ? deduplicationId : body
    for (const one of history.publishes.values()) {
      // Where ids are forgotten after a while, an earlier answer may be for another body under the same id.
      if (deduplicationForgets && one.deduplicationId !== undefined) continue
      if (one.answer)
        meet(nameFor(one), one.answer.messageId, one.answer.sequenceNumber, () => `the publish of ${one.body}`)
    }
    for (const delivery of history.deliveries) {
      const { body, messageId, sequenceNumber } = delivery.message
      const one = history.publishes.get(body as string)
      if (!one) found.push(`nobody published ${nameOf(delivery)}`)
      else if (one.groupId !== delivery.message.groupId) {
        found.push(`in another group than published: ${nameOf(delivery)}`)
      } else if (!history.repeated.has(messageId) && !mayRepeat(one)) {
        meet(
          nameFor(one),
          messageId,
          isDead(delivery) || history.deadLettered.has(messageId) ? undefined : sequenceNumber,
          () => `the receive of ${nameOf(delivery)}`,
        )
      }
    }
    return found
  },
}

/** Whether the delivery is from a dead-letter queue. */
export const isDead = ({ queue }: Delivery): boolean => queue.includes('dead')
