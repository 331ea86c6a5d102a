import type { Engine } from '../engine.ts'
import { invalid } from '../model/errors.ts'
import { type FieldNames, knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import type { StoredMessage } from '../model/message.ts'
import { checkWholeNumber } from '../model/number-checks.ts'
import { plainName } from '../model/queue-name.ts'
import { asDelayed, isDropped, type QueueState } from '../model/queue-record.ts'
import { goneCount, type Segment, slotAt } from '../model/segment.ts'
import { type SegmentKey, sortRightBehind } from '../model/segment-key.ts'
import { type Cursor, cursorIn, partitions, START } from '../queues/partitions.ts'
import { slotStatus } from '../results/slot-status.ts'
import { segmentPartition } from '../store/keys.ts'
import { storedMessage } from './stored-message.ts'

export interface BrowsePage {
  readonly messages: readonly StoredMessage[]
  /** Items of this page whose messages can't be read, and so are not in `messages`, whatever their states. Absent where there are none. */
  readonly unreadable?: readonly UnreadableItem[]
  /** Give it back to get the next page. */
  readonly cursor?: string
}

/** A stored item that is damaged, or that a newer version of Holdfast wrote. */
export interface UnreadableItem {
  /** Its partition key and sort key. */
  readonly item: string
  readonly reason: string
}

export const BROWSE_STATES = ['delayed', 'ready', 'leased', 'backingOff', 'attemptsUsedUp', 'deadLettered'] as const
export type BrowseState = (typeof BROWSE_STATES)[number]

export interface BrowseOptions {
  /** Messages of a page, 1 … 100. @default 10 */
  readonly limit?: number
  readonly cursor?: string
  /**
   * Only messages in these states. `deadLettered` can't be combined with others: it means the queue's messages in its dead-letter
   * queue, or all messages of a dead-letter queue. @default all messages in the queue
   */
  readonly states?: readonly BrowseState[]
}

export const BROWSE_FIELDS: FieldNames<BrowseOptions> = { limit: true, cursor: true, states: true }

/** One page reads at most this many headers. Where few messages match, a page may be empty and have a cursor. */
const MAX_HEADERS = 1_000
/** Bounds the contents in memory: at most `LIMITS.browsePage` segments are read at one time, which hold up to 25 messages each. */
const MAX_STEP = 1_000

/**
 * The messages of a queue, page by page, without leasing any: shard by shard, each in the order of its sort keys. A page may hold up to
 * one segment more than `limit`.
 *
 * @throws `InvalidRequest`, `QueueNotFound`
 */
export const browse = async (engine: Engine, queueName: string, options: BrowseOptions = {}): Promise<BrowsePage> => {
  const { limit = 10, cursor, states } = knownFields(options, BROWSE_FIELDS)
  checkWholeNumber('limit', limit, 1, LIMITS.browsePage)
  const { queue, matches } = await selection(engine, queueName, states)
  const start = decodeCursor(cursor)
  const messages: StoredMessage[] = []
  const unreadable: UnreadableItem[] = []
  const found = (): BrowsePage => ({ messages, ...(unreadable.length > 0 && { unreadable }) })
  let { from } = start
  let read = 0
  // How many messages are read at one time. It grows while none of them matches.
  let step = limit
  for await (const partition of partitions(engine, queue, start)) {
    for (let more = true; more; ) {
      if (messages.length >= limit || read >= MAX_HEADERS)
        return { ...found(), cursor: encodeCursor(cursorIn(partition, from)) }
      const page = await engine.store.headers({ partition, from, to: '~', limit: Math.min(step, LIMITS.browsePage) })
      const segments = upTo(page.segments, step, (segment) => segment.slots.length - goneCount(segment))
      const contents = await browseSegments(engine, queue, segments, matches)
      const shown = upTo(contents, limit - messages.length, (one) => one.messages.length)
      messages.push(...shown.flatMap((one) => one.messages))
      unreadable.push(...shown.flatMap((one) => one.unreadable))
      read += shown.length
      step = shown.some((one) => one.messages.length > 0) ? limit - messages.length : Math.min(step * 2, MAX_STEP)
      const last = shown.at(-1)
      if (!last) break
      from = sortRightBehind(last.sort)
      more = page.more || shown.length < page.segments.length
    }
    from = '0'
  }
  return found()
}

/** Whether a page includes a message: decided by its slot first, and then by its content. */
interface Matches {
  slot(segment: Segment, index: number, now: number): boolean
  message(message: StoredMessage): boolean
}

const ALL: Matches = { slot: () => true, message: () => true }

/** The queue that holds the messages in these states, and which of its messages they are. */
const selection = async (
  engine: Engine,
  queueName: string,
  states: readonly BrowseState[] | undefined,
): Promise<{ readonly queue: QueueState; readonly matches: Matches }> => {
  const queue = await engine.queues.get(queueName)
  if (!states) return { queue, matches: ALL }
  const unknown = states.find((state) => !BROWSE_STATES.includes(state))
  if (states.length === 0 || unknown !== undefined) {
    throw invalid('states', unknown ?? states, `must be among ${BROWSE_STATES.join(', ')}`)
  }
  if (!states.includes('deadLettered')) {
    const wanted: ReadonlySet<string> = new Set(states)
    const slot: Matches['slot'] = (segment, index, now) =>
      wanted.has(slotStatus(queue, segment, slotAt(segment, index), now).state)
    return { queue, matches: { ...ALL, slot } }
  }
  if (states.length > 1) throw invalid('states', states, 'must not hold deadLettered beside others')
  const { deadLetter } = queue.settings
  if (!deadLetter) return { queue, matches: { ...ALL, message: (message) => message.deadLetter !== undefined } }
  const origin = plainName(queue.name)
  return {
    queue: await engine.queues.get(deadLetter.queue),
    // Other messages of the dead-letter queue are hidden: a caller with rights on this queue may have none on theirs.
    matches: { ...ALL, message: (message) => message.deadLetter?.queue === origin },
  }
}

/** The first items, as many as have `count` messages together. */
const upTo = <T>(items: readonly T[], count: number, messagesOf: (item: T) => number): readonly T[] => {
  let left = count
  const end = items.findIndex((item) => {
    left -= messagesOf(item)
    return left <= 0
  })
  return end < 0 ? items : items.slice(0, end + 1)
}

/** What a page shows of a segment. */
interface BrowsedSegment {
  readonly sort: string
  readonly messages: readonly StoredMessage[]
  readonly unreadable: readonly UnreadableItem[]
}

const browseSegments = async (
  engine: Engine,
  queue: QueueState,
  segments: readonly Segment[],
  matches: Matches,
): Promise<readonly BrowsedSegment[]> => {
  const now = engine.clock.now()
  const isWanted = (segment: Segment, index: number): boolean =>
    slotAt(segment, index).kind !== 'gone' && matches.slot(segment, index, now)
  const delayed = segments.map((segment) => asDelayed(queue, segment))
  const keys = delayed
    .filter((one) => !isDropped(queue, one, now) && one.unreadable === undefined)
    .filter((one) => one.slots.some((_, index) => isWanted(one, index)))
    .map(({ key }) => key)
  const stored = keys.length === 0 ? [] : await engine.store.read(keys)
  const bySort = new Map(stored.flatMap((one) => (one ? [[one.segment.key.sort, one]] : [])))
  return delayed.map((header) => {
    const { key } = header
    const one = bySort.get(key.sort)
    const unreadable = isDropped(queue, header, now) ? [] : unreadableItem(key, header.unreadable ?? one?.unreadable)
    if (!one?.content) return { sort: key.sort, messages: [], unreadable }
    const { content } = one
    const segment = asDelayed(queue, one.segment)
    const wanted = segment.slots.flatMap((_, index) =>
      isWanted(segment, index) ? [storedMessage(queue, segment, content, index, now)] : [],
    )
    return { sort: key.sort, messages: wanted.filter(matches.message), unreadable }
  })
}

const unreadableItem = ({ partition, sort }: SegmentKey, reason: string | undefined): UnreadableItem[] =>
  reason === undefined ? [] : [{ item: `${segmentPartition(partition)} ${sort}`, reason }]

const encodeCursor = ({ shard, group = '', from }: Cursor): string =>
  Buffer.from(`${shard} ${group} ${from}`).toString('base64url')

const decodeCursor = (cursor: string | undefined): Cursor => {
  if (cursor === undefined) return START
  const match = /^(\d{1,3}) ([0-9a-f]{0,14}!?) ([0-9a-f]{1,27}!?)$/.exec(
    Buffer.from(cursor, 'base64url').toString('latin1'),
  )
  if (!match) throw invalid('cursor', cursor, 'must be the cursor of an earlier page')
  const [, shard, group, from = '0'] = match
  return { shard: Number(shard), ...(group && { group }), from }
}
