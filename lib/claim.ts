import { type Content, contentOf } from './content.ts'
import { deadLetter } from './dead-letter.ts'
import type { Engine } from './engine.ts'
import type { Lane, Request } from './lane.ts'
import type { Message } from './message.ts'
import { isDropped } from './queue-record.ts'
import { encodeReceiptHandle } from './receipt-handle.ts'
import {
  claim,
  goneCount,
  holds,
  type Lease,
  receivable,
  receiveCountOf,
  remove,
  type Segment,
  slotAt,
  TOKEN_BYTES,
  unclaim,
} from './segment.ts'
import { dueAtOf } from './segment-key.ts'
import { shuffled } from './shuffle.ts'
import type { Claim, ClaimOutcome } from './store.ts'

export interface Claimed {
  readonly messages: Message[]
  /** Segments that are no longer as they were read: what they are now, gone, or not known. */
  readonly after: Map<string, Segment | 'unknown' | undefined>
}

interface Candidate {
  readonly segment: Segment
  readonly indexes: number[]
}

/** Losing this much of a round means that what was read is out of date. */
const STALE_LOSS = 0.5
const ROUNDS = 3
const CROWDED = 1.5
/** How long content may take to follow its header: both are written at once, and retried for seconds. */
const ORPHAN_AFTER_MS = 60_000
const DEFER_MS = 4

/**
 * Claims up to `want` messages of the segments read: their heads when alone, a random part when other pollers were
 * noticed. Messages that used up their receives go to the dead-letter queue here.
 */
export const claimFrom = async (
  engine: Engine,
  lane: Lane,
  segments: readonly Segment[],
  request: Request,
): Promise<Claimed> => {
  const claimed: Claimed = { messages: [], after: new Map() }
  if (request.want <= 0 || request.signal?.aborted) return claimed
  let candidates = await candidatesOf(engine, lane, segments, claimed)
  noteDensity(lane, candidates)
  if (isScramble(lane, candidates, request.want)) {
    // Few messages and many pollers: whoever waits the shortest takes them, and the rest, having read again, write
    // nothing. A read costs a fraction of a lost race.
    await engine.clock.sleep(engine.random.fraction() * lane.memory.contention.pressure * DEFER_MS, request.signal)
    if (request.signal?.aborted) return claimed
    candidates = await reread(engine, lane, segments, candidates, claimed)
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

const candidatesOf = async (
  engine: Engine,
  lane: Lane,
  segments: readonly Segment[],
  claimed: Claimed,
): Promise<Candidate[]> => {
  const { queue, memory } = lane
  const now = engine.clock.now()
  const limit = queue.settings.deadLetter?.maxReceives ?? Number.POSITIVE_INFINITY
  const candidates: Candidate[] = []
  for (const segment of segments) {
    if (dueAtOf(segment.key.sort) > now) break
    if (isDropped(queue, segment, now)) continue
    const free = receivable(segment, now).filter((index) => !memory.reserved.has(reservation(segment, index)))
    if (free.length === 0) {
      // Another poll of this process is at it: what becomes of it is not known yet.
      if (receivable(segment, now).length > 0) claimed.after.set(segment.key.sort, 'unknown')
      continue
    }
    const spent = free.filter((index) => receiveCountOf(slotAt(segment, index)) >= limit)
    if (spent.length === 0) candidates.push({ segment, indexes: free })
    else {
      const left = await deadLetter(engine, queue, segment, spent)
      claimed.after.set(segment.key.sort, left.segment)
      // Without a dead-letter queue to take them they are delivered once more rather than lost.
      const indexes = left.moved ? free.filter((index) => !spent.includes(index)) : free
      if (left.segment && indexes.length > 0) candidates.push({ segment: left.segment, indexes })
    }
  }
  return candidates
}

const noteDensity = ({ memory }: Lane, candidates: readonly Candidate[]): void => {
  for (const { indexes } of candidates.slice(0, 4)) memory.density += (indexes.length - memory.density) / 8
}

const isScramble = ({ memory }: Lane, candidates: readonly Candidate[], want: number): boolean => {
  const { pressure } = memory.contention
  if (pressure < CROWDED || candidates.length === 0) return false
  const supply = candidates.reduce((sum, { indexes }) => sum + indexes.length, 0)
  return supply < (want * pressure) / 2
}

const reread = async (
  engine: Engine,
  lane: Lane,
  segments: readonly Segment[],
  candidates: readonly Candidate[],
  claimed: Claimed,
): Promise<Candidate[]> => {
  const first = candidates[0]?.segment.key.sort
  const last = candidates.at(-1)?.segment.key.sort
  if (first === undefined || last === undefined) return []
  const { partition } = lane
  const page = await engine.store.headers({ partition, from: first, to: last, limit: segments.length })
  for (const { segment } of candidates) claimed.after.set(segment.key.sort, undefined)
  for (const segment of page.segments) claimed.after.set(segment.key.sort, segment)
  return candidatesOf(engine, lane, page.segments, claimed)
}

const pick = (engine: Engine, lane: Lane, candidates: readonly Candidate[], want: number): Candidate[] => {
  const crowded = lane.memory.contention.pressure > 1.2
  const order = crowded ? shuffled(candidates, engine.random.fraction) : candidates
  const picked: Candidate[] = []
  let left = want
  for (const { segment, indexes } of order) {
    if (left <= 0) break
    const free = indexes.filter((index) => !lane.memory.reserved.has(reservation(segment, index)))
    const wanted = (crowded && free.length > left ? shuffled(free, engine.random.fraction) : free).slice(0, left)
    if (wanted.length === 0) continue
    picked.push({ segment, indexes: wanted.sort((a, b) => a - b) })
    left -= wanted.length
  }
  return picked
}

const without = (candidates: readonly Candidate[], picked: readonly Candidate[]): Candidate[] =>
  candidates.filter(({ segment }) => !picked.some((other) => other.segment.key.sort === segment.key.sort))

/** Claims what was picked; answers how many claims were lost to others. */
const claimPicked = async (
  engine: Engine,
  lane: Lane,
  picked: readonly Candidate[],
  request: Request,
  claimed: Claimed,
): Promise<number> => {
  const { reserved, contention } = lane.memory
  const names = picked.flatMap(({ segment, indexes }) => indexes.map((index) => reservation(segment, index)))
  for (const name of names) reserved.add(name)
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
    for (const name of names) reserved.delete(name)
  }
}

/** A claim that failed because its own first try had succeeded, its answer lost, is a success. */
const recognizeOwn = async (
  engine: Engine,
  outcomes: readonly ClaimOutcome[],
  picked: readonly Candidate[],
  token: Uint8Array,
): Promise<ClaimOutcome[]> =>
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
      const [stored] = await engine.store.read([segment.key])
      return stored ? { applied: true as const, segment: stored.segment, content: stored.content } : outcome
    }),
  )

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
): Message[] =>
  indexes.map((index) => {
    const slot = slotAt(segment, index) as Lease
    return {
      ...contentOf(segment, content, index),
      receiptHandle: encodeReceiptHandle(queue.name, {
        shard: segment.key.partition.shard,
        sort: segment.key.sort,
        index,
        token: slot.token,
        count: segment.slots.length,
        claimed: indexes.length,
        gone: goneCount(read.segment),
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
    }
  })

const reservation = (segment: Segment, index: number): string => `${segment.key.sort}.${index}`
