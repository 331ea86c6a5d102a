import type { DocumentKey } from '../model/document.ts'
import { isFairGroup } from '../model/group.ts'
import { sortInId } from '../model/message-id.ts'
import { plainName } from '../model/queue-name.ts'
import { scopeOf } from '../model/queue-record.ts'
import { partitionId, type SegmentKey, type SegmentPartition } from '../model/segment-key.ts'

/** The table's attributes: the two halves of the key, and the epoch seconds of DynamoDB's TTL. */
export const TABLE_SHAPE = { partitionKey: 'pk', sortKey: 'sk', timeToLive: 'x' } as const

/** The most characters that a sort key has: the longest ones are names of queues. DynamoDB accepts 1,024 bytes. */
export const SORT_KEY_LENGTH = 250

/**
 * Every kind of item in the table. A partition key starts with the kind's letter. What follows depends on `names`, so that
 * IAM's `dynamodb:LeadingKeys` can grant a role one kind of one queue's items:
 *
 *     queue       <letter>#<queue>                  one partition a queue
 *     generation  <letter>#<queue>#<generation>#…   not read again after the queue's deletion
 *     message     <letter>#<queue>#<message id>     outlives the queue; for a transaction, the transaction's id
 *     table       <letter>#…                        items of several queues share a partition
 *
 * One letter has one purpose, and no other module contains one.
 */
export const KEY_KINDS = {
  /** A segment's header. */
  segment: { letter: 's', names: 'generation' },
  /** A piece of a segment's content. */
  body: { letter: 'b', names: 'generation' },
  /** The ticket of a message group. */
  ticket: { letter: 't', names: 'generation' },
  /** The fence of a message group under a limit in flight. */
  fence: { letter: 'f', names: 'generation' },
  /** The record of a deduplication id, with the message that has it. */
  deduplication: { letter: 'd', names: 'generation' },
  /** How messages of a segment ended: results, failures, cancellations, moves. */
  result: { letter: 'o', names: 'generation' },
  /** The record of a publish with an idempotency key, with its answer for repeats. */
  idempotencyKey: { letter: 'u', names: 'generation' },
  /** The receipt handles of a poll of a FIFO queue, which can be repeated under its attempt id. */
  receiveAttempt: { letter: 'p', names: 'generation' },
  /** An in-flight snapshot of a shard or group: a hint for pollers. */
  snapshot: { letter: 'h', names: 'generation' },
  /** An early release: a message becomes visible sooner than the snapshot says. */
  earlyRelease: { letter: 'e', names: 'generation' },
  /** The address of a moved message. */
  alias: { letter: 'a', names: 'message' },
  /** The marker of a transaction with an id: the transaction was committed, or never will be. */
  transaction: { letter: 'x', names: 'message' },
  /** A queue's settings and state. */
  queue: { letter: 'q', names: 'queue' },
  /** How a queue is spread over partitions. */
  layout: { letter: 'n', names: 'queue' },
  /** A redrive task of a dead-letter queue. */
  redrive: { letter: 'r', names: 'queue' },
  /** The redrive tasks that are not over. */
  runningRedrive: { letter: 'w', names: 'table' },
  /** Names of the queues of one account and region. */
  queueList: { letter: 'l', names: 'table' },
  /** A queue's trigger, the mark of the run that dispatches for it, and the slots of its invocations. No grant of a queue covers it. */
  trigger: { letter: 'g', names: 'queue' },
  /** When the next run of each triggered queue is to start. */
  dueIndex: { letter: 'i', names: 'table' },
} as const satisfies Record<string, { letter: string; names: 'queue' | 'generation' | 'message' | 'table' }>

export type KeyKind = keyof typeof KEY_KINDS
/** Kinds whose partition keys name one queue. */
export type QueueKeyKind = {
  [K in KeyKind]: (typeof KEY_KINDS)[K]['names'] extends 'table' ? never : K
}[KeyKind]

/** The partition keys of a kind that belong to one queue, as a pattern for IAM's `StringLike`. */
export const queueKeyPattern = (kind: QueueKeyKind, queue: string): string => {
  const { letter, names } = KEY_KINDS[kind]
  return names === 'queue' ? `${letter}#${queue}` : `${letter}#${queue}#*`
}

/** The partition keys of a kind, of all queues, as a pattern for IAM's `StringLike`. */
export const kindKeyPattern = (kind: KeyKind): string => `${KEY_KINDS[kind].letter}#*`

const partition = (kind: KeyKind, rest: string): string => `${KEY_KINDS[kind].letter}#${rest}`

const TABLE_LETTERS: ReadonlySet<string> = new Set(
  Object.values(KEY_KINDS).flatMap(({ letter, names }) => (names === 'table' ? [letter] : [])),
)
/** The queue that an item belongs to; undefined where a key of several queues names none by its sort key. */
export const queueOfKey = (partitionKey: string, sort = ''): string | undefined => {
  const [letter = '', name] = partitionKey.split('#')
  if (!TABLE_LETTERS.has(letter)) return name
  return sort === '' ? undefined : `${name ? `${name}/` : ''}${sort}`
}

/** The parts of a queue's record that name its generation in keys. */
interface QueueLife {
  readonly name: string
  readonly generation: string
}

/** The key of the only document of a partition. */
const lone = (kind: KeyKind, rest: string): DocumentKey => ({
  partition: partition(kind, rest),
  sort: KEY_KINDS[kind].letter,
})

export const segmentPartition = (of: SegmentPartition): string => partition('segment', partitionId(of))
/** The segment of a header's key; `undefined` for the key of another kind of item. */
export const segmentKeyOf = ({ partition: text, sort }: DocumentKey): SegmentKey | undefined => {
  const [letter, queue, generation, place] = text.split('#')
  if (letter !== KEY_KINDS.segment.letter || !queue || !generation || !place) return undefined
  const where = place.startsWith('g') ? { shard: 0, group: place.slice(1) } : { shard: Number.parseInt(place, 36) }
  return { partition: { queue, generation, ...where }, sort }
}

export const bodyPartition = ({ partition: of, sort }: SegmentKey): string =>
  partition('body', `${partitionId(of)}#${sort}`)
/** The partition of a shard's tickets, from the segments' partition of the shard or of any group in it. */
export const ticketPartition = ({ group: _, ...shard }: SegmentPartition): string =>
  partition('ticket', partitionId(shard))

/** @param group the group's hash */
export const fenceKey = ({ name, generation }: QueueLife, group: string): DocumentKey =>
  lone('fence', `${name}#${generation}#${group}`)
export const deduplicationKey = ({ name, generation }: QueueLife, hash: string): DocumentKey =>
  lone('deduplication', `${name}#${generation}#${hash}`)
export const idempotencyRecordKey = ({ name, generation }: QueueLife, hash: string): DocumentKey =>
  lone('idempotencyKey', `${name}#${generation}#${hash}`)
export const receiveAttemptKey = ({ name, generation }: QueueLife, hash: string): DocumentKey =>
  lone('receiveAttempt', `${name}#${generation}#${hash}`)

/** One document for each priority. */
export const snapshotKey = (of: SegmentPartition, priority: number): DocumentKey => ({
  partition: partition('snapshot', partitionId(of)),
  sort: String(9 - priority),
})
export const earlyReleasePartition = (of: SegmentPartition): string => partition('earlyRelease', partitionId(of))

/**
 * The partition of the result items of a segment. It must follow from a message id. The id of a message of a fair group has
 * only a part of the segment's sort key, so this key has only that part too.
 */
export const resultPartition = ({ partition: of, sort }: SegmentKey): string =>
  partition('result', `${partitionId(of)}#${isFairGroup(of.group ?? '') ? sortInId(sort) : sort}`)

/** The start of the sort keys of items that hold the results of several messages. */
export const SHARED_RESULTS = 's'
export const sharedResultKey = (key: SegmentKey, name: string): DocumentKey => ({
  partition: resultPartition(key),
  sort: `${SHARED_RESULTS}${name}`,
})
/** The start of the sort keys of one message's own result items; `index` is the message's position in the segment. */
export const ownResults = (index: number): string => `m${index.toString(16).padStart(2, '0')}-`
export const resultKey = (key: SegmentKey, index: number, name: string): DocumentKey => ({
  partition: resultPartition(key),
  sort: `${ownResults(index)}${name}`,
})

export const aliasKey = (queue: string, messageId: string): DocumentKey => lone('alias', `${queue}#${messageId}`)

/** @param id the transaction's id, given by its caller */
export const transactionKey = (queue: string, id: string): DocumentKey => lone('transaction', `${queue}#${id}`)

export const queueKey = (name: string): DocumentKey => lone('queue', name)
export const layoutKey = (name: string): DocumentKey => lone('layout', name)
/** One document for each queue of an account and region, the `scope`. */
export const queueListPartition = (scope: string): string => partition('queueList', scope)
export const queueListKey = (name: string): DocumentKey => ({
  partition: queueListPartition(scopeOf(name)),
  sort: plainName(name),
})

export const redrivePartition = (queue: string): string => partition('redrive', queue)
export const redriveKey = (queue: string, taskId: string): DocumentKey => ({
  partition: redrivePartition(queue),
  sort: taskId,
})
/** At most one document for each queue. */
export const RUNNING_REDRIVES = partition('runningRedrive', '')
export const runningRedriveKey = (queue: string): DocumentKey => ({ partition: RUNNING_REDRIVES, sort: queue })

export const triggerPartition = (queue: string): string => partition('trigger', queue)
export const triggerKey = (queue: string): DocumentKey => ({ partition: triggerPartition(queue), sort: 'config' })
export const triggerMarkKey = (queue: string): DocumentKey => ({ partition: triggerPartition(queue), sort: 'mark' })
export const SLOT_PREFIX = 'slot#'
export const triggerSlotKey = (queue: string, slot: number): DocumentKey => ({
  partition: triggerPartition(queue),
  sort: `${SLOT_PREFIX}${slot.toString().padStart(4, '0')}`,
})
/** One document for each queue with a trigger, so that one query finds all that are due. */
export const DUE_INDEX = partition('dueIndex', '')
export const dueKey = (queue: string): DocumentKey => ({ partition: DUE_INDEX, sort: queue })
