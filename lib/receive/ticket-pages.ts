import type { Engine } from '../engine.ts'
import type { Due, TicketCache } from '../hints/ticket-cache.ts'
import { staleTurnsBefore } from '../model/group.ts'
import { partitionOf, pollShards, type QueueState } from '../model/queue-record.ts'
import { type SegmentPartition, sortRightBehind } from '../model/segment-key.ts'
import { isLockStale, type Ticket } from '../model/ticket.ts'
import type { TicketPage, TicketRange } from '../store/port.ts'
import { shuffled } from './shuffle.ts'

/** Half a read unit reads about this many tickets. */
const FIRST_PAGE = 25
const SECOND_PAGE = 100
const GROWTH = 4
const MAX_TICKETS = 1_000
/** Keys before and behind the hash of every group. */
const FRONT = '0'
const END = '~'

/**
 * The tickets of a queue's groups, page by page, each page in the order of the groups' turns. The first page of a shard starts
 * at the first ticket where all tickets are known to fit in a page, and otherwise at a random one. Further pages start where
 * this process stopped the last time. The shard's allowance limits how many tickets they have.
 */
export async function* ticketPages(engine: Engine, queue: QueueState): AsyncGenerator<readonly Ticket[]> {
  const shards = pollShards(queue)
  const first = Math.floor(engine.random.fraction() * shards)
  for (let turn = 0; turn < shards; turn++) yield* pagesOf(engine, queue, partitionOf(queue, (first + turn) % shards))
}

/** When the next group becomes due, epoch ms, by the ticket caches of the shards of which scans do not read all tickets. */
export const nextTicketAt = (engine: Engine, queue: QueueState): number => {
  const now = engine.clock.now()
  let next = Number.POSITIVE_INFINITY
  for (let shard = 0; shard < pollShards(queue); shard++) {
    const cache = engine.polls.tickets(partitionOf(queue, shard))
    if (cache.scarce) next = Math.min(next, cache.nextAt(now))
  }
  return next
}

async function* pagesOf(
  engine: Engine,
  queue: QueueState,
  partition: SegmentPartition,
): AsyncGenerator<readonly Ticket[]> {
  const cache = engine.polls.tickets(partition)
  const reader: Reader = { engine, queue, partition, cache }
  const startedAt = engine.clock.now()
  cache.refill(startedAt)
  const start = cache.crowded ? Buffer.from(engine.random.bytes(7)).toString('hex') : FRONT
  let pass = cache.cursor === undefined ? undefined : passFrom(cache.cursor)
  const extras = cache.scarce
    ? [...cache.removeDue(startedAt).map((due) => readDue(reader, due)), continuePass(reader, pass, SECOND_PAGE)]
    : []
  // All of these tickets are one page, so that a group from the cache is not polled before a group from the random place.
  const [first, ...others] = await Promise.all([firstPage(reader, start), ...extras])
  cache.scarce = cache.crowded && freeOf(first, engine.clock.now()) === 0
  const found = new Map([first, ...others].flat().map((ticket) => [ticket.group, ticket]))
  yield byTurn(reader, [...found.values()])
  if (!cache.crowded) return
  cache.scarce = true
  pass ??= passBehind(first, start)
  for (let limit = SECOND_PAGE; !pass.over && cache.allowance >= FIRST_PAGE; limit = limit * GROWTH) {
    yield byTurn(reader, await continuePass(reader, pass, Math.min(MAX_TICKETS, limit)))
  }
}

interface Reader {
  readonly engine: Engine
  readonly queue: QueueState
  readonly partition: SegmentPartition
  readonly cache: TicketCache
}

/** For this time after another process locked a group first, the order is random. Otherwise all processes would lock the same group. */
const RIVALS_MS = 10_000

/**
 * Tickets in the order in which their groups are polled: the group that has waited longest for its turn comes first. A group
 * that is polled goes behind all others, however many messages it has. The order is random where turns are equal, as on
 * standard queues, and while other processes poll the same groups.
 */
const byTurn = ({ engine, cache }: Reader, tickets: readonly Ticket[]): readonly Ticket[] => {
  const mixed = shuffled(tickets, engine.random.fraction)
  if (engine.clock.now() - cache.rivalsAt < RIVALS_MS) return mixed
  return mixed.sort((a, b) => (a.turn < b.turn ? -1 : a.turn > b.turn ? 1 : 0))
}

/** Reads a page that starts at a key and continues at the front behind the last ticket. Records whether all tickets fit in a page. */
const firstPage = async (reader: Reader, start: string): Promise<readonly Ticket[]> => {
  const { tickets, more } = await read(reader, { from: start, to: END, limit: FIRST_PAGE })
  reader.cache.crowded = more || tickets.length === FIRST_PAGE
  if (reader.cache.crowded || start === FRONT) return tickets
  const limit = FIRST_PAGE - tickets.length
  const around = await read(reader, { from: FRONT, to: start, limit })
  reader.cache.crowded = around.more
  return [...tickets, ...around.tickets]
}

/** Reads the ticket of a due group: consistently where this process changed the group, so that the read shows the change. */
const readDue = async (reader: Reader, { group, own }: Due): Promise<readonly Ticket[]> =>
  (await read(reader, { from: group, to: group, limit: 1, consistent: own })).tickets

/** A pass through the tickets of a shard, which starts at a key, continues at the front behind the last ticket, and stops at `end`. */
interface Pass {
  from: string
  readonly end: string
  /** Whether the pass has reached the last ticket and continued at the front. */
  around: boolean
  over: boolean
}

const passFrom = (cursor: string): Pass => ({ from: cursor, end: cursor, around: false, over: false })
const passBehind = (page: readonly Ticket[], start: string): Pass => {
  const last = page.at(-1)?.group ?? start
  return { from: sortRightBehind(last), end: start, around: last < start, over: false }
}

/** Reads the next tickets of a pass, as many as the allowance permits. Returns none where there is no pass. */
const continuePass = async (reader: Reader, pass: Pass | undefined, max: number): Promise<readonly Ticket[]> => {
  const { cache, engine } = reader
  const limit = Math.min(max, Math.floor(cache.allowance))
  if (!pass || limit < FIRST_PAGE) return []
  // Spent before the read, so that concurrent polls do not spend the same allowance.
  cache.spend(limit, 0)
  const { tickets, more } = await read(reader, { from: pass.from, to: pass.around ? pass.end : END, limit })
  cache.spend(tickets.length - limit, freeOf(tickets, engine.clock.now()))
  const last = tickets.at(-1)?.group
  if (more && last !== undefined && !(pass.around && last >= pass.end)) pass.from = sortRightBehind(last)
  else if (pass.around || pass.end === FRONT) pass.over = true
  else Object.assign(pass, { from: FRONT, around: true })
  cache.cursor = pass.over ? pass.end : pass.from
  return tickets
}

const read = async (
  { engine, queue, partition, cache }: Reader,
  range: Omit<TicketRange, 'partition'>,
): Promise<TicketPage> => {
  const { localVersion } = cache
  const page = await engine.store.tickets({ partition, ...range })
  const staleBefore = staleTurnsBefore(queue, engine.clock.now())
  const tickets = page.tickets.map((ticket) =>
    isLockStale(ticket, staleBefore) ? { ...ticket, lockedUntil: 0 } : ticket,
  )
  for (const ticket of tickets) cache.observe(ticket, localVersion)
  return { ...page, tickets }
}

const freeOf = (tickets: readonly Ticket[], now: number): number =>
  tickets.reduce((count, { lockedUntil }) => count + (lockedUntil <= now ? 1 : 0), 0)
