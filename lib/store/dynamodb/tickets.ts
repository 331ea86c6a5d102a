import type { SegmentPartition } from '../../model/segment-key.ts'
import type { Ticket, TicketLock, TicketMark, TicketState } from '../../model/ticket.ts'
import { ticketPartition } from '../keys.ts'
import type { Store, TicketKey, Write } from '../port.ts'
import type { Expression } from './expressions.ts'
import type { Item } from './header-item.ts'
import type { TableClient } from './table-client.ts'

/**
 * How a ticket is stored in the table. The expressions follow the rule `applyToTicket`.
 *
 *     pk  t#<queue>#<generation>#<shard>
 *     sk  hash of the group, 14 hex digits
 *     l   last sequence number, S, 15 hex digits, compared as text; on standard queues a mark of the last publish
 *     u   locked until, N, epoch ms; absent while the group is idle
 *     t   the turn: since when the group waits to be polled, S, 15 hex digits; absent without `u`, and on standard queues
 *     m   for a lock that ends with the next publish: the last sequence number when the lock was set, S
 *     x   TTL, N, epoch seconds
 */
const ticketKey = ({ partition, group }: TicketKey): Item => ({
  pk: { S: ticketPartition(partition) },
  sk: { S: group },
})

const NOT_LOCKED = 'attribute_exists(l) AND (u <= :now OR (attribute_exists(m) AND m <> l))'
const NOT_LOCKED_OR_STALE = 'attribute_exists(l) AND (u <= :now OR (attribute_exists(m) AND m <> l) OR t < :stale)'
const TICKET_EXISTS = 'attribute_exists(l)'
const UNTOUCHED = 'l = :last'
const LOCKED_STILL = 'u = :locked AND (attribute_not_exists(m) OR m = l)'
const LOCKED_FOR_LONGER = 'u > :after AND (attribute_not_exists(m) OR m = l)'
const NOTHING_SINCE = 'attribute_not_exists(l) OR l = :last'
const NONE_GIVEN_FROM = 'attribute_not_exists(l) OR l < :from'

export const ticketOperations = (
  table: TableClient,
): Pick<Store, 'tickets' | 'lockTicket' | 'markTicket' | 'dropTicket'> => ({
  tickets: async ({ partition, from, to, limit, consistent = false }) => {
    const { items, more } = await table.query({
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ExpressionAttributeValues: { ':pk': { S: ticketPartition(partition) }, ':from': { S: from }, ':to': { S: to } },
      ConsistentRead: consistent,
      Limit: limit,
    })
    return { tickets: items.map((item) => ticketOf(partition, item)), more }
  },
  lockTicket: async (key, lock) => {
    const { held, item } = await table.update(lockExpression(key, lock))
    const { lockedUntil, turn } = lock
    const ticket = item && ticketOf(key.partition, item)
    // A ticket that has this lock was locked by the same request, which the SDK sent again after a lost response.
    return held || (ticket?.lockedUntil === lockedUntil && ticket.turn === turn) ? ticket : undefined
  },
  markTicket: async (key, until, options = {}) => (await table.update(markExpression(key, until, options))).held,
  dropTicket: async (key, lastSequence) => {
    const { held } = await table.delete({
      Key: ticketKey(key),
      ConditionExpression: NOTHING_SINCE,
      ExpressionAttributeValues: { ':last': { S: lastSequence } },
    })
    return held
  },
})

const lockExpression = (key: TicketKey, { now, lockedUntil, turn, staleBefore }: TicketLock): Expression => ({
  Key: ticketKey(key),
  UpdateExpression: 'SET u = :until, t = :turn REMOVE m',
  ConditionExpression: staleBefore === undefined ? NOT_LOCKED : NOT_LOCKED_OR_STALE,
  ExpressionAttributeValues: {
    ':until': { N: String(lockedUntil) },
    ':turn': { S: turn },
    ':now': { N: String(now) },
    ...(staleBefore !== undefined && { ':stale': { S: staleBefore } }),
  },
})

const markExpression = (
  key: TicketKey,
  until: number,
  { lapses, lastSequence, lockedUntil, lockedAfter }: TicketMark,
): Expression => {
  const conditions = [
    TICKET_EXISTS,
    ...(lastSequence === undefined ? [] : [UNTOUCHED]),
    ...(lockedUntil === undefined ? [] : [LOCKED_STILL]),
    ...(lockedAfter === undefined ? [] : [LOCKED_FOR_LONGER]),
  ]
  const values: Item = {
    ...(until < Number.POSITIVE_INFINITY && { ':until': { N: String(until) } }),
    ...(lastSequence !== undefined && { ':last': { S: lastSequence } }),
    ...(lockedUntil !== undefined && { ':locked': { N: String(lockedUntil) } }),
    ...(lockedAfter !== undefined && { ':after': { N: String(lockedAfter) } }),
  }
  return {
    Key: ticketKey(key),
    UpdateExpression:
      until < Number.POSITIVE_INFINITY ? `SET u = :until ${lapses ? ', m = l' : 'REMOVE m'}` : 'REMOVE u, t, m',
    ConditionExpression: conditions.join(' AND '),
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  }
}

export const advanceExpression = (write: Extract<Write, { kind: 'advance' }>): Required<Expression> => ({
  Key: ticketKey(write.key),
  UpdateExpression: 'SET l = :to, x = :x, u = if_not_exists(u, :u), t = if_not_exists(t, :t)',
  ConditionExpression: NONE_GIVEN_FROM,
  ExpressionAttributeValues: {
    ':from': { S: write.from },
    ':to': { S: write.to },
    ':x': { N: String(Math.ceil(write.expiresAt / 1_000)) },
    ':u': { N: String(write.lockedUntil) },
    ':t': { S: write.turn },
  },
})

export const touchExpression = (write: Extract<Write, { kind: 'touch' }>) => ({
  Key: ticketKey(write.key),
  UpdateExpression: 'SET l = :mark, u = :now, x = :x REMOVE t, m',
  ExpressionAttributeValues: {
    ':mark': { S: write.mark },
    ':now': { N: '0' },
    ':x': { N: String(Math.ceil(write.expiresAt / 1_000)) },
  },
})

const ticketOf = ({ shard }: SegmentPartition, item: Item): Ticket => ({
  group: item.sk?.S ?? '',
  shard,
  lastSequence: item.l?.S ?? '',
  turn: item.t?.S ?? '',
  lockedUntil: lockedUntilOf(item),
})

/** A ticket's state, without its place. */
export const ticketStateOf = (item: Item): TicketState => ({
  lastSequence: item.l?.S ?? '',
  turn: item.t?.S ?? '',
  lockedUntil: lockedUntilOf(item),
  lapses: item.m !== undefined && item.m.S === item.l?.S,
  expiresAt: Number(item.x?.N) * 1_000,
})

const lockedUntilOf = ({ u, m, l }: Item): number => {
  if (u === undefined) return Number.POSITIVE_INFINITY
  // A lock that can't be read is none: polls must not wait for it for ever.
  return m !== undefined && m.S !== l?.S ? 0 : Number(u.N ?? 0)
}
