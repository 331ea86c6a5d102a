import { isFinal, type MessageStatus } from '../../../lib/model/message-status.ts'
import { outcomeOf } from '../actors/consumer.ts'
import { droppedFrom, expiring } from '../drops.ts'
import { claimOf, type Delivery, type History, type Look } from '../history.ts'
import type { Entry, SlotRemoval } from '../ledger.ts'
import { DEFAULT_SPANS } from '../spans.ts'
import type { WorldSettings } from '../world-settings.ts'
import { jumpMs } from './leases.ts'
import { isDead } from './one-message.ts'
import type { Promised } from './promise.ts'

const keepsResults: Promised['madeFor'] = ({ settings }) => settings?.results !== undefined

/** How a message ended in the table. */
type End =
  | { readonly kind: 'acked'; readonly at: number; readonly delivery: Delivery | undefined }
  | { readonly kind: 'cancelled'; readonly at: number }

/** Whether the removal moved the message to another queue: a dead-letter queue, or back by a redrive. */
export const isMove = ({ insertedAt }: Entry, { at }: SlotRemoval): boolean => insertedAt.indexOf(at, 1) > 0

const endOf = (history: History, messageId: string, entry: Entry): End | undefined => {
  const removal = entry.removals.find((one) => !isMove(entry, one))
  if (!removal) return undefined
  const { at, token, inTransaction } = removal
  const delivery = history.deliveriesOf.get(messageId)?.find((one) => claimOf(history, one)?.token === token)
  const isAck =
    !inTransaction ||
    history.transactions.some(
      ({ name, deliveries }) =>
        delivery && deliveries.includes(delivery) && history.ledger.effects.get(name)?.includes(at),
    )
  return isAck ? { kind: 'acked', at, delivery } : { kind: 'cancelled', at }
}

/** TTL uses DynamoDB's clock, and so may be early by this. */
const EARLY_MS = 1_000
const keptMs = ({ settings }: WorldSettings): number => (settings?.results?.retentionSeconds ?? 0) * 1_000
const offMs = ({ clocksOffByMs = 0, table }: WorldSettings): number =>
  2 * clocksOffByMs + (table?.ttl === 'early' ? EARLY_MS : 0)

/** For how long after the end of a message its status is kept at least, ms. */
export const keptAtLeastMs = (world: WorldSettings): number => keptMs(world) - offMs(world)

/** For how long after the end of a message its status is kept at most, ms: counted from the receive, with as much time for the work. */
const keptAtMostMs = (world: WorldSettings): number => 2 * keptMs(world) + offMs(world)

/** How far an eventually consistent read may lag behind. */
const STALE_MS = 1_000
/** A wait reads again within this time. */
const READ_AGAIN_MS = 1_500
/** Time for the requests that a wait has on their way when its time is over; each takes up to 0.8 s. */
const ON_THE_WAY_MS = 6_000

/** How late a wait may be where its process is paused and its requests are delayed: those of one read, and the last one. */
const slowMs = ({ faults = {}, spans }: WorldSettings): number => {
  const { pauseMs, lateMs } = { ...DEFAULT_SPANS, ...spans }
  const isDelayed = faults['request delayed'] || faults['answer delayed']
  return (faults.paused ? 2 * pauseMs[1] : 0) + (isDelayed ? 3 * lateMs[1] : 0)
}

const nameOf = ({ by, messageId, startedAt, waitedMs, answer }: Look): string =>
  `${by} read at ${startedAt} that ${messageId} is ${JSON.stringify(answer)}${waitedMs === undefined ? '' : `, after a wait of up to ${waitedMs} ms`}`

const judged = (history: History, judge: (look: Look, entry: Entry, end: End | undefined) => string | undefined) =>
  history.looks.flatMap((look) => {
    const entry = history.ledger.of(look.messageId)
    if (!entry || history.repeated.has(look.messageId)) return []
    const wrong = judge(look, entry, endOf(history, look.messageId, entry))
    return wrong === undefined ? [] : [`${nameOf(look)}: ${wrong}`]
  })

/** A result is that of the consumer whose ack removed the message, and is read only once the message is removed. */
export const resultsOfHolders: Promised = {
  name: 'a result is that of the consumer that held the message last, and is read only after the ack',
  madeFor: keepsResults,
  violations: (history, world) => {
    const dropped = droppedFrom(history, world)
    const mayExpire = expiring(history)
    return judged(history, ({ messageId, endedAt, waitedMs, answer: { status, result, failure } }, _, end) => {
      // The ack of an expired message leaves no result, and that of an earlier consumer may have left one.
      if (mayExpire(messageId)) return undefined
      // An ack from before a purge may leave its result even if its caller gave it up, and acks after the purge leave none.
      if (dropped(messageId) <= endedAt) return undefined
      if (status.state !== 'done' && status.state !== 'failed') return undefined
      if (!end || end.at > endedAt) return 'it was not removed by then'
      if (end.kind === 'cancelled') return 'it was cancelled'
      if (!end.delivery) return 'nobody received it under the lease that was acked'
      if (isDead(end.delivery)) return 'it was acked as a dead letter'
      const outcome = outcomeOf(end.delivery)
      if ((status.state === 'failed') !== (outcome.failure !== undefined)) {
        return `its consumer's outcome is ${JSON.stringify(outcome)}`
      }
      // A status has no result.
      if (waitedMs === undefined) return undefined
      const isSame = result === outcome.result && failure?.message === outcome.failure?.message
      return isSame ? undefined : `its consumer's outcome is ${JSON.stringify(outcome)}`
    })
  },
}

/** A status is final only for a message that has ended, and names how it ended. */
export const trueEndings: Promised = {
  name: 'the status of a message that has ended is how it ended',
  madeFor: keepsResults,
  violations: (history, world) => {
    const dropped = droppedFrom(history, world)
    const mayExpire = expiring(history)
    return judged(history, (look, entry, end) => {
      const { startedAt, endedAt, waitedMs, answer } = look
      const { status } = answer
      const moved = entry.removals.some((one) => isMove(entry, one) && one.at <= endedAt)
      if (dropped(look.messageId) <= endedAt) return undefined
      // The ack of an expired message leaves no result.
      if (status.state === 'gone' && mayExpire(look.messageId)) return undefined
      if (status.state === 'gone') {
        return end && endedAt >= end.at + keptAtLeastMs(world) ? undefined : 'how it ended is forgotten too early'
      }
      if (status.state === 'cancelled' && (end?.kind !== 'cancelled' || end.at > endedAt)) return 'it was not cancelled'
      if (status.state === 'deadLettered' && !moved) return 'it was not moved'
      if (isFinal(status) || !end) return undefined
      const lateMs =
        waitedMs === undefined ? endedAt - startedAt + STALE_MS : READ_AGAIN_MS + ON_THE_WAY_MS + slowMs(world)
      return end.at < endedAt - lateMs ? `it had ended at ${end.at}` : undefined
    })
  },
}

export const statusesForgotten: Promised = {
  name: 'the status of a message that has ended is kept for its time and no longer',
  madeFor: keepsResults,
  violations: (history, world) =>
    judged(history, ({ startedAt, answer: { status } }, _, end) =>
      isFinal(status) && status.state !== 'gone' && end && startedAt > end.at + keptAtMostMs(world)
        ? `it had ended at ${end.at}`
        : undefined,
    ),
}

export const leasedStatuses: Promised = {
  name: 'a message has the status leased only under a lease, and for a second afterwards',
  madeFor: keepsResults,
  violations: (history, { clocksOffByMs = 0 }) =>
    judged(history, ({ startedAt, endedAt, answer: { status } }, { leases }) => {
      if (status.state !== 'leased') return undefined
      const isLeased = leases.some(
        (lease) =>
          lease.from <= endedAt && Math.min(lease.endedAt, lease.until + 2 * clocksOffByMs) + STALE_MS > startedAt,
      )
      return isLeased ? undefined : 'its lease was over'
    }),
}

export const waitsEnd: Promised = {
  name: 'a wait for a result ends in time, and not before it has one',
  madeFor: keepsResults,
  violations: (history, world) =>
    judged(history, ({ startedAt, endedAt, waitedMs, answer: { status } }) => {
      if (waitedMs === undefined) return undefined
      if (endedAt - startedAt > waitedMs + ON_THE_WAY_MS + slowMs(world))
        return `it ended after ${endedAt - startedAt} ms`
      const early = !isFinal(status) && endedAt - startedAt + jumpMs(world.faults) < waitedMs
      return early ? `it ended after ${endedAt - startedAt} ms` : undefined
    }),
}

const finalState = (history: History, messageId: string, end: End): MessageStatus['state'] | undefined => {
  // A message that was cancelled in the dead-letter queue keeps the status dead-lettered in the queue that it came from.
  if (end.kind === 'cancelled') return history.deadLettered.has(messageId) ? undefined : 'cancelled'
  if (!end.delivery) return undefined
  if (isDead(end.delivery)) return 'deadLettered'
  return outcomeOf(end.delivery).failure ? 'failed' : 'done'
}

/** The status that each producer must read at rest, when all messages were acked or cancelled. */
export const finalStates = (
  history: History,
  settings: WorldSettings,
): ReadonlyMap<string, { readonly state: MessageStatus['state']; readonly at: number }> => {
  const dropped = droppedFrom(history, settings)
  const mayExpire = expiring(history)
  const states = new Map<string, { readonly state: MessageStatus['state']; readonly at: number }>()
  for (const { answer } of history.publishes.values()) {
    const entry = answer && history.ledger.of(answer.messageId)
    if (!answer || !entry || history.repeated.has(answer.messageId)) continue
    if (dropped(answer.messageId) < Number.POSITIVE_INFINITY || mayExpire(answer.messageId)) continue
    const end = endOf(history, answer.messageId, entry)
    const state = end && finalState(history, answer.messageId, end)
    if (state) states.set(answer.messageId, { state, at: end.at })
  }
  return states
}
