import { droppedFrom, expiring } from '../drops.ts'
import { claimOf, nameOf } from '../history.ts'
import type { Promised } from './promise.ts'

const hasTrigger: Promised['madeFor'] = ({ trigger }) => trigger !== undefined

/** Holds whoever else consumes: slots and leases outlast each invocation. */
export const invocationsApart: Promised = {
  name: 'a trigger has no more invocations at one time than its maximum, and no message is in two',
  madeFor: hasTrigger,
  violations: ({ invocations, repeated }, { trigger }) =>
    invocations.flatMap((one, at) => {
      const { startedAt } = one
      const others = invocations.slice(0, at).filter(({ endedAt }) => endedAt > startedAt)
      const maximum = trigger?.maxConcurrency ?? 0
      const many =
        others.length >= maximum ? [`${others.length + 1} invocations run at ${startedAt}, and ${maximum} may`] : []
      const ids = new Set(one.messages.map(({ messageId }) => messageId))
      const both = others
        .flatMap(({ messages }) => messages)
        .filter(({ messageId }) => ids.has(messageId) && !repeated.has(messageId))
      return [...many, ...both.map(({ body }) => `${body} is in two invocations at ${startedAt}`)]
    }),
}

/** For runs that ended alive, and that told of nothing that they could not settle. */
export const doneIsRemoved: Promised = {
  name: 'what a function is done with is removed before the run of its dispatcher ends',
  madeFor: hasTrigger,
  violations: (history, settings) => {
    const droppedAt = droppedFrom(history, settings)
    const mayExpire = expiring(history)
    return history.invocations.flatMap(({ by, removals, settledAt }) =>
      removals.flatMap(({ messageId, delivery }) => {
        if (!delivery || settledAt === Number.POSITIVE_INFINITY || history.repeated.has(messageId)) return []
        if (mayExpire(messageId) || droppedAt(messageId) <= settledAt) return []
        const isGone = history.ledger.of(messageId)?.removals.some(({ at }) => at <= settledAt)
        return isGone ? [] : [`${by} had settled all at ${settledAt}, and did not remove ${nameOf(delivery)}`]
      }),
    )
  },
}

/** An invocation without an answer is not done. What others remove in transactions, by a move or a cancel, may bear its lease's token. */
export const failedStays: Promised = {
  name: 'a trigger acks no message but those that its function is done with',
  madeFor: hasTrigger,
  violations: (history, settings) => {
    const droppedAt = droppedFrom(history, settings)
    const mayExpire = expiring(history)
    return history.invocations.flatMap(({ deliveries, removals }) => {
      const done = new Set(removals.map(({ messageId }) => messageId))
      return deliveries.flatMap((delivery) => {
        const { messageId } = delivery.message
        if (done.has(messageId) || history.repeated.has(messageId) || mayExpire(messageId)) return []
        const token = claimOf(history, delivery)?.token
        const acked = history.ledger.of(messageId)?.removals.find((one) => one.token === token && !one.inTransaction)
        if (!acked || droppedAt(messageId) <= acked.at) return []
        return [`acked, though its function was not done with it: ${nameOf(delivery)}`]
      })
    })
  },
}
