import type { Engine } from '../engine.ts'
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

/** Groups that may fail in one look before it is given up: one that can't be polled must not stop the others. */
const MAX_FAILURES = 3

/** One look through the groups of a FIFO queue: of each free group as much as is wanted, before the next. */
export const scanGroups = async (engine: Engine, queue: QueueState, request: Request): Promise<ScanResult> => {
  const messages: Message[] = []
  const failures: unknown[] = []
  let nextAt = Number.POSITIVE_INFINITY
  for await (const tickets of ticketPages(engine, queue)) {
    sweep(engine, queue, tickets)
    for (const ticket of tickets) {
      try {
        const taken = await takeFromGroup(engine, queue, ticket, { ...request, want: request.want - messages.length })
        messages.push(...taken.messages)
        nextAt = Math.min(nextAt, taken.nextAt)
      } catch (error) {
        // What was taken of other groups before is handed out all the same.
        if (!isHoldfastError(error) || failures.push(error) === MAX_FAILURES) return settled(messages, nextAt, [error])
      }
      if (messages.length >= request.want || request.signal?.aborted) return { messages, nextAt }
    }
  }
  return settled(messages, Math.min(nextAt, nextTicketAt(engine, queue)), failures)
}

/** Takes away the tickets of groups that have been empty for long enough; whether it works is not waited for. */
const sweep = (engine: Engine, queue: QueueState, tickets: readonly Ticket[]): void => {
  const now = engine.clock.now()
  const over = tickets.filter(({ busyUntil, lastSequence }) => busyUntil === NEVER && !isYoung(lastSequence, now))
  for (const { group, shard, lastSequence } of over.slice(0, MAX_SWEPT)) {
    const partition = { ...groupPartition(queue, group), shard }
    engine.store.dropTicket({ partition, group }, lastSequence).catch(() => {})
  }
}

const MAX_SWEPT = 100
const NEVER = Number.POSITIVE_INFINITY

const settled = (messages: Message[], nextAt: number, [failure]: readonly unknown[]): ScanResult => {
  if (failure !== undefined && messages.length === 0) throw failure
  return { messages, nextAt }
}

/** A look at a group takes no longer; should its poller die in it, the group is free again after this. */
const SHORTEST_LOCK_MS = 2_000
const NOTHING: ScanResult = { messages: [], nextAt: Number.POSITIVE_INFINITY }

interface Locked {
  readonly key: TicketKey
  readonly ticket: Ticket
}

const takeFromGroup = async (
  engine: Engine,
  queue: QueueState,
  ticket: Ticket,
  request: Request,
): Promise<ScanResult> => {
  const now = engine.clock.now()
  if (ticket.busyUntil > now) return { messages: [], nextAt: ticket.busyUntil }
  const { busyGroups } = engine.polls
  const partition = { ...groupPartition(queue, ticket.group), shard: ticket.shard }
  const name = partitionId(partition)
  // Another poll of this process is at it.
  if (busyGroups.has(name)) return NOTHING
  busyGroups.add(name)
  try {
    const key: TicketKey = { partition, group: ticket.group }
    const busyUntil = now + Math.max(request.leaseMs, SHORTEST_LOCK_MS)
    const known = engine.polls.tickets(partition)
    const { localVersion } = known
    const staleAt = locksStaleBefore(queue, now)
    // Right behind a change by a faster clock, a lock that is set now still counts as set after it.
    const turn = engine.turns(Math.max(now, staleAt ?? 0))
    const staleBefore = staleAt === undefined ? undefined : sequenceAt(staleAt)
    const locked = await engine.store.lockTicket(key, { now, busyUntil, turn, staleBefore })
    if (!locked) known.rivalsAt = now
    const looked = locked ? await takeOrLetGo(engine, queue, { key, ticket: locked }, request) : NOTHING
    known.observe({ group: ticket.group, busyUntil: looked.nextAt }, localVersion)
    return looked
  } finally {
    busyGroups.delete(name)
  }
}

const takeOrLetGo = async (
  engine: Engine,
  queue: QueueState,
  locked: Locked,
  request: Request,
): Promise<ScanResult> => {
  try {
    return await takeFromLocked(engine, queue, locked, request)
  } catch (error) {
    await markFree(engine, locked.key).catch(() => {})
    throw error
  }
}

/** Each further look follows a change by others, or messages dead-lettered. */
const LOOKS = 30

const takeFromLocked = async (
  engine: Engine,
  queue: QueueState,
  locked: Locked,
  request: Request,
): Promise<ScanResult> => {
  let limit = queue.settings.deadLetter?.maxReceives
  let seen = NO_SEQUENCE
  for (let look = 0; look < LOOKS && !request.signal?.aborted; look++) {
    const { head, last } = await readHead(engine, queue, locked.key, { want: request.want, maxReceives: limit })
    if (last > seen) seen = last
    if (head.kind === 'empty') return letGo(engine, queue, locked, seen)
    if (head.kind === 'in-flight' || head.kind === 'backing-off') {
      await noteBusy(engine, locked, head)
      return { messages: [], nextAt: head.until }
    }
    if (head.kind === 'exhausted') {
      // Where there is nowhere to put it, it is delivered once more rather than lost or in the way.
      if (!(await deadLetter(engine, queue, head.segment, head.indexes)).moved) limit = undefined
      continue
    }
    const taken = await take(engine, queue, locked, { parts: head.parts, seen, request })
    if (taken) return taken
  }
  await markFree(engine, locked.key)
  return NOTHING
}

const noteBusy = async (
  engine: Engine,
  locked: Locked,
  { kind, until }: { kind: 'in-flight' | 'backing-off'; until: number },
): Promise<void> => {
  const { key, ticket } = locked
  const { busyUntil } = ticket
  // A delay or a backoff may be long, and hardly ever ends early.
  if (kind === 'backing-off' && until > busyUntil) await engine.store.markTicket(key, until, { busyUntil })
  else if (until < busyUntil) await markFree(engine, locked.key, until)
}

/**
 * A group was found empty.
 *
 * DynamoDB makes the writes of a transaction visible one after the other. So a number whose message nobody has seen may
 * have been given by a publish that is only just getting through, and how old the number says it is counts for nothing:
 * its publisher's clock may be slow. It is looked for again, less and less often, for seconds after this process first
 * missed it.
 */
const letGo = async (engine: Engine, queue: QueueState, locked: Locked, seen: Sequence): Promise<ScanResult> => {
  const { key, ticket } = locked
  const { lastSequence } = ticket
  const purged = queue.purgedAt !== undefined && lastSequence < sequenceAt(queue.purgedAt)
  if (seen < lastSequence && !purged) {
    const now = engine.clock.now()
    const missedMs = now - missedSince(engine, key, lastSequence)
    if (missedMs < MISSED_MS) {
      const at = now + Math.max(LOOK_AGAIN_MS, 2 * missedMs)
      // A publish is not to wait for it.
      await markFree(engine, key, at, { lapses: true })
      return { messages: [], nextAt: at }
    }
  }
  if (!(await retireTicket(engine, key, lastSequence))) await markFree(engine, key)
  return NOTHING
}

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

const MISSED_MS = 5_000
const MAX_MISSED = 1_000
const LOOK_AGAIN_MS = 200

/**
 * Reads, consistently, as much of the head as is wanted, past what is expired or purged; answers with it the last number
 * that it came across.
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
  let left = 0
  let from = queue.purgedAt === undefined ? '9' : groupSort(sequenceAt(queue.purgedAt))
  while (left < want) {
    const page = await engine.store.headers({ partition, from, to: '~', limit: want, consistent: true })
    for (const segment of page.segments.map((one) => asDelayed(queue, one))) {
      last = lastSequenceOf(segment)
      if (isDropped(queue, segment, now)) continue
      const here = segment.slots.length - goneCount(segment)
      left += here
      if (here > 0) segments.push(segment)
      // Whoever acked the last of it died before the delete. Whether this works is not waited for.
      else void engine.store.change([remove(segment)])
    }
    const end = page.segments.at(-1)
    if (!page.more || !end) break
    from = sortRightBehind(end.key.sort)
  }
  return { head: judgeHead(segments, { now, want, maxReceives }), last }
}

/** Takes what stands at the head; nothing when the head is no longer what was read. */
const take = async (
  engine: Engine,
  queue: QueueState,
  locked: Locked,
  { parts, seen, request }: { parts: readonly HeadPart[]; seen: Sequence; request: Request },
): Promise<ScanResult | undefined> => {
  const { key, ticket } = locked
  // Only who has seen the last message of a group can know later that it is gone.
  const lastSequence = seen >= ticket.lastSequence ? ticket.lastSequence : NO_SEQUENCE
  const group = { hash: key.group, lastSequence }
  const claimed = await claimHead(engine, queue, parts, { leaseMs: request.leaseMs, group })
  if (!claimed) return undefined
  const { messages, until, undo } = claimed
  const wanted = parts.reduce((sum, { indexes }) => sum + indexes.length, 0)
  if (request.signal?.aborted || messages.length < wanted) {
    await undo()
    await markFree(engine, locked.key)
    return NOTHING
  }
  // The lock outlasts a shorter lease only as long as it took to get here.
  if (request.leaseMs < SHORTEST_LOCK_MS) await markFree(engine, locked.key, until)
  return { messages, nextAt: until }
}
