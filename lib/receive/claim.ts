import type { Engine } from '../engine.ts'
import type { Lane, Request } from '../hints/scan-target.ts'
import { type Content, contentOf } from '../model/content.ts'
import { type HoldfastError, isHoldfastError } from '../model/errors.ts'
import type { Message } from '../model/message.ts'
import { encodeReceiptHandle } from '../model/receipt-handle.ts'
import {
  type Change,
  claim,
  goneCount,
  holds,
  type Lease,
  remove,
  type Segment,
  slotAt,
  TOKEN_BYTES,
  unclaim,
} from '../model/segment.ts'
import type { Claim, ClaimOutcome } from '../store/port.ts'
import {
  type After,
  anyExhausted,
  type Candidate,
  candidatesOf,
  isScramble,
  noteDensity,
  noteNewest,
  pick,
  without,
  withoutExhausted,
} from './candidates.ts'

export interface Claimed {
  readonly messages: Message[]
  readonly after: After
}

/** Losing this much of a round means that what was read is out of date. */
const STALE_LOSS = 0.5
const ROUNDS = 3
/** How long content may take to follow its header: both are written at once, and retried for seconds. */
const ORPHAN_AFTER_MS = 60_000
/** The longest wait for each other poller there seems to be: about a claim's round trip. */
const DEFER_MS = { least: 4, most: 25 }
/** Had there been others, one of them would likely have come first. */
const ENOUGH_PATIENCE = 0.25

/**
 * Claims up to `want` messages of the segments read: their heads when alone, a random part when other pollers were
 * noticed. Messages that used up their receives go to the dead-letter queue here.
 */
export const claimFrom = async (
  engine: Engine,
  lane: Lane,
  segments: readonly Segment[],
  request: Request,
  { more = false } = {},
): Promise<Claimed> => {
  const claimed: Claimed = { messages: [], after: new Map() }
  if (request.want <= 0 || request.signal?.aborted) return claimed
  let candidates = candidatesOf(engine, lane, segments, claimed.after)
  if (anyExhausted(lane.queue, candidates)) candidates = await withoutExhausted(engine, lane, candidates, claimed.after)
  noteDensity(lane, segments, candidates, engine.clock.now())
  if (!more && isScramble(lane, candidates, request.want)) {
    candidates = await deferred(engine, lane, segments, candidates, request, claimed.after)
    if (request.signal?.aborted) return claimed
  }
  for (let round = 0; round < ROUNDS && candidates.length > 0; round++) {
    const picked = pick(engine, lane, candidates, request.want - claimed.messages.length)
    if (picked.length === 0) break
    const lost = await claimPicked(engine, lane, picked, request, claimed)
    if (claimed.messages.length >= request.want || lost > picked.length * STALE_LOSS) break
    candidates = without(candidates, picked)
  }
  return claimed
}

/**
 * Few messages and many pollers: whoever waits the shortest takes them, and the rest, having read again, write nothing.
 * A read costs a fraction of a lost race.
 */
const deferred = async (
  engine: Engine,
  lane: Lane,
  segments: readonly Segment[],
  candidates: readonly Candidate[],
  { signal }: Request,
  after: After,
): Promise<Candidate[]> => {
  const from = candidates[0]?.segment.key.sort
  const to = candidates.at(-1)?.segment.key.sort
  if (from === undefined || to === undefined) return []
  const { contention, roundTripMs } = lane.memory
  const patience = engine.random.fraction()
  const turnMs = Math.min(DEFER_MS.most, Math.max(DEFER_MS.least, roundTripMs))
  await engine.clock.sleep(patience * contention.pressure * turnMs, signal)
  if (signal?.aborted) return []
  const page = await engine.store.headers({ partition: lane.partition, from, to, limit: segments.length })
  for (const { segment } of candidates) after.set(segment.key.sort, undefined)
  for (const segment of page.segments) after.set(segment.key.sort, segment)
  const found = candidatesOf(engine, lane, page.segments, after)
  const left = anyExhausted(lane.queue, found) ? await withoutExhausted(engine, lane, found, after) : found
  const untouched =
    left.length === candidates.length &&
    left.every(({ segment: { version } }, position) => version === candidates[position]?.segment.version)
  if (untouched && patience > ENOUGH_PATIENCE) contention.observeIdle()
  return left
}

/** Claims what was picked; answers how many claims were lost to others. */
const claimPicked = async (
  engine: Engine,
  lane: Lane,
  picked: readonly Candidate[],
  request: Request,
  claimed: Claimed,
): Promise<number> => {
  const { reserved } = lane.memory
  for (const { segment, indexes } of picked) reserved.add(segment.key.sort, indexes)
  try {
    const now = engine.clock.now()
    const lease = { token: engine.random.bytes(TOKEN_BYTES), now, until: now + request.leaseMs }
    const claims = picked.map(({ segment, indexes }) => ({ segment, change: claim(segment, indexes, lease) }))
    const answered = await engine.store.claim(claims)
    const outcomes = answered.every(isWhole) ? answered : await recognizeOwn(engine, answered, picked, lease.token)
    const fault = faultOf(outcomes)
    if (fault && claimed.messages.length === 0) throw fault
    const abandoned = request.signal?.aborted ?? false
    if (abandoned || !outcomes.every(isWhole)) await putBack(engine, lane, claims, outcomes, { abandoned, ...lease })
    return noteOutcomes(engine, lane, picked, outcomes, { claimed, abandoned, now })
  } finally {
    for (const { segment, indexes } of picked) reserved.remove(segment.key.sort, indexes)
  }
}

const isWhole = (outcome: ClaimOutcome): boolean => outcome.applied && outcome.content !== undefined

/** Why none of the claims could be tried. */
const faultOf = (outcomes: readonly ClaimOutcome[]): HoldfastError | undefined => {
  let fault: HoldfastError | undefined
  for (const outcome of outcomes) {
    if (outcome.applied || !outcome.error) return undefined
    fault ??= outcome.error
  }
  return fault
}

/** Undoes claims whose messages nobody will get: those without content, and all of them when the caller has gone. */
const putBack = async (
  engine: Engine,
  lane: Lane,
  claims: readonly Claim[],
  outcomes: readonly ClaimOutcome[],
  { abandoned, token }: { abandoned: boolean; token: Uint8Array },
): Promise<void> => {
  for (const [position, { segment, change }] of claims.entries()) {
    const outcome = outcomes[position]
    if (!outcome?.applied) continue
    if (outcome.content === undefined) await giveUp(engine, lane, { segment, change }, outcome.segment, token)
    else if (abandoned) await engine.store.change([unclaim(segment, indexesOf(change), token)])
  }
}

/** Takes note of what became of the claims, and of the messages they brought; answers how many were lost to others. */
const noteOutcomes = (
  engine: Engine,
  lane: Lane,
  picked: readonly Candidate[],
  outcomes: readonly ClaimOutcome[],
  { claimed, abandoned, now }: { claimed: Claimed; abandoned: boolean; now: number },
): number => {
  let lost = 0
  for (const [position, outcome] of outcomes.entries()) {
    const { segment, indexes } = picked[position] as Candidate
    if (outcome.segment) noteNewest(lane, outcome.segment)
    const delivered = outcome.applied && outcome.content !== undefined && !abandoned
    const unsure = outcome.applied ? !delivered : outcome.error !== undefined
    claimed.after.set(segment.key.sort, unsure ? 'unknown' : outcome.segment)
    if (delivered) {
      claimed.messages.push(...messagesOf(lane, outcome.segment, outcome.content, indexes, { segment, now }))
    } else if (!outcome.applied && !outcome.error) lost++
  }
  lane.memory.contention.observe({ won: picked.length - lost, lost })
  if (lost > 0) engine.observe({ type: 'lost-race', queue: lane.queue.name, count: lost })
  return lost
}

/** A claim that failed because its own first try had succeeded, its answer lost, is a success. */
const recognizeOwn = async (
  engine: Engine,
  outcomes: readonly ClaimOutcome[],
  picked: readonly Candidate[],
  token: Uint8Array,
): Promise<readonly ClaimOutcome[]> =>
  Promise.all(
    outcomes.map(async (outcome, position) => {
      const { indexes } = picked[position] as Candidate
      const { segment } = outcome
      if (
        outcome.applied ||
        outcome.error ||
        !segment ||
        !indexes.every((index) => holds(slotAt(segment, index), token))
      )
        return outcome
      try {
        const [stored] = await engine.store.read([segment.key])
        return stored ? { applied: true as const, segment: stored.segment, content: stored.content } : outcome
      } catch (error) {
        // The claims beside this one were made.
        if (!isHoldfastError(error)) throw error
        return { applied: false as const, segment: undefined, error }
      }
    }),
  )

/** A header without content: its publish failed half-way, or its content is a moment late. */
export const giveUp = async (
  engine: Engine,
  lane: Lane,
  { segment, change }: Claim,
  now: Segment,
  token: Uint8Array,
) => {
  const orphan = engine.clock.now() - segment.publishedAt > ORPHAN_AFTER_MS
  await engine.store.change([orphan ? remove(now) : unclaim(segment, indexesOf(change), token)])
  if (orphan) engine.observe({ type: 'orphan-dropped', queue: lane.queue.name })
}

const indexesOf = ({ slots = [] }: Change): number[] => slots.map(([index]) => index)

export const messagesOf = (
  { queue }: Lane,
  segment: Segment,
  content: Content,
  indexes: readonly number[],
  read: { segment: Segment; now: number },
): Message[] => {
  const gone = goneCount(read.segment)
  return indexes.map((index) => {
    const slot = slotAt(segment, index) as Lease
    return {
      receiptHandle: encodeReceiptHandle(queue.name, {
        shard: segment.key.partition.shard,
        sort: segment.key.sort,
        index,
        token: slot.token,
        count: segment.slots.length,
        claimed: indexes.length,
        gone,
        receiveCount: slot.receiveCount,
        firstReceivedAt: slot.firstReceivedAt,
        receivedAt: read.now,
        ...(segment.key.partition.group !== undefined && {
          group: { hash: segment.key.partition.group, lastSequence: '' },
        }),
      }),
      receiveCount: slot.receiveCount,
      firstReceivedAt: slot.firstReceivedAt,
      leasedUntil: slot.until,
      // Last, not first: V8 is many times slower in adding to a copy than in copying onto a literal.
      ...contentOf(segment, content, index),
    }
  })
}
