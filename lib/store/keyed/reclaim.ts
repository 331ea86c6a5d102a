import type { Clock } from '../../clock.ts'
import { recordIn } from '../../model/queue-record.ts'
import type { Segment } from '../../model/segment.ts'
import { queueKey } from '../keys.ts'
import { type Entry, isExpired, type Maps } from './entries.ts'
import type { KeyedMaps, OrderedMap } from './ordered-map.ts'

/** Frees what no operation shows any more. DynamoDB does this by its TTL, and later. */
export interface Reclaim {
  /**
   * Goes through the next entries, at most `limit`, from where the last call stopped, and deletes those that are past
   * their time, and messages that a purge or a deletion of their queue dropped. Answers how many it deleted.
   */
  reclaim(limit: number): Promise<number>
}

type MapName = keyof Maps

/** Entries that one atomic step goes through: others wait for it. */
const STEP = 200

interface Position {
  readonly map: MapName
  readonly partition: string
  /** A key to go on from. */
  readonly from: string
}

export const reclaimer = (maps: KeyedMaps<Maps>, clock: Clock): Reclaim => {
  let positions: Iterator<Position> | undefined
  let current: Position | undefined

  const everyPartition = async (): Promise<Position[]> =>
    maps.look((all) =>
      (['segments', 'documents', 'tickets'] as const).flatMap((map) =>
        [...all[map].partitions()].map((partition) => ({ map, partition, from: '' })),
      ),
    )

  return {
    reclaim: async (limit) => {
      let deleted = 0
      for (let left = limit; left > 0; ) {
        if (!current) {
          positions ??= (await everyPartition())[Symbol.iterator]()
          const next = positions.next()
          if (next.done) {
            // The next call begins a new pass.
            positions = undefined
            return deleted
          }
          current = next.value
        }
        const at: Position = current
        const step = await maps.atomically((all) => reclaimStep(all, at, Math.min(STEP, left), clock.now()))
        deleted += step.deleted
        left -= Math.max(1, step.seen)
        current = step.next === undefined ? undefined : { ...at, from: step.next }
        await nextTurn()
      }
      return deleted
    },
  }
}

const reclaimStep = (
  all: Maps,
  { map, partition, from }: Position,
  limit: number,
  now: number,
): { deleted: number; seen: number; next: string | undefined } => {
  const isDead =
    map === 'segments'
      ? deadSegments(all, now)
      : (value: unknown) => isExpired(value as { expiresAt?: number | undefined }, now)
  const entries = all[map] as OrderedMap<unknown>
  let seen = 0
  let deleted = 0
  let next: string | undefined
  entries.visit(partition, from, '\uffff', (sort, value) => {
    if (seen === limit) {
      next = sort
      return false
    }
    seen++
    if (isDead(value)) {
      entries.delete(partition, sort)
      deleted++
    }
    return true
  })
  return { deleted, seen, next }
}

/** Judges the segments of one partition, whose queue is looked up once. */
const deadSegments = ({ documents }: Maps, now: number): ((value: unknown) => boolean) => {
  let dropped: ((segment: Segment) => boolean) | undefined
  return (value) => {
    const { segment } = value as Entry
    if (isExpired(segment, now)) return true
    const { queue: name, generation } = segment.key.partition
    if (!dropped) {
      const key = queueKey(name)
      const document = documents.get(key.partition, key.sort)
      const record = document && recordIn(document)
      // A record outlives its queue for a day. Where there is none nothing is known, and the messages' own time decides.
      const isGone = record !== undefined && (record.deletedAt !== undefined || record.generation !== generation)
      const purgedAt = record?.purgedAt ?? Number.NEGATIVE_INFINITY
      dropped = ({ publishedAt }) => isGone || publishedAt <= purgedAt
    }
    return dropped(segment)
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
