import { claimOf, type History, type Transaction } from '../history.ts'
import type { Promised } from './promise.ts'
import { isMove } from './results.ts'

const hasTransactions: Promised['madeFor'] = ({ cast }) => (cast.transactors ?? 0) > 0

const effectsOf = ({ ledger }: History, { name }: Transaction): readonly number[] => ledger.effects.get(name) ?? []

/** The acks and publishes of a transaction happen at the instant of its effect, and never without it. */
export const allOrNothing: Promised = {
  name: 'effect, acks and publishes of a transaction are done once and together, or not at all',
  madeFor: hasTransactions,
  violations: (history) => {
    const idsOf = new Map<unknown, string>()
    for (const { message } of history.deliveries) idsOf.set(message.body, message.messageId)
    return history.transactions.flatMap((transaction) => {
      const { name, deliveries, bodies } = transaction
      const effects = effectsOf(history, transaction)
      if (effects.length > 1) return [`${name} was done at ${effects.join(' and at ')}`]
      const [at] = effects
      const acks = deliveries.filter(({ message }) => !history.repeated.has(message.messageId))
      const wrongAcks = acks.flatMap((delivery) => {
        const { messageId } = delivery.message
        const token = claimOf(history, delivery)?.token
        const entry = history.ledger.of(messageId)
        const acked = entry?.removals.some(
          (one) => one.inTransaction && one.token === token && (at === undefined ? !isMove(entry, one) : one.at === at),
        )
        if (at === undefined)
          return acked && !isCancelled(history, messageId) ? [`${name} acked ${messageId}, and was not done`] : []
        return acked ? [] : [`${name} was done at ${at}, and did not ack ${messageId}`]
      })
      const wrongPublishes = bodies.flatMap((body) => {
        const messageId = idsOf.get(body)
        if (messageId === undefined) return []
        if (at === undefined) return [`${name} was not done, and ${body} was received`]
        const inserted = history.ledger.of(messageId)?.insertedAt.includes(at)
        return inserted ? [] : [`${name} was done at ${at}, and ${body} was published at another time`]
      })
      return [...wrongAcks, ...wrongPublishes]
    })
  },
}

const isCancelled = (history: History, messageId: string): boolean =>
  [...history.removals].some((one) => one.messageId === messageId && one.delivery === undefined)

export const commitsAnswered: Promised = {
  name: 'the outcome that a commit reports is what was done',
  madeFor: hasTransactions,
  violations: (history) =>
    history.transactions.flatMap((transaction) => {
      const { name, outcome, endedAt = 0 } = transaction
      const [at] = effectsOf(history, transaction)
      if (outcome === 'committed' && (at === undefined || at > endedAt)) return [`${name} was committed, and not done`]
      if (outcome === 'nothing' && at !== undefined) return [`${name} was said not to be done, and was done at ${at}`]
      return []
    }),
}

export const effectsOnce: Promised = {
  name: 'the effect of a message happens once',
  madeFor: hasTransactions,
  violations: (history) => {
    const seen = new Map<string, string>()
    return history.transactions.flatMap((transaction) =>
      effectsOf(history, transaction).length === 0
        ? []
        : transaction.deliveries.flatMap(({ message: { messageId } }) => {
            const other = seen.get(messageId)
            seen.set(messageId, transaction.name)
            const again = other !== undefined && !history.repeated.has(messageId)
            return again ? [`${messageId} had its effect by ${other} and by ${transaction.name}`] : []
          }),
    )
  },
}
