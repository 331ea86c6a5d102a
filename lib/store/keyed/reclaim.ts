import type { Clock } from '../../clock.ts'
import { asDelayed, isDropped, type QueueRecord, recordIn, withLayout } from '../../model/queue-record.ts'
import { keptUntil } from '../../model/segment.ts'
import { KEY_KINDS, queueKey } from '../keys.ts'
import { type Entry, isExpired, type Maps, type StoredDocument } from './entries.ts'
import type { KeyedMaps, OrderedMap } from './ordered-map.ts'

/** Deletes entries that no operation returns any more. In DynamoDB the TTL does this, later. */
export interface Reclaim {
  /**
   * Examines the next entries, at most `limit`, from where the last call stopped. Deletes those that have expired, or that a purge, a
   * shorter retention or the deletion of their queue dropped. Returns how many it deleted.
   */
  reclaim(limit: number): Promise<number>
}

/** A pass through one of the maps, with the rule for which of its values can be deleted. */
interface Pass<V> {
  mapOf(all: Maps): OrderedMap<V>
  /** Whether no operation can return a value of a partition any more. */
  judge(all: Maps, partition: string, now: number): (value: V) => boolean
}

/** The number of entries that one atomic step goes through, while other operations wait. */
const STEP = 200

export const reclaimer = (maps: KeyedMaps<Maps>, clock: Clock): Reclaim => {
  const passes = [resumable(SEGMENTS), resumable(TICKETS), resumable(DOCUMENTS)]
  let at = 0
  return {
    reclaim: async (limit) => {
      let deleted = 0
      for (let left = limit; left > 0; ) {
        const pass = passes[at]
        // All passes are over: the next call begins with the first one.
        if (!pass) break
        const step = await maps.atomically((all) => pass(all, Math.min(STEP, left), clock.now()))
        deleted += step.deleted
        left -= Math.max(1, step.seen)
        if (step.isLast) at++
        await nextTurn()
      }
      if (at === passes.length) at = 0
      return deleted
    },
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Step {
  readonly seen: number
  readonly deleted: number
  /** Whether the pass is over: the next step then begins another pass. */
  readonly isLast: boolean
}

/** A pass through a map, step by step. Each step continues where the one before stopped. */
const resumable = <V>({ mapOf, judge }: Pass<V>) => {
  let partitions: Iterator<string> | undefined
  let partition: string | undefined
  let from = ''
  return (all: Maps, limit: number, now: number): Step => {
    const map = mapOf(all)
    let seen = 0
    let deleted = 0
    while (seen < limit) {
      if (partition === undefined) {
        partitions ??= map.partitions()
        const { value, done } = partitions.next()
        if (done) {
          partitions = undefined
          return { seen, deleted, isLast: true }
        }
        partition = value
        from = ''
      }
      const part = reclaimFrom(map, { partition, from, limit: limit - seen }, judge(all, partition, now))
      // Counts the partition too, because finding an empty one is also work.
      seen += part.seen + 1
      deleted += part.deleted
      from = part.next ?? ''
      if (part.next === undefined) partition = undefined
    }
    return { seen, deleted, isLast: false }
  }
}

const reclaimFrom = <V>(
  map: OrderedMap<V>,
  { partition, from, limit }: { partition: string; from: string; limit: number },
  isDead: (value: V) => boolean,
): { seen: number; deleted: number; next: string | undefined } => {
  const dead: string[] = []
  let seen = 0
  let next: string | undefined
  map.scan(partition, from, (sort, value) => {
    if (seen === limit) {
      next = sort
      return false
    }
    seen++
    if (isDead(value)) dead.push(sort)
    return true
  })
  for (const sort of dead) map.delete(partition, sort)
  return { seen, deleted: dead.length, next }
}

const SEGMENTS: Pass<Entry> = {
  mapOf: ({ segments }) => segments,
  judge: (all, partition, now) => {
    const life = lifeOf(all, partition)
    if (life === 'over') return () => true
    if (life === 'unknown') return ({ segment }) => keptUntil(segment) <= now
    const queue = withLayout({ ...life, name: '', version: 0 }, {}, 0)
    return ({ segment }) =>
      isDropped(queue, segment, now) &&
      isDropped(queue, asDelayed(queue, segment), now) &&
      // The header shows that its messages were not acked, so the header is kept as long as any result of theirs.
      (segment.keptUntil === undefined || segment.keptUntil <= now)
  },
}

const TICKETS: Pass<{ readonly expiresAt: number }> = {
  mapOf: ({ tickets }) => tickets as OrderedMap<{ readonly expiresAt: number }>,
  judge: (all, partition, now) => (lifeOf(all, partition) === 'over' ? () => true : (ticket) => isExpired(ticket, now)),
}

/** Letters of the kinds of documents that end with a generation of their queue. */
const OF_GENERATIONS: ReadonlySet<string> = new Set(
  Object.values(KEY_KINDS).flatMap(({ letter, names }) => (names === 'generation' ? [letter] : [])),
)

const DOCUMENTS: Pass<StoredDocument> = {
  mapOf: ({ documents }) => documents,
  judge: (all, partition, now) => {
    const isOver = OF_GENERATIONS.has(partition.slice(0, 1)) && lifeOf(all, partition.slice(2)) === 'over'
    return isOver ? () => true : (document) => isExpired(document, now)
  },
}

/**
 * The record of a partition's queue, found by the beginning of the partition's id, `<queue>#<generation>#…`. `over` where the
 * generation has ended. `unknown` without a record, which is kept for a day after the queue's deletion.
 */
const lifeOf = ({ documents }: Maps, id: string): QueueRecord | 'over' | 'unknown' => {
  const [name = '', generation] = id.split('#', 2)
  const key = queueKey(name)
  const document = documents.get(key.partition, key.sort)
  if (!document) return 'unknown'
  const record = recordIn(document)
  return record.deletedAt !== undefined || record.generation !== generation ? 'over' : record
}
