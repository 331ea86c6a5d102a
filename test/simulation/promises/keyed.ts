import type { History, Publish } from '../history.ts'
import { groupedBy, type Promised } from './promise.ts'

const stored = ({ ledger }: History, { body }: Publish): readonly string[] => [...(ledger.idsOf.get(body) ?? [])]

/** A call with an idempotency key is done once, as a whole, however often it is sent, and all answers are the same. */
export const keyedOnce: Promised = {
  name: 'a publish with an idempotency key is stored once and whole, however often it is sent',
  madeFor: ({ idempotencyKeys }) => idempotencyKeys !== undefined,
  violations: (history) => {
    // A queue that is created again does not have the keys of the one before.
    if (history.drops.some(({ kind }) => kind === 'deletion')) return []
    const keyed = [...history.publishes.values()].filter(({ key }) => key !== undefined)
    const perMessage = keyed.flatMap((one) => {
      const ids = stored(history, one)
      const [id = ''] = ids
      const again = history.repeated.has(id)
      return [
        ...(ids.length > 1 ? [`${one.body} was stored as ${ids.join(' and as ')}`] : []),
        ...(again ? [`${one.body} was stored again after it was gone`] : []),
        ...(one.otherIds.length > 0 ? [`${one.body} was answered as ${one.otherIds.join(', ')} too`] : []),
        ...(one.answer && one.deduplicationId === undefined && !ids.includes(one.answer.messageId)
          ? [`${one.body} was answered as ${one.answer.messageId}, which was never stored`]
          : []),
      ]
    })
    const calls = [...groupedBy(keyed, ({ key }) => String(key)).values()]
    return [...perMessage, ...calls.flatMap((call) => parted(history, call))]
  },
}

/** The messages of a call must be stored in one instant, except those with a deduplication id, which may be duplicates. */
const parted = (history: History, call: readonly Publish[]): string[] => {
  const plain = call.filter(({ deduplicationId }) => deduplicationId === undefined)
  const instants = new Set(plain.map((one) => history.ledger.of(stored(history, one)[0] ?? '')?.insertedAt[0]))
  return instants.size > 1 ? [`the messages of ${call[0]?.key} were stored at ${[...instants].join(', ')}`] : []
}
