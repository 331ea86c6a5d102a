import { type Content, contentOf } from './content.ts'
import { deadLetter } from './dead-letter.ts'
import type { Engine } from './engine.ts'
import {
  type GroupHead,
  groupPartition,
  groupSort,
  judgeHead,
  MOST_IN_FLIGHT,
  sequenceAfter,
  sequenceAt,
  sequenceNumber,
  sequenceOf,
  type Ticket,
} from './group.ts'
import type { Request } from './lane.ts'
import type { Look } from './look.ts'
import type { Message } from './message.ts'
import { isDropped, type QueueState } from './queue-record.ts'
import { decodeReceiptHandle, encodeReceiptHandle } from './receipt-handle.ts'
import { atVersion, claim, goneCount, holds, type Lease, type Segment, slotAt, TOKEN_BYTES } from './segment.ts'
import { partitionId, sortRightBehind } from './segment-key.ts'
import type { Claim, ClaimedSegment, TicketKey } from './store.ts'
import { ticketPages } from './ticket-pages.ts'

/** One look through the groups of a FIFO queue: of each free group as much as is wanted, before the next. */
export const lookInGroups = async (engine: Engine, queue: QueueState, request: Request): Promise<Look> => {
  const messages: Message[] = []
  let nextAt = Number.POSITIVE_INFINITY
  for await (const tickets of ticketPages(engine, queue)) {
    for (const ticket of tickets) {
      const taken = await takeFromGroup(engine, queue, ticket, { ...request, want: request.want - messages.length })
      messages.push(...taken.messages)
      nextAt = Math.min(nextAt, taken.nextAt)
      if (messages.length >= request.want || request.signal?.aborted) return { messages, nextAt }
    }
  }
  return { messages, nextAt }
}

/** A look at a group takes no longer; should its poller die in it, the group is free again after this. */
const SHORTEST_LOCK_MS = 2_000
const NOTHING: Look = { messages: [], nextAt: Number.POSITIVE_INFINITY }

const takeFromGroup = async (engine: Engine, queue: QueueState, ticket: Ticket, request: Request): Promise<Look> => {
  const now = engine.clock.now()
  if (ticket.busyUntil > now) return { messages: [], nextAt: ticket.busyUntil }
  const { busyGroups } = engine.polls
  const partition = groupPartition(queue, ticket.group)
  const name = partitionId(partition)
  // Another poll of this process is at it.
  if (busyGroups.has(name)) return NOTHING
  busyGroups.add(name)
  try {
    const key: TicketKey = { partition, group: ticket.group }
    const busyUntil = now + Math.max(request.leaseMs, SHORTEST_LOCK_MS)
    const locked = await engine.store.lockTicket(key, { now, busyUntil })
    if (!locked) return NOTHING
    return await takeFromLocked(engine, queue, { key, ticket: locked }, request)
  } finally {
    busyGroups.delete(name)
  }
}

interface Locked {
  readonly key: TicketKey
  readonly ticket: Ticket
}

const takeFromLocked = async (engine: Engine, queue: QueueState, locked: Locked, request: Request): Promise<Look> => {
  for (;;) {
    const head = await readHead(engine, queue, locked.key, request.want)
    switch (head.kind) {
      case 'empty':
        // Unless something was published since the ticket was read: then the next look finds it.
        if (!(await engine.store.dropTicket(locked.key, locked.ticket.lastSequence))) {
          await engine.store.markTicket(locked.key, 0)
        }
        return NOTHING
      case 'busy':
        await engine.store.markTicket(locked.key, head.until)
        return { messages: [], nextAt: head.until }
      case 'spent': {
        const { moved } = await deadLetter(engine, queue, head.segment, head.indexes)
        if (moved) continue
        // Nowhere to put it: it is delivered once more rather than lost or in the way.
        const again = await readHead(engine, { ...queue, settings: withoutLimit(queue) }, locked.key, request.want)
        return again.kind === 'ready' ? claimHead(engine, queue, locked, again, request) : NOTHING
      }
      case 'ready':
        return claimHead(engine, queue, locked, head, request)
    }
  }
}

const withoutLimit = ({ settings }: QueueState): QueueState['settings'] => {
  const { deadLetter: _, ...rest } = settings
  return rest
}

/** Reads, consistently, as much of the head as a claim could have taken, past what is expired or purged. */
const readHead = async (
  engine: Engine,
  queue: QueueState,
  { partition }: TicketKey,
  want: number,
): Promise<GroupHead> => {
  const now = engine.clock.now()
  const segments: Segment[] = []
  let left = 0
  let from = queue.purgedAt === undefined ? '9' : groupSort(sequenceAt(queue.purgedAt))
  while (left < MOST_IN_FLIGHT) {
    const page = await engine.store.headers({ partition, from, to: '~', limit: MOST_IN_FLIGHT, consistent: true })
    for (const segment of page.segments) {
      if (isDropped(queue, segment, now)) continue
      segments.push(segment)
      left += segment.slots.length - goneCount(segment)
    }
    const last = page.segments.at(-1)
    if (!page.more || !last) break
    from = sortRightBehind(last.key.sort)
  }
  return judgeHead(segments, { now, want, maxReceives: queue.settings.deadLetter?.maxReceives })
}

const claimHead = async (
  engine: Engine,
  queue: QueueState,
  { key, ticket }: Locked,
  head: Extract<GroupHead, { kind: 'ready' }>,
  request: Request,
): Promise<Look> => {
  if (request.signal?.aborted) {
    await engine.store.markTicket(key, 0)
    return NOTHING
  }
  const now = engine.clock.now()
  const lease = { token: engine.random.bytes(TOKEN_BYTES), now, until: now + request.leaseMs }
  const claims = head.take.map(({ segment, indexes }): Claim => {
    // The version of every segment, also of one that is taken in part: nobody else may have come in between.
    return { segment, change: { ...claim(segment, indexes, lease), requires: atVersion(segment) } }
  })
  const claimed = (await engine.store.claimTogether(claims)) ?? (await ownClaim(engine, claims, lease.token))
  if (!claimed) return NOTHING
  if (request.signal?.aborted || claimed.some(({ content }) => !content)) {
    await engine.store.change(claims.map(({ segment, change }) => undo(segment, change, lease.token)))
    await engine.store.markTicket(key, 0)
    return NOTHING
  }
  // The lock outlasts a shorter lease only as long as it took to get here.
  if (request.leaseMs < SHORTEST_LOCK_MS) await engine.store.markTicket(key, lease.until)
  const taken = head.take.reduce((sum, { indexes }) => sum + indexes.length, 0)
  const group = { hash: key.group, lastSequence: ticket.lastSequence, taken }
  const messages = claimed.flatMap((part, position) =>
    messagesOf(queue, part, head.take[position]?.indexes ?? [], {
      group,
      receivedAt: now,
      before: claims[position]?.segment,
    }),
  )
  return { messages, nextAt: lease.until }
}

/** A claim whose answer was lost is recognized by its token. */
const ownClaim = async (
  engine: Engine,
  claims: readonly Claim[],
  token: Uint8Array,
): Promise<readonly ClaimedSegment[] | undefined> => {
  const stored = await engine.store.read(claims.map(({ segment }) => segment.key))
  const own = claims.every(({ change }, position) =>
    change.slots?.every(([index]) => {
      const segment = stored[position]?.segment
      return segment && holds(slotAt(segment, index), token)
    }),
  )
  return own ? stored.filter((one) => one !== undefined) : undefined
}

const undo = (before: Segment, change: Claim['change'], token: Uint8Array): Claim['change'] => ({
  key: before.key,
  requires: { kind: 'slots', slots: (change.slots ?? []).map(([index]) => [index, { kind: 'token', token }]) },
  slots: (change.slots ?? []).map(([index]) => [index, slotAt(before, index)]),
})

const messagesOf = (
  queue: QueueState,
  { segment, content }: ClaimedSegment,
  indexes: readonly number[],
  {
    group,
    receivedAt,
    before,
  }: {
    group: NonNullable<Parameters<typeof encodeReceiptHandle>[1]['group']>
    receivedAt: number
    before: Segment | undefined
  },
): Message[] =>
  indexes.flatMap((index) => {
    if (!content) return []
    const { token, receiveCount, firstReceivedAt } = slotAt(segment, index) as Lease
    const handle = encodeReceiptHandle(queue.name, {
      shard: segment.key.partition.shard,
      sort: segment.key.sort,
      index,
      token,
      count: segment.slots.length,
      claimed: indexes.length,
      gone: before ? goneCount(before) : 0,
      receiveCount,
      firstReceivedAt,
      receivedAt,
      group,
    })
    return messageAt(segment, content, index, handle)
  })

const messageAt = (segment: Segment, content: Content, index: number, receiptHandle: string): Message => {
  const { receiveCount, firstReceivedAt, until } = slotAt(segment, index) as Lease
  return {
    ...contentOf(segment, content, index),
    sequenceNumber: sequenceNumber(sequenceAfter(sequenceOf(segment.key.sort), index)),
    receiptHandle,
    receiveCount,
    firstReceivedAt,
    leasedUntil: until,
  }
}

/** The message that a receipt handle holds, as it was handed out with it. */
export const messageOfHandle = (segment: Segment, content: Content, receiptHandle: string): Message =>
  messageAt(segment, content, decodeReceiptHandle(receiptHandle)?.index ?? 0, receiptHandle)
