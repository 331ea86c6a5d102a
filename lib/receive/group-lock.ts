import type { Engine } from '../engine.ts'
import { locksStaleBefore, staleTurnsBefore } from '../model/group.ts'
import type { QueueState } from '../model/queue-record.ts'
import type { Ticket } from '../model/ticket.ts'
import { unlockGroup } from '../settle/group-release.ts'
import type { TicketKey } from '../store/port.ts'

/** The shortest lock: longer than the poll of one group takes. If the poller dies during its poll, the group is locked for this time. */
export const MIN_LOCK_MS = 2_000

export interface Locked {
  readonly key: TicketKey
  readonly ticket: Ticket
}

/** Locks a group for its poll. Returns nothing when another poller locked it first. */
export const lockGroup = async (
  engine: Engine,
  queue: QueueState,
  key: TicketKey,
  { now, leaseMs }: { now: number; leaseMs: number },
): Promise<Locked | undefined> => {
  const staleAt = locksStaleBefore(queue, now)
  const ticket = await engine.store.lockTicket(key, {
    now,
    lockedUntil: now + Math.max(leaseMs, MIN_LOCK_MS),
    // A process whose clock is ahead may have changed the queue. This lock must count as later than that change.
    turn: engine.turns(Math.max(now, staleAt ?? 0)),
    staleBefore: staleTurnsBefore(queue, now),
  })
  return ticket && { key, ticket }
}

/** Moves the end of the lock to the instant at which the head can be received. */
export const moveLock = async (
  engine: Engine,
  { key, ticket: { lockedUntil } }: Locked,
  { kind, until }: { kind: 'in-flight' | 'backing-off'; until: number },
): Promise<void> => {
  // Only a delay or a backoff makes the lock longer: it may last long, and rarely ends early.
  if (kind === 'backing-off' && until > lockedUntil) await engine.store.markTicket(key, until, { lockedUntil })
  else if (until < lockedUntil) await unlockGroup(engine, key, until)
}
