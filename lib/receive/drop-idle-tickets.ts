import type { Engine } from '../engine.ts'
import { groupPartition, isNumberKept } from '../model/group.ts'
import type { QueueState } from '../model/queue-record.ts'
import type { Ticket } from '../model/ticket.ts'

/** The number of tickets that a scan deletes for each page of tickets. */
const MAX_DROPPED = 100

/** The `lockedUntil` of an idle group. */
const IDLE = Number.POSITIVE_INFINITY

/** Deletes the tickets of groups that have been empty for long enough. The scan does not wait for the outcome. */
export const dropIdleTickets = (engine: Engine, queue: QueueState, tickets: readonly Ticket[]): void => {
  const now = engine.clock.now()
  const idle = tickets.filter(
    ({ lockedUntil, lastSequence }) => lockedUntil === IDLE && !isNumberKept(lastSequence, now),
  )
  for (const { group, shard, lastSequence } of idle.slice(0, MAX_DROPPED)) {
    const partition = { ...groupPartition(queue, group), shard }
    engine.store.dropTicket({ partition, group }, lastSequence).catch(() => {})
  }
}
