import { claimFrom } from './claim.ts'
import type { Engine } from './engine.ts'
import type { Lane, Request } from './lane.ts'
import type { Message } from './message.ts'
import { isDropped, partitionOf, pollShards, type QueueState } from './queue-record.ts'
import { nextVisibleAt, remove, type Segment } from './segment.ts'
import { dueAtOf, sortFrom, sortRightBehind, sortUpTo } from './segment-key.ts'
import { retireShard } from './shards.ts'
import { WORTH_SKIPPING } from './skips.ts'
import type { HeaderPage } from './store.ts'

export interface Look {
  readonly messages: Message[]
  /** The earliest instant at which something seen becomes visible, epoch ms. */
  readonly nextAt: number
}

/** Reads a little past now, so that a long poll knows when to look again. */
const AHEAD_MS = 1_000
const FEWEST_HEADERS = 4
const MOST_HEADERS = 1_000
const PAGE_GROWTH = 4
/** One look through the queue: priorities from the first to the last, shards from a random one onward. */
export const look = async (engine: Engine, queue: QueueState, request: Request): Promise<Look> => {
  const shards = pollShards(queue)
  const start = Math.floor(engine.random.fraction() * shards)
  const messages: Message[] = []
  let nextAt = Number.POSITIVE_INFINITY
  for (let priority = queue.settings.priorities - 1; priority >= 0; priority--) {
    for (let turn = 0; turn < shards; turn++) {
      const partition = partitionOf(queue, (start + turn) % shards)
      const lane = { queue, partition, priority, memory: engine.polls.lane(partition, priority) }
      const seen = await lookInLane(engine, lane, { ...request, want: request.want - messages.length })
      messages.push(...seen.messages)
      nextAt = Math.min(nextAt, seen.nextAt)
      if (messages.length >= request.want || request.signal?.aborted) return { messages, nextAt }
    }
  }
  if (messages.length === 0) await retireShard(engine, queue)
  return { messages, nextAt }
}

const lookInLane = async (engine: Engine, lane: Lane, request: Request): Promise<Look> => {
  lane.memory.looking++
  try {
    return await lookThroughRanges(engine, lane, request)
  } finally {
    lane.memory.looking--
  }
}

const lookThroughRanges = async (engine: Engine, lane: Lane, request: Request): Promise<Look> => {
  const { memory, priority } = lane
  const startedAt = engine.clock.now()
  const messages: Message[] = []
  let nextAt = Number.POSITIVE_INFINITY
  let limit = firstLimit(lane, request.want)
  for (const range of memory.skips.ranges(sortFrom(priority), sortUpTo(priority, startedAt + AHEAD_MS), startedAt)) {
    for (let from = range.from; ; ) {
      const page = await engine.store.headers({ partition: lane.partition, from, to: range.to, limit })
      const looked = await claimFrom(engine, lane, page.segments, { ...request, want: request.want - messages.length })
      messages.push(...looked.messages)
      const last = page.segments.at(-1)
      nextAt = Math.min(nextAt, remember(engine, lane, { from, to: range.to, known: range.known, page }, looked.after))
      if (messages.length >= request.want || request.signal?.aborted) return { messages, nextAt }
      const past = last !== undefined && dueAtOf(last.key.sort) > engine.clock.now()
      if (!page.more || !last || past) break
      from = sortRightBehind(last.key.sort)
      limit = Math.min(MOST_HEADERS, limit * PAGE_GROWTH)
    }
  }
  return { messages, nextAt: Math.min(nextAt, memory.skips.endsAt()) }
}

/** As many headers as the wish should take, more when others, here or elsewhere, are after the same ones. */
const firstLimit = ({ memory }: Lane, want: number): number => {
  const headers = Math.ceil(want / memory.density)
  const rivals = memory.contention.pressure * Math.max(1, memory.looking)
  return Math.min(MOST_HEADERS, Math.max(FEWEST_HEADERS, Math.ceil(headers * rivals) + (want > 1 ? 1 : 0)))
}

/** Takes note of the front of a page that has nothing to receive; answers when the page next has something. */
const remember = (
  engine: Engine,
  { queue, memory }: Lane,
  { from, to, known, page }: { from: string; to: string; known: boolean; page: HeaderPage },
  after: ReadonlyMap<string, Segment | 'unknown' | undefined>,
): number => {
  const now = engine.clock.now()
  let until = Number.POSITIVE_INFINITY
  let headers = 0
  let last: string | undefined
  let complete = true
  let nextAt = Number.POSITIVE_INFINITY
  for (const read of page.segments) {
    const { sort } = read.key
    const segment = after.has(sort) ? after.get(sort) : read
    const visible = visibleAgainAt(engine, queue, segment, now)
    if (visible > now) nextAt = Math.min(nextAt, visible)
    if (!complete) continue
    if (dueAtOf(sort) > now || visible <= now) complete = false
    else {
      until = Math.min(until, visible)
      headers++
      last = sort
    }
  }
  const wholeRange = known && complete && !page.more
  if (wholeRange) memory.skips.learn({ from, to, until, headers, now })
  else if (last !== undefined && (known || headers >= WORTH_SKIPPING)) {
    memory.skips.learn({ from, to: last, until, headers, now })
  }
  return nextAt
}

const visibleAgainAt = (engine: Engine, queue: QueueState, segment: Segment | 'unknown' | undefined, now: number) => {
  if (segment === undefined) return Number.POSITIVE_INFINITY
  if (segment === 'unknown') return now
  if (isDropped(queue, segment, now)) return Number.POSITIVE_INFINITY
  const next = nextVisibleAt(segment)
  // A header whose messages are all gone lost its deleter between two writes.
  if (next === Number.POSITIVE_INFINITY) sweep(engine, segment)
  return next
}

const sweep = (engine: Engine, segment: Segment): void => {
  // Whether it works is not waited for: the next poller that comes by tries again.
  void engine.store.change([remove(segment)])
}
