import type { Engine } from '../engine.ts'
import type { Request } from '../hints/scan-target.ts'
import { groupPartition } from '../model/group.ts'
import type { Message } from '../model/message.ts'
import { isDropped, type QueueState } from '../model/queue-record.ts'
import { nextVisibleAt } from '../model/segment.ts'
import { dueAtOf, sortFrom } from '../model/segment-key.ts'
import type { Ticket } from '../model/ticket.ts'
import type { TicketKey } from '../store/port.ts'
import { visitWithin } from './limited-group.ts'
import { orNothing, type ScanResult, scan, scanLane } from './scan.ts'
import { nextTicketAt, ticketPages } from './ticket-pages.ts'

/**
 * Message groups on standard queues, for fairness between tenants: each group's messages stand in a partition of their
 * own, with a ticket that tells of them, and a poll takes turns between the groups it finds instead of following one
 * line. So a tenant with a hundred thousand messages waiting delays the others by its own turns only. Messages without
 * a group stand in the queue's shards as ever, and a queue that never saw a group looks nowhere else.
 *
 * The ticket is written after the segment, and the publish is answered after both: a ticket missing means a publish
 * that was never answered. It is dropped on condition that it was not written since the group was found empty.
 */
export const scanFairly = async (engine: Engine, queue: QueueState, request: Request): Promise<ScanResult> => {
  // Messages without a group take turns with all the groups together.
  const turns = engine.random.fraction() < 0.5 ? [scan, scanInTurns] : [scanInTurns, scan]
  const messages: Message[] = []
  let nextAt = Number.POSITIVE_INFINITY
  for (const turn of turns) {
    const want = request.want - messages.length
    if (want <= 0 || request.signal?.aborted) break
    const seen = await orNothing(turn(engine, queue, { ...request, want }), messages.length > 0)
    messages.push(...seen.messages)
    nextAt = Math.min(nextAt, seen.nextAt)
  }
  return { messages, nextAt }
}

/** Through the tickets: each page's free groups get equal parts of what is wanted, all at once. */
const scanInTurns = async (engine: Engine, queue: QueueState, request: Request): Promise<ScanResult> => {
  const messages: Message[] = []
  let nextAt = Number.POSITIVE_INFINITY
  for await (const tickets of ticketPages(engine, queue)) {
    const seen = await takeTurns(engine, queue, tickets, { ...request, want: request.want - messages.length })
    messages.push(...seen.messages)
    nextAt = Math.min(nextAt, seen.nextAt)
    if (messages.length >= request.want || request.signal?.aborted) return { messages, nextAt }
  }
  return { messages, nextAt: Math.min(nextAt, nextTicketAt(engine, queue)) }
}

const takeTurns = async (
  engine: Engine,
  queue: QueueState,
  tickets: readonly Ticket[],
  request: Request,
): Promise<ScanResult> => {
  const now = engine.clock.now()
  const messages: Message[] = []
  let nextAt = Math.min(
    ...tickets.map(({ busyUntil }) => busyUntil).filter((until) => until > now),
    Number.POSITIVE_INFINITY,
  )
  let free = tickets.filter(({ busyUntil }) => busyUntil <= now)
  while (free.length > 0 && messages.length < request.want && !request.signal?.aborted) {
    const want = request.want - messages.length
    const share = Math.max(1, Math.ceil(want / free.length))
    const visited = free.slice(0, Math.ceil(want / share))
    const visits = await Promise.allSettled(
      visited.map((ticket, position) => {
        const left = Math.min(share, want - share * position)
        return visit(engine, queue, ticket, { ...request, want: left }).then((seen) => ({ ticket, left, seen }))
      }),
    )
    const looks = visits.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    const failure = visits.find((outcome) => outcome.status === 'rejected')
    const claimed = messages.length > 0 || looks.some(({ seen }) => seen.messages.length > 0)
    // What was claimed in other groups must reach the caller.
    if (failure && !claimed) throw failure.reason
    for (const { seen } of looks) messages.push(...seen.messages)
    nextAt = Math.min(nextAt, ...looks.map(({ seen }) => seen.nextAt))
    // Those that gave all they were asked for may have more; those not visited yet come first. Without a lease what they
    // gave can be received again at once, and would be, by this very poll.
    const generous = looks
      .filter(({ left, seen }) => request.leaseMs > 0 && seen.messages.length >= left)
      .map(({ ticket }) => ticket)
    free = [...free.slice(visited.length), ...generous]
  }
  return { messages, nextAt }
}

const visit = async (engine: Engine, queue: QueueState, ticket: Ticket, request: Request): Promise<ScanResult> => {
  const partition = { ...groupPartition(queue, ticket.group), shard: ticket.shard }
  const key: TicketKey = { partition, group: ticket.group }
  const known = engine.polls.tickets(partition)
  const { localVersion } = known
  const seen = await take(engine, queue, key, ticket, request)
  // One that gave all it was asked for is likely to have more.
  const busyUntil = seen.messages.length < request.want ? seen.nextAt : engine.clock.now()
  known.observe({ group: ticket.group, busyUntil }, localVersion)
  return seen
}

const take = async (
  engine: Engine,
  queue: QueueState,
  key: TicketKey,
  ticket: Ticket,
  request: Request,
): Promise<ScanResult> => {
  const limit = queue.settings.maxInFlightPerGroup
  const seen =
    limit === undefined
      ? await takeFrom(engine, queue, key, request)
      : await visitWithin(engine, queue, { key, ticket, limit }, request)
  // Not at once, or many pollers would spend more on it than they get.
  if (!seen) return { messages: [], nextAt: engine.clock.now() + LOOK_AGAIN_MS }
  if (seen.messages.length > 0) return seen
  // A look under a limit has read all of that already.
  const nextAt = limit === undefined ? await nextSurely(engine, queue, key, seen.nextAt) : seen.nextAt
  await settle(engine, key, ticket, nextAt)
  return { ...seen, nextAt }
}

/** What was published longer ago is seen by every read. */
const SEEN_BY_ALL_MS = 5_000
const FEW_HEADERS = 4

/**
 * When a group has something that had nothing just now. A look reads just a little past now, from a replica that may be
 * behind: a message that is delayed for longer, or that has only just been published, must not be hidden until the
 * lease of another ends.
 *
 * reads: 1 RRU, only where the group is said to be busy for a while
 */
const nextSurely = async (
  engine: Engine,
  queue: QueueState,
  { partition }: TicketKey,
  nextAt: number,
): Promise<number> => {
  const now = engine.clock.now()
  if (nextAt <= now + LOOK_AGAIN_MS || nextAt === Number.POSITIVE_INFINITY) return nextAt
  const from = sortFrom(0, Math.max(0, now - SEEN_BY_ALL_MS))
  const page = await engine.store.headers({ partition, from, to: '~', limit: FEW_HEADERS, consistent: true })
  let next = nextAt
  for (const segment of page.segments) {
    if (!isDropped(queue, segment, now)) next = Math.min(next, nextVisibleAt(segment))
  }
  const last = page.segments.at(-1)
  const further = page.more && last !== undefined && dueAtOf(last.key.sort) <= now
  return further ? Math.min(next, now + LOOK_AGAIN_MS) : next
}

/** Nothing to be had: says from when on, or takes the ticket away when there is nothing left at all. */
const settle = async (engine: Engine, key: TicketKey, { lastSequence }: Ticket, nextAt: number): Promise<unknown> => {
  const { partition } = key
  if (nextAt < Number.POSITIVE_INFINITY) return engine.store.markTicket(key, nextAt, { lastSequence })
  const page = await engine.store.headers({ partition, from: '0', to: '~', limit: 1, consistent: true })
  const [first] = page.segments
  if (!first) await engine.store.dropTicket(key, lastSequence)
  else await engine.store.markTicket(key, engine.clock.now() + LOOK_AGAIN_MS, { lastSequence })
}

/** Something is there that could not be taken, such as a message far ahead: looked at again before long. */
const LOOK_AGAIN_MS = 1_000

const takeFrom = (engine: Engine, queue: QueueState, { partition }: TicketKey, request: Request): Promise<ScanResult> =>
  scanLane(engine, { queue, partition, priority: 0, memory: engine.polls.lane(partition, 0) }, request)
