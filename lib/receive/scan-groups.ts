import type { Engine } from '../engine.ts'
import { followUp } from '../follow-up.ts'
import type { Request } from '../hints/scan-target.ts'
import { isHoldfastError } from '../model/errors.ts'
import {
  type GroupHead,
  groupPartition,
  groupSort,
  type HeadPart,
  isYoung,
  judgeHead,
  lastSequenceOf,
  locksStaleBefore,
  NO_SEQUENCE,
  type Sequence,
  sequenceAt,
} from '../model/group.ts'
import type { Message } from '../model/message.ts'
import { asDelayed, isDropped, type QueueState } from '../model/queue-record.ts'
import { goneCount, remove, type Segment } from '../model/segment.ts'
import { partitionId, sortRightBehind } from '../model/segment-key.ts'
import type { Ticket } from '../model/ticket.ts'
import { deadLetter } from '../redrive/dead-letter.ts'
import { markFree, retireTicket } from '../settle/group-release.ts'
import type { TicketKey } from '../store/port.ts'
import { claimHead } from './group-claim.ts'
import type { ScanResult } from './scan.ts'
import { nextTicketAt, ticketPages } from './ticket-pages.ts'

/** Groups that may fail in one scan before it ends: one group that cannot be polled must not stop the others. */
const MAX_FAILURES = 3

/** One scan of the groups of a FIFO queue: claims as much of each free group as is wanted, before the next group. */
export const scanGroups = async (engine: Engine, queue: QueueState, request: Request): Promise<ScanResult> => {
  const messages: Message[] = []
  const failures: unknown[] = []
  let nextAt = Number.POSITIVE_INFINITY
  for await (const tickets of ticketPages(engine, queue)) {
    dropIdleTickets(engine, queue, tickets)
    for (const ticket of tickets) {
      try {
        const found = await pollGroup(engine, queue, ticket, { ...request, want: request.want - messages.length })
        messages.push(...found.messages)
        nextAt = Math.min(nextAt, found.nextAt)
      } catch (error) {
        // Messages that were claimed in other groups before still reach the caller.
        if (!isHoldfastError(error) || failures.push(error) === MAX_FAILURES) return settled(messages, nextAt, [error])
      }
      if (messages.length >= request.want || request.signal?.aborted) return { messages, nextAt }
    }
  }
  return settled(messages, Math.min(nextAt, nextTicketAt(engine, queue)), failures)
}

/** Tickets that one page of a scan deletes. */
const MAX_DROPPED = 100
const NEVER = Number.POSITIVE_INFINITY

/** Deletes the tickets of groups that have been empty for long enough. The scan does not wait for the outcome. */
const dropIdleTickets = (engine: Engine, queue: QueueState, tickets: readonly Ticket[]): void => {
  const now = engine.clock.now()
  const idle = tickets.filter(({ lockedUntil, lastSequence }) => lockedUntil === NEVER && !isYoung(lastSequence, now))
  for (const { group, shard, lastSequence } of idle.slice(0, MAX_DROPPED)) {
    const partition = { ...groupPartition(queue, group), shard }
    engine.store.dropTicket({ partition, group }, lastSequence).catch(() => {})
  }
}

const settled = (messages: Message[], nextAt: number, [failure]: readonly unknown[]): ScanResult => {
  if (failure !== undefined && messages.length === 0) throw failure
  return { messages, nextAt }
}

/** Longer than the poll of one group takes. When the poller dies during it, the group is free again after this span. */
const MIN_LOCK_MS = 2_000
const NOTHING: ScanResult = { messages: [], nextAt: Number.POSITIVE_INFINITY }

interface Locked {
  readonly key: TicketKey
  readonly ticket: Ticket
}

const pollGroup = async (engine: Engine, queue: QueueState, ticket: Ticket, request: Request): Promise<ScanResult> => {
  const now = engine.clock.now()
  if (ticket.lockedUntil > now) return { messages: [], nextAt: ticket.lockedUntil }
  const { polledGroups } = engine.polls
  const partition = { ...groupPartition(queue, ticket.group), shard: ticket.shard }
  const name = partitionId(partition)
  // Another poll of this process is already polling this group.
  if (polledGroups.has(name)) return NOTHING
  polledGroups.add(name)
  try {
    const tickets = engine.polls.tickets(partition)
    const { localVersion } = tickets
    const locked = await lockGroup(engine, queue, { partition, group: ticket.group }, { now, leaseMs: request.leaseMs })
    if (!locked) tickets.rivalsAt = now
    const found = locked ? await pollOrUnlock(engine, queue, locked, request) : NOTHING
    tickets.observe({ group: ticket.group, lockedUntil: found.nextAt }, localVersion)
    return found
  } finally {
    polledGroups.delete(name)
  }
}

const lockGroup = async (
  engine: Engine,
  queue: QueueState,
  key: TicketKey,
  { now, leaseMs }: { now: number; leaseMs: number },
): Promise<Locked | undefined> => {
  const staleAt = locksStaleBefore(queue, now)
  const ticket = await engine.store.lockTicket(key, {
    now,
    lockedUntil: now + Math.max(leaseMs, MIN_LOCK_MS),
    // Right behind a change by a faster clock, a lock that is set now still counts as set after it.
    turn: engine.turns(Math.max(now, staleAt ?? 0)),
    staleBefore: staleAt === undefined ? undefined : sequenceAt(staleAt),
  })
  return ticket && { key, ticket }
}

const pollOrUnlock = async (
  engine: Engine,
  queue: QueueState,
  locked: Locked,
  request: Request,
): Promise<ScanResult> => {
  try {
    return await pollLocked(engine, queue, locked, request)
  } catch (error) {
    await markFree(engine, locked.key).catch(() => {})
    throw error
  }
}

/** Reads of one group's head in one poll. Repeated only when the head changed concurrently, or was dead-lettered. */
const MAX_READS = 30

const pollLocked = async (engine: Engine, queue: QueueState, locked: Locked, request: Request): Promise<ScanResult> => {
  let maxReceives = queue.settings.deadLetter?.maxReceives
  let seen = NO_SEQUENCE
  for (let reads = 0; reads < MAX_READS && !request.signal?.aborted; reads++) {
    const { head, last } = await readHead(engine, queue, locked.key, { want: request.want, maxReceives })
    if (last > seen) seen = last
    if (head.kind === 'empty') return releaseEmpty(engine, queue, locked, seen)
    if (head.kind === 'in-flight' || head.kind === 'backing-off') {
      await moveLock(engine, locked, head)
      return { messages: [], nextAt: head.until }
    }
    if (head.kind === 'exhausted') {
      // Without a dead-letter queue to move it to, it is delivered once more: neither lost, nor in the way of the others.
      if (!(await deadLetter(engine, queue, head.segment, head.indexes)).moved) maxReceives = undefined
      continue
    }
    const claimed = await claimFront(engine, queue, locked, { parts: head.parts, seen, request })
    if (claimed) return claimed
  }
  await markFree(engine, locked.key)
  return NOTHING
}

/** Moves the end of the lock to the instant at which the head can be received. */
const moveLock = async (
  engine: Engine,
  { key, ticket: { lockedUntil } }: Locked,
  { kind, until }: { kind: 'in-flight' | 'backing-off'; until: number },
): Promise<void> => {
  // A delay or a backoff may be long, and hardly ever ends early.
  if (kind === 'backing-off' && until > lockedUntil) await engine.store.markTicket(key, until, { lockedUntil })
  else if (until < lockedUntil) await markFree(engine, key, until)
}

/**
 * Deletes or parks the ticket of a group that was found empty.
 *
 * DynamoDB makes the writes of a transaction visible one after the other. So when a ticket has a number that no poller has
 * seen a message of, a publish may be about to become visible. The age of that number proves nothing, because the
 * publisher's clock may be slow. The group is polled again, at growing intervals, for some seconds after this process first
 * missed the message.
 */
const releaseEmpty = async (
  engine: Engine,
  queue: QueueState,
  { key, ticket: { lastSequence } }: Locked,
  seen: Sequence,
): Promise<ScanResult> => {
  const purged = queue.purgedAt !== undefined && lastSequence < sequenceAt(queue.purgedAt)
  if (seen < lastSequence && !purged) {
    const now = engine.clock.now()
    const missedMs = now - missedSince(engine, key, lastSequence)
    if (missedMs < MISSED_MS) {
      const at = now + Math.max(MIN_RETRY_MS, 2 * missedMs)
      // The lock ends with the next publish, which must not wait for it.
      await markFree(engine, key, at, { lapses: true })
      return { messages: [], nextAt: at }
    }
  }
  if (!(await retireTicket(engine, key, lastSequence))) await markFree(engine, key)
  return NOTHING
}

const MISSED_MS = 5_000
const MAX_MISSED = 1_000
const MIN_RETRY_MS = 200

/** When this process first missed the message of a number, epoch ms. */
const missedSince = (engine: Engine, { partition }: TicketKey, lastSequence: Sequence): number => {
  const { missedNumbers } = engine.polls
  const name = partitionId(partition)
  const known = missedNumbers.get(name)
  if (known?.lastSequence === lastSequence) return known.since
  if (missedNumbers.size >= MAX_MISSED) missedNumbers.clear()
  const since = engine.clock.now()
  missedNumbers.set(name, { lastSequence, since })
  return since
}

/**
 * Reads, consistently, as many messages at the head of a group as are wanted, past those that expired or were purged.
 * Answers with the head the last number that was read.
 */
const readHead = async (
  engine: Engine,
  queue: QueueState,
  { partition }: TicketKey,
  { want, maxReceives }: { want: number; maxReceives: number | undefined },
): Promise<{ head: GroupHead; last: Sequence }> => {
  const now = engine.clock.now()
  const segments: Segment[] = []
  let last = NO_SEQUENCE
  let count = 0
  let from = queue.purgedAt === undefined ? '9' : groupSort(sequenceAt(queue.purgedAt))
  while (count < want) {
    const page = await engine.store.headers({ partition, from, to: '~', limit: want, consistent: true })
    for (const stored of page.segments) {
      const segment = asDelayed(queue, stored)
      last = lastSequenceOf(segment)
      if (isDropped(queue, segment, now)) continue
      const left = segment.slots.length - goneCount(segment)
      count += left
      if (left > 0) segments.push(segment)
      // A process acked the last message of it and died before the delete. This poll does not wait for the outcome.
      else void engine.store.change([remove(segment)])
    }
    const end = page.segments.at(-1)
    if (!page.more || !end) break
    from = sortRightBehind(end.key.sort)
  }
  return { head: judgeHead(segments, { now, want, maxReceives }), last }
}

/** Claims the messages at the front of a group. Answers nothing when they are no longer as they were read. */
const claimFront = async (
  engine: Engine,
  queue: QueueState,
  { key, ticket }: Locked,
  { parts, seen, request }: { parts: readonly HeadPart[]; seen: Sequence; request: Request },
): Promise<ScanResult | undefined> => {
  // Only a process that has seen the last message of a group can tell later that it is gone.
  const lastSequence = seen >= ticket.lastSequence ? ticket.lastSequence : NO_SEQUENCE
  const group = { hash: key.group, lastSequence }
  const claimed = await claimHead(engine, queue, parts, { leaseMs: request.leaseMs, group })
  if (!claimed) return undefined
  const { messages, until, undo } = claimed
  const wanted = parts.reduce((sum, { indexes }) => sum + indexes.length, 0)
  if (request.signal?.aborted || messages.length < wanted) {
    await undo()
    await markFree(engine, key)
    return NOTHING
  }
  // A lease that is shorter than the lock ends first, and so must the lock.
  if (request.leaseMs < MIN_LOCK_MS) await followUp(engine, queue.name, () => markFree(engine, key, until))
  return { messages, nextAt: until }
}
