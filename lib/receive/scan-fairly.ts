import type { Engine } from '../engine.ts'
import type { Request } from '../hints/scan-target.ts'
import { groupPartition } from '../model/group.ts'
import type { Message } from '../model/message.ts'
import { isDropped, isPurged, type QueueState } from '../model/queue-record.ts'
import { nextVisibleAt, type Segment } from '../model/segment.ts'
import { dueAtOf, sortFrom } from '../model/segment-key.ts'
import type { Ticket } from '../model/ticket.ts'
import { headerPages } from '../store/header-pages.ts'
import type { TicketKey } from '../store/port.ts'
import { pollWithinLimit } from './limited-group.ts'
import { scan } from './scan.ts'
import { scanPartition } from './scan-partition.ts'
import { orEmptyResult, type ScanResult } from './scan-result.ts'
import { nextTicketAt, ticketPages } from './ticket-pages.ts'

/**
 * Message groups on standard queues, for fairness between tenants. Each group's messages are stored in a partition of their
 * own and have a ticket, and a poll takes turns between the groups it finds instead of receiving in one order. So a tenant with
 * a hundred thousand waiting messages delays the others by its own turns only. Messages without a group are stored in the
 * queue's shards, and a poll of a queue that never had a group reads nothing else.
 *
 * The publisher writes the ticket after the segment, and its publish succeeds after both. So if a ticket is missing, the publish
 * has not succeeded. A poller deletes a ticket on condition that it was not written since the group was found empty.
 */
export const scanFairly = async (engine: Engine, queue: QueueState, request: Request): Promise<ScanResult> => {
  // Messages without a group take turns with all the groups together.
  const turns = engine.random.fraction() < 0.5 ? [scan, scanInTurns] : [scanInTurns, scan]
  const messages: Message[] = []
  let nextAt = Number.POSITIVE_INFINITY
  for (const turn of turns) {
    const want = request.want - messages.length
    if (want <= 0 || request.signal?.aborted) break
    const found = await orEmptyResult(turn(engine, queue, { ...request, want }), messages.length > 0)
    messages.push(...found.messages)
    nextAt = Math.min(nextAt, found.nextAt)
  }
  return { messages, nextAt }
}

/** Scans the groups: polls the free groups of each page concurrently, each for an equal part of the wanted messages. */
const scanInTurns = async (engine: Engine, queue: QueueState, request: Request): Promise<ScanResult> => {
  const messages: Message[] = []
  let nextAt = Number.POSITIVE_INFINITY
  for await (const tickets of ticketPages(engine, queue)) {
    const found = await pollInTurns(engine, queue, tickets, { ...request, want: request.want - messages.length })
    messages.push(...found.messages)
    nextAt = Math.min(nextAt, found.nextAt)
    if (messages.length >= request.want || request.signal?.aborted) return { messages, nextAt }
  }
  return { messages, nextAt: Math.min(nextAt, nextTicketAt(engine, queue)) }
}

/** Polls the free groups of a page until there are as many messages as wanted, or the groups have no more. */
const pollInTurns = async (
  engine: Engine,
  queue: QueueState,
  tickets: readonly Ticket[],
  request: Request,
): Promise<ScanResult> => {
  const now = engine.clock.now()
  const messages: Message[] = []
  let nextAt = firstLockEnd(tickets, now)
  let free = tickets.filter(({ lockedUntil }) => lockedUntil <= now)
  while (free.length > 0 && messages.length < request.want && !request.signal?.aborted) {
    const polls = await pollShares(engine, queue, free, { ...request, want: request.want - messages.length })
    const { done, failure } = polls
    const hasClaimed = messages.length > 0 || done.some(({ found }) => found.messages.length > 0)
    // Messages that were claimed in other groups must reach the caller.
    if (failure && !hasClaimed) throw failure.reason
    for (const { found } of done) messages.push(...found.messages)
    nextAt = Math.min(nextAt, ...done.map(({ found }) => found.nextAt))
    // Groups that may have more follow those not polled yet. With a lease of 0 s a second poll of a group would receive the same messages.
    const generous = done.filter(({ share, found }) => request.leaseMs > 0 && found.messages.length >= share)
    free = [...free.slice(polls.count), ...generous.map(({ ticket }) => ticket)]
  }
  return { messages, nextAt }
}

/** When the first locked group is free, epoch ms. */
const firstLockEnd = (tickets: readonly Ticket[], now: number): number =>
  Math.min(...tickets.map(({ lockedUntil }) => lockedUntil).filter((until) => until > now), Number.POSITIVE_INFINITY)

interface SharePoll {
  readonly ticket: Ticket
  /** The number of messages that the group was asked for. */
  readonly share: number
  readonly found: ScanResult
}

/** Polls the first `count` groups concurrently, each for an equal share of the wanted messages and at least one. */
const pollShares = async (
  engine: Engine,
  queue: QueueState,
  free: readonly Ticket[],
  request: Request,
): Promise<{ count: number; done: SharePoll[]; failure: PromiseRejectedResult | undefined }> => {
  const { want } = request
  const equalShare = Math.max(1, Math.ceil(want / free.length))
  const polled = free.slice(0, Math.ceil(want / equalShare))
  const outcomes = await Promise.allSettled(
    polled.map(async (ticket, position): Promise<SharePoll> => {
      const share = Math.min(equalShare, want - equalShare * position)
      return { ticket, share, found: await pollFairGroup(engine, queue, ticket, { ...request, want: share }) }
    }),
  )
  return {
    count: polled.length,
    done: outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
    failure: outcomes.find((outcome) => outcome.status === 'rejected'),
  }
}

const pollFairGroup = async (
  engine: Engine,
  queue: QueueState,
  ticket: Ticket,
  request: Request,
): Promise<ScanResult> => {
  const partition = { ...groupPartition(queue, ticket.group), shard: ticket.shard }
  const key: TicketKey = { partition, group: ticket.group }
  const known = engine.polls.tickets(partition)
  const { localVersion } = known
  const found = await claimWhereAllowed(engine, queue, key, ticket, request)
  // A group that gave as many messages as it was asked for probably has more.
  const lockedUntil = found.messages.length < request.want ? found.nextAt : engine.clock.now()
  known.observe({ group: ticket.group, lockedUntil }, localVersion)
  return found
}

const claimWhereAllowed = async (
  engine: Engine,
  queue: QueueState,
  key: TicketKey,
  ticket: Ticket,
  request: Request,
): Promise<ScanResult> => {
  const limit = queue.settings.maxInFlightPerGroup
  const found =
    limit === undefined
      ? await scanGroup(engine, queue, key, request)
      : await pollWithinLimit(engine, queue, { key, ticket, limit }, request)
  // Another poll is polling this group or claimed first. Many pollers that retry at once would cost more than they receive.
  if (!found) return { messages: [], nextAt: engine.clock.now() + RETRY_MS }
  if (found.messages.length > 0) return found
  // A poll under a limit has already read what `nextSurely` reads.
  const nextAt = limit === undefined ? await nextSurely(engine, queue, key, found.nextAt) : found.nextAt
  await lockEmpty(engine, queue, key, ticket, nextAt)
  return { ...found, nextAt }
}

/** An eventually consistent read shows everything that was published longer ago than this. */
const VISIBLE_TO_ALL_MS = 5_000
const FEW_HEADERS = 4

/**
 * When a group without receivable messages next has one, epoch ms. A scan reads only a little past now, from a replica that may be behind. A
 * message with a longer delay, or one published a moment ago, must not be hidden until another message's lease ends.
 *
 * reads: 1 RRU, only if the group is to be locked for a while
 */
const nextSurely = async (
  engine: Engine,
  queue: QueueState,
  { partition }: TicketKey,
  nextAt: number,
): Promise<number> => {
  const now = engine.clock.now()
  if (nextAt <= now + RETRY_MS || nextAt === Number.POSITIVE_INFINITY) return nextAt
  const from = sortFrom(0, Math.max(0, now - VISIBLE_TO_ALL_MS))
  const page = await engine.store.headers({ partition, from, to: '~', limit: FEW_HEADERS, consistent: true })
  let next = nextAt
  for (const segment of page.segments) {
    if (!isDropped(queue, segment, now)) next = Math.min(next, nextVisibleAt(segment))
  }
  const last = page.segments.at(-1)
  // What is behind the page is due no sooner than its last header, which may be of a purged message.
  return page.more && last ? Math.min(next, Math.max(dueAtOf(last.key.sort), now + RETRY_MS)) : next
}

/** Locks a group without receivable messages until it has one, or deletes its ticket when no message is left. */
const lockEmpty = async (
  engine: Engine,
  queue: QueueState,
  key: TicketKey,
  { lastSequence }: Ticket,
  nextAt: number,
): Promise<unknown> => {
  if (nextAt < Number.POSITIVE_INFINITY) return engine.store.markTicket(key, nextAt, { lastSequence })
  if (!(await mayHaveMessages(engine, queue, key))) return engine.store.dropTicket(key, lastSequence)
  return engine.store.markTicket(key, engine.clock.now() + RETRY_MS, { lastSequence })
}

const FIRST_HEADERS = 25

/**
 * Whether a group has a message that is or may become receivable. What was purged or has expired is stored until TTL deletes it. If that
 * counted, each poll would write the tickets of all groups that were purged, for days. What a shorter retention drops counts: a longer one
 * brings it back.
 *
 * reads: all headers up to the first that counts
 */
const mayHaveMessages = async (engine: Engine, queue: QueueState, { partition }: TicketKey): Promise<boolean> => {
  const now = engine.clock.now()
  const counts = ({ publishedAt, expiresAt }: Segment) => expiresAt > now && !isPurged(queue, publishedAt)
  for await (const page of headerPages(engine.store, { partition, from: '0', to: '~', limit: FIRST_HEADERS })) {
    if (page.segments.some(counts)) return true
  }
  return false
}

/** Pause before a group is polled again whose messages could not be claimed, for example because they are due far ahead. */
const RETRY_MS = 1_000

const scanGroup = (
  engine: Engine,
  queue: QueueState,
  { partition }: TicketKey,
  request: Request,
): Promise<ScanResult> =>
  scanPartition(engine, { queue, partition, priority: 0, hints: engine.polls.target(partition, 0) }, request)
