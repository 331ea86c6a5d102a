import type { Engine } from '../engine.ts'
import { followUp } from '../follow-up.ts'
import { aliasWrite } from '../locate/alias.ts'
import { type Located, locate } from '../locate/locate.ts'
import { type Content, type ContentMessage, contentOf } from '../model/content.ts'
import { HoldfastError, invalid } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { StoredMessage } from '../model/message.ts'
import { asDelayed, expiryOf, isDropped, type QueueState } from '../model/queue-record.ts'
import { number, plainName } from '../model/queue-settings.ts'
import {
  type Change,
  goneCount,
  type Lease,
  liveAt,
  type Segment,
  segmentDueAt,
  slotAt,
  TOKEN_BYTES,
  take,
  visibleAt,
} from '../model/segment.ts'
import { dueAtOf, priorityOf, sortRightBehind } from '../model/segment-key.ts'
import { touchGroup } from '../publish/group-place.ts'
import { newSegment } from '../publish/new-segment.ts'
import { type Cursor, cursorIn, partitions, START } from '../queues/partitions.ts'
import { freeGroup, touchGroupOf } from '../settle/group-release.ts'
import { releaseEarly } from '../visibility/snapshot-exchange.ts'

/** A message as it is now, without receiving it. @throws `QueueNotFound`, `MessageNotFound` */
export const getMessage = async (engine: Engine, queue: string, messageId: string): Promise<StoredMessage> => {
  const { queue: home, stored, index } = await locate(engine, queue, messageId)
  return storedMessage(home, stored.segment, stored.content, index, engine.clock.now())
}

const TRIES = 5

/**
 * Takes a message back before anyone works on it.
 *
 * writes: one delete or update · condition: it is as it was read
 * @throws `QueueNotFound`, `MessageNotFound`, `OperationInProgress` while it is leased
 */
export const cancelMessage = (engine: Engine, queue: string, messageId: string): Promise<void> =>
  onceUnleased(engine, queue, messageId, async ({ queue: home, stored, index }) => {
    const [outcome] = await engine.store.change([take(stored.segment, [index])])
    if (outcome && !outcome.applied && outcome.error) throw outcome.error
    if (!outcome?.applied) return undefined
    // What waited behind it in its group has its turn, however long it would have rested.
    await followUp(engine, home.name, () => freeGroup(engine, home, stored.segment.key))
    return { done: undefined }
  })

/**
 * Gives a message that nobody is working on another due time. It moves there, is kept as long from then on as it
 * would have been from its old one, and keeps its id by an alias. One that was received before rests where it is: its
 * receives stay counted, handles of before stay outdated, and it can't be put off beyond its expiry.
 *
 * writes: one transaction, or one update · condition: it is as it was read
 * @throws `InvalidRequest`, `QueueNotFound`, `MessageNotFound`, `OperationInProgress` while it is leased
 */
export const rescheduleMessage = (
  engine: Engine,
  queue: string,
  messageId: string,
  { delaySeconds, dueAt }: { delaySeconds?: number; dueAt?: number },
): Promise<StoredMessage> => {
  if ((delaySeconds === undefined) === (dueAt === undefined)) {
    throw invalid('dueAt', dueAt, 'or delaySeconds must be given, and not both')
  }
  if (delaySeconds !== undefined) number('delaySeconds', delaySeconds, 0, LIMITS.delaySeconds)
  if (dueAt !== undefined) number('dueAt', dueAt, 0, engine.clock.now() + LIMITS.delaySeconds * 1_000)
  return onceUnleased(engine, queue, messageId, async (located, now) => {
    if (located.queue.settings.fifo)
      throw invalid('queue', plainName(queue), 'must be a standard queue: a FIFO queue keeps its order')
    const at = Math.max(now, Math.round(dueAt ?? now + (delaySeconds ?? 0) * 1_000))
    const slot = slotAt(located.stored.segment, located.index)
    const done =
      slot.kind === 'lease' && slot.receiveCount > 0
        ? await rest(engine, located, slot, at)
        : await move(engine, located, messageId, at, now)
    return done && { done }
  })
}

/** Runs a change on a message that must not be leased, again when others changed the message meanwhile. */
const onceUnleased = async <T>(
  engine: Engine,
  queue: string,
  messageId: string,
  change: (located: Located, now: number) => Promise<{ done: T } | undefined>,
): Promise<T> => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const located = await locate(engine, queue, messageId)
    const slot = slotAt(located.stored.segment, located.index)
    const now = engine.clock.now()
    if (slot.kind === 'lease' && liveAt(slot, now)) {
      throw new HoldfastError('OperationInProgress', 'the message is leased to a consumer', {
        queue,
        field: 'messageId',
        value: messageId,
      })
    }
    const outcome = await change(located, now)
    if (outcome) return outcome.done
  }
  throw new HoldfastError('Throttled', 'the message is being changed by others', { queue, reason: 'contention' })
}

/** Puts the message off where it stands, under a token that nobody was given. */
const rest = async (
  engine: Engine,
  { queue, stored, index }: Located,
  before: Lease,
  at: number,
): Promise<StoredMessage | undefined> => {
  const { segment, content } = stored
  const expiresAt = expiryOf(queue, segmentDueAt(segment), segment.expiresAt)
  if (at >= expiresAt) throw invalid('dueAt', at, `must be before ${expiresAt}, when the message expires`)
  const backingOff: Lease = { ...before, token: engine.random.bytes(TOKEN_BYTES), until: at, backingOff: true }
  const change: Change = { ...take(segment, [index]), slots: [[index, backingOff]] }
  const [outcome] = await engine.store.change([change])
  if (outcome && !outcome.applied && outcome.error) throw outcome.error
  if (!outcome?.applied || !outcome.segment) return undefined
  await releaseEarly(engine, segment.key, at)
  await followUp(engine, queue.name, () => touchGroupOf(engine, queue, segment.key))
  engine.wakeups.wake(queue.name, 1)
  return storedMessage(queue, outcome.segment, content, index, engine.clock.now())
}

const move = async (
  engine: Engine,
  { queue, stored, index }: Located,
  messageId: string,
  at: number,
  now: number,
): Promise<StoredMessage | undefined> => {
  const { segment, content } = stored
  const message = content.messages[index] as ContentMessage
  const moved = newSegment(engine, queue, {
    priority: priorityOf(segment.key.sort),
    dueAt: at,
    publishedAt: now,
    messages: [{ ...message, messageId, publishedAt: message.publishedAt ?? segment.publishedAt }],
    group: segment.key.partition.group,
    timeToLiveSeconds: (segment.expiresAt - dueAtOf(segment.key.sort)) / 1_000,
  })
  const outcome = await engine.store.transact([
    { kind: 'change', change: take(segment, [index]) },
    { kind: 'insert', insert: moved },
    aliasWrite(queue.name, messageId, moved.segment, 0),
    ...(segment.key.partition.group === undefined
      ? []
      : [touchGroup(engine, queue, segment.key.partition.group, moved)]),
  ])
  if (!outcome.applied) return undefined
  engine.wakeups.wake(queue.name, 1)
  return storedMessage(queue, moved.segment, moved.content, 0, now)
}

export interface BrowsePage {
  readonly messages: readonly StoredMessage[]
  /** Give it back to get the next page. */
  readonly cursor?: string
}

/**
 * The messages of a queue, page by page, without leasing any: shard by shard, in the order in which polls take them.
 * A page may hold up to a segment more than `limit`.
 *
 * @throws `InvalidRequest`, `QueueNotFound`
 */
export const browse = async (
  engine: Engine,
  queueName: string,
  { limit = 10, cursor }: { limit?: number; cursor?: string } = {},
): Promise<BrowsePage> => {
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.browsePage) {
    throw invalid('limit', limit, `must be a whole number from 1 to ${LIMITS.browsePage}`)
  }
  const queue = await engine.queues.get(queueName)
  const start = decodeCursor(cursor)
  const messages: StoredMessage[] = []
  let { from } = start
  for await (const partition of partitions(engine, queue, start)) {
    for (;;) {
      if (messages.length >= limit) return { messages, cursor: encodeCursor(cursorIn(partition, from)) }
      const page = await engine.store.headers({ partition, from, to: '~', limit: limit - messages.length })
      const segments = withMessages(page.segments, limit - messages.length)
      const last = segments.at(-1)
      messages.push(...(await messagesIn(engine, queue, segments)))
      if (!last || (!page.more && segments.length === page.segments.length)) break
      from = sortRightBehind(last.key.sort)
    }
    from = '0'
  }
  return { messages }
}

/** As many of the segments, from the first on, as hold `count` messages. */
const withMessages = (segments: readonly Segment[], count: number): readonly Segment[] => {
  let left = count
  const end = segments.findIndex((segment) => {
    left -= segment.slots.length - goneCount(segment)
    return left <= 0
  })
  return end < 0 ? segments : segments.slice(0, end + 1)
}

const messagesIn = async (
  engine: Engine,
  queue: QueueState,
  segments: readonly Segment[],
): Promise<StoredMessage[]> => {
  const now = engine.clock.now()
  const keys = segments.filter((segment) => !isDropped(queue, asDelayed(queue, segment), now)).map(({ key }) => key)
  if (keys.length === 0) return []
  const stored = await engine.store.read(keys)
  return stored.flatMap((one) => {
    const content = one?.content
    if (!one || !content) return []
    const segment = asDelayed(queue, one.segment)
    return segment.slots.flatMap((slot, index) =>
      slot.kind === 'gone' ? [] : [storedMessage(queue, segment, content, index, now)],
    )
  })
}

const encodeCursor = ({ shard, group = '', from }: Cursor): string =>
  Buffer.from(`${shard} ${group} ${from}`).toString('base64url')

const decodeCursor = (cursor: string | undefined): Cursor => {
  if (cursor === undefined) return START
  const match = /^(\d{1,3}) ([0-9a-f]{0,14}!?) ([0-9a-f]{1,27}!?)$/.exec(
    Buffer.from(cursor, 'base64url').toString('latin1'),
  )
  if (!match) throw invalid('cursor', cursor, 'must be one that a page before gave')
  const [, shard, group, from = '0'] = match
  return { shard: Number(shard), ...(group && { group }), from }
}

export const storedMessage = (
  queue: QueueState,
  segment: Segment,
  content: Content,
  index: number,
  now: number,
): StoredMessage => {
  const slot = slotAt(segment, index)
  const visible = visibleAt(segment, slot)
  const core = contentOf(segment, content, index)
  const working = slot.kind === 'lease' && liveAt(slot, now)
  return {
    ...core,
    queue: plainName(queue.name),
    state: working ? 'leased' : visible > now ? 'delayed' : core.deadLetter ? 'dead-lettered' : 'ready',
    receiveCount: slot.kind === 'lease' ? slot.receiveCount : 0,
    ...(slot.kind === 'lease' && slot.receiveCount > 0 && { firstReceivedAt: slot.firstReceivedAt }),
    // Without a delay a message of a FIFO queue waits for no clock.
    visibleAt: visible > 0 ? visible : Math.min(core.dueAt, now),
    expiresAt: expiryOf(queue, segmentDueAt(segment), segment.expiresAt),
  }
}
