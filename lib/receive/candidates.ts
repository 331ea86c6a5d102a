import type { Engine } from '../engine.ts'
import type { ScanTarget } from '../hints/scan-target.ts'
import { isDropped, type QueueState } from '../model/queue-record.ts'
import { receivable, receiveCountOf, type Segment, slotAt } from '../model/segment.ts'
import { sortUpTo } from '../model/segment-key.ts'
import { reportUnreadable } from '../queues/report-unreadable.ts'
import type { Random } from '../random.ts'
import { deadLetter } from '../redrive/dead-letter.ts'
import { shuffled } from './shuffle.ts'

/** A segment with the places of those of its messages that can be received. */
export interface Candidate {
  readonly segment: Segment
  readonly indexes: number[]
}

/**
 * By sort key, the states of segments that changed since the scan read them. `undefined` says that the segment is gone, `unknown` that it
 * must be read again.
 */
export type After = Map<string, Segment | 'unknown' | undefined>

/** Above this pressure other processes poll here too, and a poll claims random segments in place of the first ones. */
const CROWDED = 1.2
/** Above this pressure a poll that finds few messages waits before it claims. */
const DEFER_PRESSURE = 1.5
/** The number of segments from which one scan moves messages to the dead-letter queue. Each takes a transaction. */
const MAX_DEAD_LETTERED = 25
const MIN_DENSITY = 0.2

/** The segments that have something to receive, exhausted messages included. */
export const candidatesOf = (
  engine: Engine,
  target: ScanTarget,
  segments: readonly Segment[],
  after: After,
): Candidate[] => {
  const { queue } = target
  const now = engine.clock.now()
  const dueTo = sortUpTo(target.priority, now)
  const candidates: Candidate[] = []
  for (const read of segments) {
    if (read.key.sort > dueTo) break
    if (read.unreadable !== undefined) reportUnreadable(engine, queue, read.key, read.unreadable)
    const segment = newestOf(target, read, after)
    if (isDropped(queue, segment, now)) continue
    const visible = receivable(segment, now)
    const free = unreserved(target, segment, visible)
    if (free.length > 0) candidates.push({ segment, indexes: free })
    // Other polls of this process are claiming all of its messages, and the outcome is not known yet.
    else if (visible.length > 0) after.set(segment.key.sort, 'unknown')
  }
  return candidates
}

/** The candidates without exhausted messages, which are moved to the dead-letter queue. */
export const withoutExhausted = async (
  engine: Engine,
  { queue }: ScanTarget,
  candidates: readonly Candidate[],
  after: After,
): Promise<Candidate[]> => {
  const left: Candidate[] = []
  let deadLettered = 0
  for (const candidate of candidates) {
    const { segment, indexes } = candidate
    const exhausted = exhaustedIn(queue, candidate)
    if (exhausted.length === 0) left.push(candidate)
    // The next scan moves the exhausted messages of the segments behind, so that this one can return messages.
    else if (deadLettered >= MAX_DEAD_LETTERED) after.set(segment.key.sort, 'unknown')
    else {
      deadLettered++
      const outcome = await deadLetter(engine, queue, segment, exhausted)
      after.set(segment.key.sort, outcome.segment)
      // If the dead-letter queue does not exist, exhausted messages are delivered once more, so that none is lost.
      const alive = outcome.moved ? indexes.filter((index) => !exhausted.includes(index)) : indexes
      if (outcome.segment && alive.length > 0) left.push({ segment: outcome.segment, indexes: alive })
    }
  }
  return left
}

export const anyExhausted = (queue: QueueState, candidates: readonly Candidate[]): boolean =>
  queue.settings.deadLetter !== undefined && candidates.some((candidate) => exhaustedIn(queue, candidate).length > 0)

const exhaustedIn = ({ settings: { deadLetter } }: QueueState, { segment, indexes }: Candidate): number[] => {
  const limit = deadLetter?.maxReceives ?? Number.POSITIVE_INFINITY
  return indexes.filter((index) => receiveCountOf(slotAt(segment, index)) >= limit)
}

/** The segment as this process's latest claim left it, where the page was read before that claim. */
const newestOf = ({ hints }: ScanTarget, read: Segment, after: After): Segment => {
  const known = hints.newest.get(read.key.sort)
  if (!known || known.version <= read.version) return read
  after.set(read.key.sort, known)
  return known
}

/** Records a segment as a claim of this process left it. */
export const noteNewest = ({ hints: { newest } }: ScanTarget, segment: Segment): void =>
  newest.set(segment.key.sort, segment)

/** Updates the average number of receivable messages in a header, from which a scan derives how many headers it reads. */
export const noteDensity = (
  { hints, priority }: ScanTarget,
  segments: readonly Segment[],
  candidates: readonly Candidate[],
  now: number,
): void => {
  if (candidates.length === 0) return
  const dueTo = sortUpTo(priority, now)
  let due = 0
  for (const { key } of segments) if (key.sort <= dueTo) due++
  let found = 0
  for (const { indexes } of candidates) found += indexes.length
  hints.density = Math.max(MIN_DENSITY, hints.density + (found / due - hints.density) / 4)
}

/** Whether so few messages are left that pollers which claim random ones would mostly claim the same. */
export const areTooFew = ({ hints }: ScanTarget, candidates: readonly Candidate[], want: number): boolean => {
  const { pressure } = hints.contention
  if (pressure < DEFER_PRESSURE || candidates.length === 0) return false
  const supply = candidates.reduce((sum, { indexes }) => sum + indexes.length, 0)
  return supply < (want * pressure) / 2
}

/** Candidates with up to `want` messages together: the first ones, or random ones while other processes poll here too. */
export const pick = (
  engine: Engine,
  target: ScanTarget,
  candidates: readonly Candidate[],
  want: number,
): Candidate[] => {
  const crowded = target.hints.contention.pressure > CROWDED
  const order = crowded ? shuffled(candidates, engine.random.fraction) : candidates
  const picked: Candidate[] = []
  let left = want
  for (const { segment, indexes } of order) {
    if (left <= 0) break
    const free = unreserved(target, segment, indexes)
    if (free.length === 0) continue
    const wanted = free.length > left ? someOf(free, left, crowded ? engine.random : undefined) : free
    picked.push({ segment, indexes: wanted })
    left -= wanted.length
  }
  return picked
}

/** The first places, or with `random` random ones, in order. */
const someOf = (indexes: readonly number[], count: number, random: Random | undefined): number[] =>
  random
    ? shuffled(indexes, random.fraction)
        .slice(0, count)
        .sort((a, b) => a - b)
    : indexes.slice(0, count)

export const without = (candidates: readonly Candidate[], picked: readonly Candidate[]): Candidate[] =>
  candidates.filter(({ segment }) => !picked.some((other) => other.segment.key.sort === segment.key.sort))

/** The places that no other poll of this process is claiming. */
const unreserved = ({ hints: { reserved } }: ScanTarget, { key: { sort } }: Segment, indexes: number[]): number[] =>
  reserved.free(sort, indexes)
