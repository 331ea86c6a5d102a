import type { Engine } from '../engine.ts'
import { invalid } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { StoredMessage } from '../model/message.ts'
import { whole } from '../model/number-checks.ts'
import { asDelayed, isDropped, type QueueState } from '../model/queue-record.ts'
import { goneCount, type Segment } from '../model/segment.ts'
import { sortRightBehind } from '../model/segment-key.ts'
import { type Cursor, cursorIn, partitions, START } from '../queues/partitions.ts'
import { storedMessage } from './stored-message.ts'

export interface BrowsePage {
  readonly messages: readonly StoredMessage[]
  /** Give it back to get the next page. */
  readonly cursor?: string
}

/**
 * The messages of a queue, page by page, without leasing any: shard by shard, each in the order of its sort keys. A page may hold up to
 * one segment more than `limit`.
 *
 * @throws `InvalidRequest`, `QueueNotFound`
 */
export const browse = async (
  engine: Engine,
  queueName: string,
  { limit = 10, cursor }: { limit?: number; cursor?: string } = {},
): Promise<BrowsePage> => {
  whole('limit', limit, 1, LIMITS.browsePage)
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

/** The first segments, as many as hold `count` messages. */
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
  if (!match) throw invalid('cursor', cursor, 'must be the cursor of an earlier page')
  const [, shard, group, from = '0'] = match
  return { shard: Number(shard), ...(group && { group }), from }
}
