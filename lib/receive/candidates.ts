import type { Engine } from '../engine.ts'
import type { ScanTarget } from '../hints/scan-target.ts'
import { isDropped, type QueueState } from '../model/queue-record.ts'
import { receivable, receiveCountOf, type Segment, slotAt } from '../model/segment.ts'
import { sortUpTo } from '../model/segment-key.ts'
import type { Random } from '../random.ts'
import { deadLetter } from '../redrive/dead-letter.ts'
import { shuffled } from './shuffle.ts'

/** A segment with the places of the messages that may be received. */
export interface Candidate {
  readonly segment: Segment
  readonly indexes: number[]
}

/** Segments that are no longer as they were read: what they are now, gone, or not known. */
export type After = Map<string, Segment | 'unknown' | undefined>

/** Above this pressure others are about: heads are left to whoever comes by chance. */
const CROWDED = 1.2
/** Above this one, a few messages are worth waiting for one's turn. */
const SCRAMBLE = 1.5
/** Segments that one look moves messages of to the dead-letter queue: a transaction each. */
const MAX_DEAD_LETTERED = 25
const MIN_DENSITY = 0.2

/** Those of the segments read that have something to receive. Nothing is done about messages past their receives yet. */
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
    const segment = newestOf(target, read, after)
    if (isDropped(queue, segment, now)) continue
    const visible = receivable(segment, now)
    const free = unreserved(target, segment, visible)
    if (free.length > 0) candidates.push({ segment, indexes: free })
    // Another poll of this process is at it: what becomes of it is not known yet.
    else if (visible.length > 0) after.set(segment.key.sort, 'unknown')
  }
  return candidates
}

/** The candidates without messages past their receives: these are dead-lettered. */
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
    // A poll does not spend its time on the dead: those of the segments behind are left to the next.
    else if (deadLettered >= MAX_DEAD_LETTERED) after.set(segment.key.sort, 'unknown')
    else {
      deadLettered++
      const outcome = await deadLetter(engine, queue, segment, exhausted)
      after.set(segment.key.sort, outcome.segment)
      // Without a dead-letter queue to take them they are delivered once more rather than lost.
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

/** A page may have been read before what another poll of this process has changed since. */
const newestOf = ({ hints }: ScanTarget, read: Segment, after: After): Segment => {
  const known = hints.newest.get(read.key.sort)
  if (!known || known.version <= read.version) return read
  after.set(read.key.sort, known)
  return known
}

export const noteNewest = ({ hints: { newest } }: ScanTarget, segment: Segment): void =>
  newest.set(segment.key.sort, segment)

/** Messages to receive for each header read, those with none included: says how many headers a wish takes. */
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

/** Whether so little is left that pollers who take of it at random would mostly meet. */
export const isScramble = ({ hints }: ScanTarget, candidates: readonly Candidate[], want: number): boolean => {
  const { pressure } = hints.contention
  if (pressure < SCRAMBLE || candidates.length === 0) return false
  const supply = candidates.reduce((sum, { indexes }) => sum + indexes.length, 0)
  return supply < (want * pressure) / 2
}

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

/** The first of them, or any in their order. */
const someOf = (indexes: readonly number[], count: number, random: Random | undefined): number[] =>
  random
    ? shuffled(indexes, random.fraction)
        .slice(0, count)
        .sort((a, b) => a - b)
    : indexes.slice(0, count)

export const without = (candidates: readonly Candidate[], picked: readonly Candidate[]): Candidate[] =>
  candidates.filter(({ segment }) => !picked.some((other) => other.segment.key.sort === segment.key.sort))

/** Those that no other poll of this process is claiming. */
const unreserved = ({ hints: { reserved } }: ScanTarget, { key: { sort } }: Segment, indexes: number[]): number[] =>
  reserved.free(sort, indexes)
