import type { Engine } from '../engine.ts'
import type { CancelReason } from '../model/cancel-reason.ts'
import { HoldfastError } from '../model/errors.ts'
import { isOrdered } from '../model/group.ts'
import { plainName } from '../model/queue-name.ts'
import { isLeasedUnder, liveAt, slotAt } from '../model/segment.ts'
import { segmentId } from '../model/segment-key.ts'
import { firstPublish } from '../publish/deduplication.ts'
import { isFree } from '../publish/publish-once.ts'
import type { Held } from '../settle/apply-to-handles.ts'
import type { ActionFailure } from '../store/joint.ts'
import type { Built } from './build.ts'
import { markerIn } from './marker.ts'
import type { Origin, Part, ReadState } from './part.ts'
import { ticketId } from './placement.ts'
import type { AckedSegment, TransactionRequest } from './request.ts'
import { itemName } from './result-parts.ts'

/** What the commit does after a cancellation. */
export type Judgement =
  /** Succeed: an attempt under the transaction's id was done before. */
  | { readonly kind: 'done'; readonly attempt: string }
  /** Fail: the transaction can't be done. */
  | { readonly kind: 'final'; readonly reasons: readonly CancelReason[] }
  /** Send the same actions again: they conflicted with another writer. */
  | { readonly kind: 'again' }
  /** Build new actions: the state that these were built on has changed. */
  | { readonly kind: 'rebuild' }

/**
 * Decides what follows from the reasons of a cancellation, and records what the failed conditions found.
 *
 * reads: when a deduplication id is taken, the queue and the message that has the id, as a publish does
 */
export const judge = async (
  engine: Engine,
  built: Built,
  failures: readonly ActionFailure[],
  found: ReadState,
): Promise<Judgement> => {
  const committed = failures.flatMap((failure) => {
    const marker = partOf(built, failure)?.origin.kind === 'marker' && failure.document && markerIn(failure.document)
    return marker && marker.state === 'committed' ? [marker.attempt] : []
  })
  if (committed[0] !== undefined) return { kind: 'done', attempt: committed[0] }
  let rebuild = false
  const reasons: CancelReason[] = []
  for (const failure of failures) {
    const part = partOf(built, failure)
    if (failure.cause === 'throttled') reportThrottle(engine, part)
    if (failure.cause === 'conflict' || failure.cause === 'throttled') continue
    if (part && failure.cause === 'condition' && (await canBuildOn(engine, part, failure, found))) rebuild = true
    else reasons.push(...reasonsOf(built, failure, engine.clock.now()))
  }
  if (reasons.length > 0) return { kind: 'final', reasons }
  return { kind: rebuild ? 'rebuild' : 'again' }
}

const partOf = ({ parts }: Built, { action }: ActionFailure): Part | undefined => parts[action]

/** Reports a throttle to the observer, without its reason: a cancellation does not say which limit was reached. */
const reportThrottle = (engine: Engine, part: Part | undefined): void => {
  if (part?.origin.kind !== 'placing' || part.write.kind !== 'insert') return
  const { shard } = part.write.insert.segment.key.partition
  engine.observe({ type: 'throttled', queue: part.origin.queue, shard, reason: 'unknown' })
}

/** Whether new actions can be built on the state that made a condition fail. Records that state in `found`. */
const canBuildOn = async (engine: Engine, part: Part, failure: ActionFailure, found: ReadState): Promise<boolean> => {
  const { origin, write } = part
  switch (origin.kind) {
    case 'marker':
      found.marker = failure.document?.version ?? 0
      return true
    case 'ack': {
      const { segment } = failure
      const { held, key } = origin.acked
      if (!segment || held.some((one) => lossOf(one, failure, engine.clock.now()) !== undefined)) return false
      found.segments.set(segmentId(key), segment)
      return true
    }
    case 'queue':
      // The next build reads the record, and fails if the queue is gone.
      return true
    case 'placing':
      if (write.kind === 'advance' && failure.lastSequence !== undefined) {
        found.lastSequences.set(ticketId(write.key), failure.lastSequence)
      }
      return true
    case 'result':
      if (write.kind === 'put') found.storedResults.add(itemName(write.key))
      return true
    case 'deduplication': {
      const { document } = failure
      const queue = await engine.queues.get(origin.queue)
      if (document && !(await isFree(engine, queue, document))) return false
      found.replaces.set(origin.position, document?.version ?? 0)
      return true
    }
  }
}

/** How a lease was lost, by the segment that made a condition fail; `undefined` while the lease is held. */
const lossOf = (
  { handle }: Held<undefined>,
  { segment }: ActionFailure,
  now: number,
): 'message-gone' | 'lease-lost' | undefined => {
  const slot = segment && slotAt(segment, handle.index)
  if (!slot || slot.kind === 'gone') return 'message-gone'
  // In an ordered group the lease must still be live: see `ack`.
  const held = isLeasedUnder(slot, handle.token) && (!isOrdered(handle.group?.hash) || liveAt(slot, now))
  return held ? undefined : 'lease-lost'
}

const LOSS_TEXTS = {
  'lease-lost': 'the lease of a message to be acked ended, and the message has been received again since',
  'message-gone': 'a message to be acked is gone: acked, cancelled, moved or expired',
} as const

/** The reasons for a cancellation that a failure gives the caller. */
export const reasonsOf = (built: Built, failure: ActionFailure, now: number): CancelReason[] => {
  const part = partOf(built, failure)
  if (!part) return [ownReason(failure, failure.action - built.parts.length)]
  const queue = queueOf(part.origin)
  const where = queue === undefined ? {} : { queue }
  const at = queue === undefined ? '' : ` in queue ${queue}`
  switch (failure.cause) {
    case 'conflict':
      return [{ reason: 'conflict', ...where, text: `another writer wrote an item${at} at the same time` }]
    case 'throttled':
      return [{ reason: 'throttled', ...where, text: `DynamoDB had no capacity for an item${at}` }]
    case 'refused':
      return [
        { reason: 'refused', ...where, text: `DynamoDB refused an item${at}: ${failure.text ?? 'no reason given'}` },
      ]
    case 'condition':
      return conditionReasons(part.origin, failure, now, built.request.acks)
  }
}

const queueOf = (origin: Origin): string | undefined => {
  if (origin.kind === 'marker') return undefined
  return plainName(origin.kind === 'ack' ? origin.acked.queue.name : origin.queue)
}

const conditionReasons = (
  origin: Origin,
  failure: ActionFailure,
  now: number,
  acks: TransactionRequest['acks'],
): CancelReason[] => {
  const queue = queueOf(origin) ?? ''
  switch (origin.kind) {
    case 'marker': {
      const { transactionId } = origin
      const committed = failure.document !== undefined && markerIn(failure.document).state === 'committed'
      const text = committed
        ? `the transaction ${transactionId} is committed already`
        : `the transaction ${transactionId} was given up by another process`
      return [{ reason: 'id-taken', transactionId, committed, text }]
    }
    case 'ack':
      return ackReasons(origin.acked, failure, now, acks)
    case 'queue':
      return [{ reason: 'queue-changed', queue, text: `queue ${queue} was purged, changed or deleted concurrently` }]
    case 'placing':
      return [
        {
          reason: 'group-moved-on',
          queue,
          text: `other publishers published to a group of queue ${queue} concurrently`,
        },
      ]
    case 'result':
      return [{ reason: 'conflict', queue, text: `the result of a message of queue ${queue} is stored already` }]
    case 'deduplication': {
      const messageId = failure.document ? firstPublish(failure.document).messageId : ''
      const text = `messages[${origin.position}] has the deduplication id of message ${messageId}`
      return [{ reason: 'duplicate', queue, message: origin.position, messageId, text }]
    }
  }
}

const ackReasons = (
  { queue, held }: AckedSegment,
  failure: ActionFailure,
  now: number,
  acks: TransactionRequest['acks'],
): CancelReason[] => {
  const lost = held.map((one) => ({ one, loss: lossOf(one, failure, now) }))
  const known = lost.filter(({ loss }) => loss !== undefined)
  return (known.length > 0 ? known : lost).map(({ one, loss = 'lease-lost' }) => ({
    reason: loss,
    queue: plainName(queue.name),
    receiptHandle: acks[one.position]?.receiptHandle ?? '',
    text: LOSS_TEXTS[loss],
  }))
}

const ownReason = ({ cause, text, item }: ActionFailure, entry: number): CancelReason => {
  switch (cause) {
    case 'condition':
      return {
        reason: 'condition',
        entry,
        ...(item && { item }),
        text: `the condition of entries[${entry}] does not hold`,
      }
    case 'conflict':
      return { reason: cause, entry, text: `another writer wrote the item of entries[${entry}] at the same time` }
    case 'throttled':
      return { reason: cause, entry, text: `DynamoDB had no capacity for entries[${entry}]` }
    case 'refused':
      return { reason: cause, entry, text: `DynamoDB refused entries[${entry}]: ${text ?? 'no reason given'}` }
  }
}

export const canceled = (reasons: readonly CancelReason[], cause?: unknown): HoldfastError =>
  new HoldfastError(
    'TransactionCanceled',
    `nothing was done: ${reasons.map(({ text }) => text).join('; ')}`,
    { reasons },
    { cause },
  )
