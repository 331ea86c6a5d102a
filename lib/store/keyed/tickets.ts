import { partitionId, type SegmentPartition } from '../../model/segment-key.ts'
import { applyToTicket, type Ticket, type TicketCommand, type TicketState } from '../../model/ticket.ts'
import type { TicketKey, TicketPage, TicketRange } from '../port.ts'
import { isExpired, live, type Maps } from './entries.ts'

/** The id of a shard, from the partition of the shard or of any group in it. */
const shardId = ({ group: _, ...shard }: SegmentPartition): string => partitionId(shard)

export const ticketAt = (
  { tickets: map }: Maps,
  { partition, group }: TicketKey,
  now: number,
): TicketState | undefined => live(map.get(shardId(partition), group), now)

/** Applies a command by the rule for tickets. Returns whether its condition held, and the ticket afterwards. */
export const command = (
  maps: Maps,
  key: TicketKey,
  wanted: TicketCommand,
  now: number,
): { applied: boolean; ticket?: TicketState | undefined } => {
  const outcome = applyToTicket(ticketAt(maps, key, now), wanted)
  if (!outcome.applied) return outcome
  const id = shardId(key.partition)
  if (outcome.ticket) maps.tickets.set(id, key.group, outcome.ticket)
  else maps.tickets.delete(id, key.group)
  return outcome
}

export const tickets = (
  { tickets: map }: Maps,
  { partition, from, to, limit }: TicketRange,
  now: number,
): TicketPage => {
  const page: Ticket[] = []
  let more = false
  map.visit(shardId(partition), from, to, (group, ticket) => {
    if (isExpired(ticket, now)) return true
    if (page.length === limit) more = true
    else page.push(shownTicket({ partition, group }, ticket))
    return !more
  })
  return { tickets: page, more }
}

export const shownTicket = (
  { partition: { shard }, group }: TicketKey,
  { lastSequence, turn, lockedUntil }: TicketState,
): Ticket => ({ group, shard, lastSequence, turn, lockedUntil })
