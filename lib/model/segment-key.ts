/**
 * The key of a segment. The sort key starts with the priority and the due time, so that one Query of a partition
 * reads the messages of a priority in the order they are due:
 *
 *     <9 − priority> <due time, 12 hex> <counter 3 hex + random 11 hex>
 *
 * The counter keeps segments that one process publishes within a millisecond in order.
 */
export interface SegmentKey {
  readonly partition: SegmentPartition
  readonly sort: string
}

/**
 * One shard of one life of a queue, or one message group of it. `generation` changes when a queue is deleted and
 * created again.
 */
export interface SegmentPartition {
  readonly queue: string
  readonly generation: string
  readonly shard: number
  /** Hash of the message group, 14 hex digits, on FIFO queues: there each group has a partition of its own. */
  readonly group?: string
}

export interface SortKeyParts {
  readonly priority: number
  readonly dueAt: number
  /** 14 hex digits. */
  readonly unique: string
}

const TIME_DIGITS = 12
const UNIQUE_DIGITS = 14
/** Sorts after every digit of a sort key. */
const AFTER_ALL = '~'
/** Sorts before every digit of a sort key: appended to a key, it gives the next possible place. */
const RIGHT_BEHIND = '!'

/** The three hex digits of each number below 4,096: a lookup is many times faster than a conversion. */
const HEX = Array.from({ length: 0x1000 }, (_, value) => value.toString(16).padStart(3, '0'))

const hexTime = (at: number): string => {
  const high = Math.floor(at / 0x1000000)
  const low = at % 0x1000000
  return `${HEX[high >>> 12]}${HEX[high & 0xfff]}${HEX[low >>> 12]}${HEX[low & 0xfff]}`
}

export const sortKey = ({ priority, dueAt, unique }: SortKeyParts): string =>
  `${9 - priority}${hexTime(dueAt)}${unique}`

export const priorityOf = (sort: string): number => 9 - Number(sort[0])
export const dueAtOf = (sort: string): number => {
  let at = 0
  for (let place = 1; place <= TIME_DIGITS; place++) at = at * 16 + digitAt(sort, place)
  return at
}
const digitAt = (hex: string, place: number): number => {
  const code = hex.charCodeAt(place)
  return code <= NINE ? code - ZERO : code - TEN
}
const ZERO = 0x30
const NINE = 0x39
/** `a` is ten. */
const TEN = 0x61 - 10
export const uniqueOf = (sort: string): string => sort.slice(1 + TIME_DIGITS)

/** First possible sort key of a priority, from an instant on. */
export const sortFrom = (priority: number, at = 0): string => `${9 - priority}${hexTime(at)}`
/** Past the last sort key of a priority due at `at` or before. */
export const sortUpTo = (priority: number, at: number): string => `${9 - priority}${hexTime(at)}${AFTER_ALL}`
export const sortRightBehind = (sort: string): string => sort + RIGHT_BEHIND

const ids = new WeakMap<SegmentPartition, string>()

/** The id of a partition, made once for each partition object. */
export const withCachedId = (partition: SegmentPartition): SegmentPartition => {
  ids.set(partition, idOf(partition))
  return partition
}

export const partitionId = (partition: SegmentPartition): string => ids.get(partition) ?? idOf(partition)

const idOf = ({ queue, generation, shard, group }: SegmentPartition): string =>
  `${queue}#${generation}#${group === undefined ? shard.toString(36) : `g${group}`}`

export const segmentId = (key: SegmentKey): string => `${partitionId(key.partition)}#${key.sort}`

const COUNTER_MAX = 0xfff
const FIRST_COUNTER = 0x7ff

/** Generates the unique parts of sort keys, which ascend within a millisecond. */
export const uniqueSequence = (randomBytes: (length: number) => Uint8Array): ((at: number) => string) => {
  let last = -1
  let counter = 0
  return (at) => {
    const bytes = Buffer.from(randomBytes(8))
    // The counter starts at a random number, so that messages that many publishers schedule for one instant have different keys.
    counter = at === last ? Math.min(counter + 1, COUNTER_MAX) : bytes.readUInt16BE(6) & FIRST_COUNTER
    last = at
    const random = bytes.toString('hex').slice(0, UNIQUE_DIGITS - 3)
    return counter.toString(16).padStart(3, '0') + random
  }
}
