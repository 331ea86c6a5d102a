import { deadLetter } from './dead-letter.ts'
import type { Engine } from './engine.ts'
import type { Lane } from './lane.ts'
import { isDropped } from './queue-record.ts'
import { receivable, receiveCountOf, type Segment, slotAt } from './segment.ts'
import { dueAtOf } from './segment-key.ts'
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
const MOST_DEAD_LETTERED = 25
const LEAST_DENSITY = 0.2

/** Those of the segments read that have something to receive. Messages past their receives are dead-lettered. */
export const candidatesOf = async (
  engine: Engine,
  lane: Lane,
  segments: readonly Segment[],
  after: After,
): Promise<Candidate[]> => {
  const { queue } = lane
  const now = engine.clock.now()
  const limit = queue.settings.deadLetter?.maxReceives ?? Number.POSITIVE_INFINITY
  const candidates: Candidate[] = []
  let deadLettered = 0
  for (const read of segments) {
    if (dueAtOf(read.key.sort) > now) break
    const segment = newestOf(lane, read, after)
    if (isDropped(queue, segment, now)) continue
    const free = unreserved(lane, segment, receivable(segment, now))
    if (free.length === 0) {
      // Another poll of this process is at it: what becomes of it is not known yet.
      if (receivable(segment, now).length > 0) after.set(segment.key.sort, 'unknown')
      continue
    }
    const spent = free.filter((index) => receiveCountOf(slotAt(segment, index)) >= limit)
    if (spent.length === 0) candidates.push({ segment, indexes: free })
    // A poll does not spend its time on the dead: those of the segments behind are left to the next.
    else if (deadLettered >= MOST_DEAD_LETTERED) after.set(segment.key.sort, 'unknown')
    else {
      deadLettered++
      const left = await deadLetter(engine, queue, segment, spent)
      after.set(segment.key.sort, left.segment)
      // Without a dead-letter queue to take them they are delivered once more rather than lost.
      const indexes = left.moved ? free.filter((index) => !spent.includes(index)) : free
      if (left.segment && indexes.length > 0) candidates.push({ segment: left.segment, indexes })
    }
  }
  return candidates
}

/** A page may have been read before what another poll of this process has changed since. */
const newestOf = ({ memory }: Lane, read: Segment, after: After): Segment => {
  const known = memory.newest.get(read.key.sort)
  if (!known || known.version <= read.version) return read
  after.set(read.key.sort, known)
  return known
}

export const noteNewest = ({ memory: { newest } }: Lane, segment: Segment): void =>
  newest.set(segment.key.sort, segment)

/** Messages to receive for each header read, those with none included: says how many headers a wish takes. */
export const noteDensity = (
  { memory }: Lane,
  segments: readonly Segment[],
  candidates: readonly Candidate[],
  now: number,
): void => {
  if (candidates.length === 0) return
  let due = 0
  for (const { key } of segments) if (dueAtOf(key.sort) <= now) due++
  let found = 0
  for (const { indexes } of candidates) found += indexes.length
  memory.density = Math.max(LEAST_DENSITY, memory.density + (found / due - memory.density) / 4)
}

/** Whether so little is left that pollers who take of it at random would mostly meet. */
export const isScramble = ({ memory }: Lane, candidates: readonly Candidate[], want: number): boolean => {
  const { pressure } = memory.contention
  if (pressure < SCRAMBLE || candidates.length === 0) return false
  const supply = candidates.reduce((sum, { indexes }) => sum + indexes.length, 0)
  return supply < (want * pressure) / 2
}

export const pick = (engine: Engine, lane: Lane, candidates: readonly Candidate[], want: number): Candidate[] => {
  const crowded = lane.memory.contention.pressure > CROWDED
  const order = crowded ? shuffled(candidates, engine.random.fraction) : candidates
  const picked: Candidate[] = []
  let left = want
  for (const { segment, indexes } of order) {
    if (left <= 0) break
    const free = unreserved(lane, segment, indexes)
    const wanted = (crowded && free.length > left ? shuffled(free, engine.random.fraction) : free).slice(0, left)
    if (wanted.length === 0) continue
    picked.push({ segment, indexes: wanted.sort((a, b) => a - b) })
    left -= wanted.length
  }
  return picked
}

export const without = (candidates: readonly Candidate[], picked: readonly Candidate[]): Candidate[] =>
  candidates.filter(({ segment }) => !picked.some((other) => other.segment.key.sort === segment.key.sort))

/** Those that no other poll of this process is claiming. */
const unreserved = ({ memory: { reserved } }: Lane, { key: { sort } }: Segment, indexes: number[]): number[] =>
  reserved.free(sort, indexes)
