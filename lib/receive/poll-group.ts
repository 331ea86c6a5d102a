import type { Engine } from '../engine.ts'
import type { Request } from '../hints/scan-target.ts'
import { groupPartition, type HeadPart, NO_SEQUENCE, type Sequence } from '../model/group.ts'
import type { QueueState } from '../model/queue-record.ts'
import { partitionId } from '../model/segment-key.ts'
import type { Ticket } from '../model/ticket.ts'
import { deadLetter } from '../redrive/dead-letter.ts'
import { deleteGone, unlockGroup } from '../settle/group-release.ts'
import { followUp } from '../store/follow-up.ts'
import { claimHead } from './group-claim.ts'
import { readHead } from './group-head.ts'
import { type Locked, lockGroup, MIN_LOCK_MS, moveLock } from './group-lock.ts'
import { releaseEmpty } from './release-empty.ts'
import { NOTHING_FOUND, type ScanResult } from './scan-result.ts'

/** Polls one ordered group: locks its ticket, reads its head and claims from it. A locked group returns no messages. */
export const pollGroup = async (
  engine: Engine,
  queue: QueueState,
  ticket: Ticket,
  request: Request,
): Promise<ScanResult> => {
  const now = engine.clock.now()
  if (ticket.lockedUntil > now) return { messages: [], nextAt: ticket.lockedUntil }
  const { polledGroups } = engine.polls
  const partition = { ...groupPartition(queue, ticket.group), shard: ticket.shard }
  const name = partitionId(partition)
  // Another poll of this process is already polling this group.
  if (polledGroups.has(name)) return NOTHING_FOUND
  polledGroups.add(name)
  try {
    const tickets = engine.polls.tickets(partition)
    const { localVersion } = tickets
    const locked = await lockGroup(engine, queue, { partition, group: ticket.group }, { now, leaseMs: request.leaseMs })
    if (!locked) tickets.rivalsAt = now
    const found = locked ? await pollOrUnlock(engine, queue, locked, request) : NOTHING_FOUND
    tickets.observe({ group: ticket.group, lockedUntil: found.nextAt }, localVersion)
    return found
  } finally {
    polledGroups.delete(name)
  }
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
    await unlockGroup(engine, locked.key).catch(() => {})
    throw error
  }
}

/** How often one poll reads a group's head. It reads again only when the head changed concurrently, or was dead-lettered. */
const MAX_READS = 30

const pollLocked = async (engine: Engine, queue: QueueState, locked: Locked, request: Request): Promise<ScanResult> => {
  let maxReceives = queue.settings.deadLetter?.maxReceives
  let seen = NO_SEQUENCE
  for (let reads = 0; reads < MAX_READS && !request.signal?.aborted; reads++) {
    const { head, last, gone } = await readHead(engine, queue, locked.key, { want: request.want, maxReceives })
    if (last > seen) seen = last
    if (head.kind === 'empty') return releaseEmpty(engine, queue, locked, { lastRead: seen, gone })
    // The group is read again anyway, so this poll does not wait for the outcome.
    void deleteGone(engine, gone)
    if (head.kind === 'in-flight' || head.kind === 'backing-off') {
      await moveLock(engine, locked, head)
      return { messages: [], nextAt: head.until }
    }
    if (head.kind === 'exhausted') {
      // If the dead-letter queue does not exist, the message is delivered once more, so that it does not block its group.
      if (!(await deadLetter(engine, queue, head.segment, head.indexes)).moved) maxReceives = undefined
      continue
    }
    const claimed = await claimParts(engine, queue, locked, { parts: head.parts, seen, request })
    if (claimed) return claimed
  }
  await unlockGroup(engine, locked.key)
  return NOTHING_FOUND
}

/** Claims the messages at the head of a group. Returns nothing when they have changed since they were read. */
const claimParts = async (
  engine: Engine,
  queue: QueueState,
  { key, ticket }: Locked,
  { parts, seen, request }: { parts: readonly HeadPart[]; seen: Sequence; request: Request },
): Promise<ScanResult | undefined> => {
  // An ack deletes the ticket of an empty group by this number. A poll that has not read the last message leaves the number out, because
  // the message may be about to become visible.
  const lastSequence = seen >= ticket.lastSequence ? ticket.lastSequence : NO_SEQUENCE
  const group = { hash: key.group, lastSequence }
  // The lock may end during the wait. Then another poll may claim these messages, and this claim's condition fails.
  await request.acquireBudget?.()
  const claimed = await claimHead(engine, queue, parts, { leaseMs: request.leaseMs, group })
  if (!claimed) return undefined
  const { messages, isWhole, until, undo } = claimed
  if (request.signal?.aborted || !isWhole) {
    await undo()
    await unlockGroup(engine, key)
    return NOTHING_FOUND
  }
  // The lock must end with a shorter lease.
  if (request.leaseMs < MIN_LOCK_MS) await followUp(engine, queue.name, () => unlockGroup(engine, key, until))
  return { messages, nextAt: until }
}
