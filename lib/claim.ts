import {
  type After,
  type Candidate,
  candidatesOf,
  isScramble,
  noteDensity,
  noteNewest,
  pick,
  without,
} from './candidates.ts'
import { type Content, contentOf } from './content.ts'
import type { Engine } from './engine.ts'
import type { Lane, Request } from './lane.ts'
import type { Message } from './message.ts'
import { encodeReceiptHandle } from './receipt-handle.ts'
import { claim, goneCount, holds, type Lease, remove, type Segment, slotAt, TOKEN_BYTES, unclaim } from './segment.ts'
import type { Claim, ClaimOutcome } from './store.ts'

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
  let candidates = await candidatesOf(engine, lane, segments, claimed.after)
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
  const left = await candidatesOf(engine, lane, page.segments, after)
  const untouched =
    left.length === candidates.length &&
    left.every(({ segment: { version } }, position) => version === candidates[position]?.segment.version)
  if (untouched && patience > ENOUGH_PATIENCE) contention.sawNobody()
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
  const { reserved, contention } = lane.memory
  for (const { segment, indexes } of picked) reserved.add(segment.key.sort, indexes)
  try {
    const now = engine.clock.now()
    const lease = { token: engine.random.bytes(TOKEN_BYTES), now, until: now + request.leaseMs }
    const claims = picked.map(({ segment, indexes }) => ({ segment, change: claim(segment, indexes, lease) }))
    const outcomes = await recognizeOwn(engine, await engine.store.claim(claims), picked, lease.token)
    const fault = outcomes.every((outcome) => !outcome.applied && outcome.error) && outcomes[0]
    if (fault && !fault.applied && claimed.messages.length === 0) throw fault.error
    let lost = 0
    for (const [position, outcome] of outcomes.entries()) {
      const { segment, indexes } = picked[position] as Candidate
      if (!outcome.applied && !outcome.error) lost++
      const arrived = outcome.applied && outcome.content !== undefined
      if (outcome.applied && !arrived)
        await giveUp(engine, lane, claims[position] as Claim, outcome.segment, lease.token)
      const abandoned = arrived && request.signal?.aborted
      if (abandoned) await engine.store.change([unclaim(segment, indexes, lease.token)])
      if (outcome.segment) noteNewest(lane, outcome.segment)
      const unsure = outcome.applied ? !arrived || abandoned : outcome.error !== undefined
      claimed.after.set(segment.key.sort, unsure ? 'unknown' : outcome.segment)
      if (outcome.applied && outcome.content && !abandoned) {
        claimed.messages.push(...messagesOf(lane, outcome.segment, outcome.content, indexes, { segment, now }))
      }
    }
    contention.saw({ won: picked.length - lost, lost })
    if (lost > 0) engine.observe({ type: 'lost-race', queue: lane.queue.name, count: lost })
    return lost
  } finally {
    for (const { segment, indexes } of picked) reserved.remove(segment.key.sort, indexes)
  }
}

/** A claim that failed because its own first try had succeeded, its answer lost, is a success. */
const recognizeOwn = async (
  engine: Engine,
  outcomes: readonly ClaimOutcome[],
  picked: readonly Candidate[],
  token: Uint8Array,
): Promise<readonly ClaimOutcome[]> => {
  if (outcomes.every(({ applied }) => applied)) return outcomes
  return Promise.all(
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
      const [stored] = await engine.store.read([segment.key])
      return stored ? { applied: true as const, segment: stored.segment, content: stored.content } : outcome
    }),
  )
}

/** A header without content: its publish failed half-way, or its content is a moment late. */
const giveUp = async (engine: Engine, lane: Lane, { segment, change }: Claim, now: Segment, token: Uint8Array) => {
  const orphan = engine.clock.now() - segment.publishedAt > ORPHAN_AFTER_MS
  const indexes = (change.slots ?? []).map(([index]) => index)
  await engine.store.change([orphan ? remove(now) : unclaim(segment, indexes, token)])
  if (orphan) engine.observe({ type: 'orphan-dropped', queue: lane.queue.name })
}

const messagesOf = (
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
          group: { hash: segment.key.partition.group, lastSequence: '', taken: 0 },
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
