import type { Engine } from '../engine.ts'
import type { Request, ScanTarget } from '../hints/scan-target.ts'
import { expiryOf, isDropped, type QueueState } from '../model/queue-record.ts'
import { receivedMessages } from '../model/received-message.ts'
import { isHeld, liveAt, type Segment, segmentDueAt, slotAt, visibleAt } from '../model/segment.ts'
import { unclaim } from '../model/segment-change.ts'
import { dueAtOf, partitionId } from '../model/segment-key.ts'
import type { Ticket } from '../model/ticket.ts'
import { TICKET_KEPT_MS } from '../publish/group-place.ts'
import { reportUnreadable } from '../queues/report-unreadable.ts'
import type { TicketKey } from '../store/port.ts'
import { type After, candidatesOf, withoutExhausted } from './candidates.ts'
import { giveUp } from './claim.ts'
import { ownClaim } from './group-claim.ts'
import { type Fence, furthest, readFence, readFront } from './group-fence.ts'
import { newLeasing } from './leasing.ts'
import type { ScanResult } from './scan-result.ts'

/**
 * A limit of messages in flight in a group of a standard queue, kept by a **fence**: a document of the group that every
 * claim under the limit writes, in the transaction of the claim, on condition of its version.
 *
 * A message is *held* from its claim until it is acked, given back, dead-lettered, cancelled or claimed again. The end of its
 * lease does not free it: its holder may be about to extend it, or may judge by another clock. So nothing here depends on a
 * clock, and every message in flight is held.
 *
 * INVARIANT: no more messages than the limit are held. A poll reads the fence, then, consistently, all headers that may hold
 * a held message, and then claims as many messages as there is room for. Between the read and the claim there may be
 *
 * - a claim by another poller: it wrote the fence, so this claim fails as a whole, however long this process was paused;
 * - an ack, a nack, a cancellation, a move to the dead-letter queue: fewer messages are held than were counted;
 * - an extension: the message was counted, whether its lease was over or not. If this claim is to claim the same message,
 *   the claim fails, because the lease has changed since it was read;
 * - a publish: nobody holds a new message.
 *
 * No message is held behind the fence's `through`, the last key that was ever claimed, so a poll reads headers up to there. Under
 * other settings messages may have been claimed without writing the fence. So when the settings changed since the fence was written, a
 * poll reads everything that is due.
 *
 * The limit does not cover claims of processes that do not know of it yet, for the five seconds that settings are cached, nor
 * messages that were purged or have expired while a consumer still works on them.
 *
 * @returns nothing when the held messages must be counted again: another poll is polling this group or claimed first, or there was more to
 * dead-letter than one poll does
 *
 * reads: the fence, headers up to the last one that is held or wanted · writes: one transaction · cost: 2 WRU and 2 a segment;
 * nothing when there is no room · a crash leaves only leases
 */
export const pollWithinLimit = async (
  engine: Engine,
  queue: QueueState,
  limited: Limited,
  request: Request,
): Promise<ScanResult | undefined> => {
  const { polledGroups } = engine.polls
  const { partition } = limited.key
  const name = partitionId(partition)
  // Another poll of this process is already polling this group: the claim of one of the two would fail.
  if (polledGroups.has(name)) return undefined
  polledGroups.add(name)
  try {
    const target = { queue, partition, priority: 0, hints: engine.polls.target(partition, 0) }
    return await claimAllowed(engine, target, limited, request)
  } finally {
    polledGroups.delete(name)
  }
}

export interface Limited {
  readonly key: TicketKey
  readonly ticket: Ticket
  readonly limit: number
}

/** The number of tries of one poll. It retries only when messages were dead-lettered or changed concurrently. */
const TRIES = 4

const claimAllowed = async (
  engine: Engine,
  target: ScanTarget,
  limited: Limited,
  request: Request,
  tries = TRIES,
): Promise<ScanResult | undefined> => {
  const fence = await readFence(engine, target, limited.ticket.group)
  const front = await readFront(engine, target, fence, request.want)
  const after: After = new Map()
  // Before the candidates are chosen: what becomes visible a moment later is one of them, or is what the group waits for.
  const now = engine.clock.now()
  const candidates = await withoutExhausted(engine, target, candidatesOf(engine, target, front.segments, after), after)
  // A segment that changed concurrently counts in the state that was read: since then fewer messages are held, or the claim fails.
  const left = front.segments
    .map((read) => {
      const newest = after.get(read.key.sort)
      return newest === undefined || newest === 'unknown' ? read : newest
    })
    .filter((segment) => !isDropped(target.queue, segment, now))
  const slots = left.flatMap((segment) => segment.slots)
  const live = slots.filter((slot) => isHeld(slot) && liveAt(slot, now)).length
  const picked = pickWithin(candidates, {
    max: Math.min(request.want, limited.limit - live),
    room: limited.limit - slots.filter(isHeld).length,
  })
  // What changed or was dead-lettered makes room, or hides what is behind it: the group is read again, by a later poll if need be.
  if (picked.length === 0 && after.size > 0)
    return tries > 1 ? claimAllowed(engine, target, limited, request, tries - 1) : undefined
  if (picked.length === 0) {
    const full = limited.limit <= live
    const nextAt = nextChange(target.queue, left, full, now)
    return { messages: [], nextAt: full ? nextAt : Math.min(nextAt, await nextDue(engine, target, front.behind)) }
  }
  // If `through` was not known, messages may be held behind all picked ones, and `through` must reach them.
  const held = left.filter((segment) => segment.slots.some(isHeld))
  const through = furthest(fence.through, held.at(-1)?.key.sort, picked.at(-1)?.segment.key.sort)
  return claimWithin(engine, target, { ...fence, through }, picked, request)
}

interface Picked {
  readonly segment: Segment
  readonly indexes: number[]
}

/** The first messages, as many as there is room for. A message that is already held needs no room. */
const pickWithin = (candidates: readonly Picked[], { max, room }: { max: number; room: number }): Picked[] => {
  const picked: Picked[] = []
  let left = max
  let places = room
  for (const { segment, indexes } of candidates) {
    const chosen: number[] = []
    for (const index of indexes) {
      const needsRoom = !isHeld(slotAt(segment, index))
      if (left <= 0 || (needsRoom && places <= 0)) continue
      left--
      if (needsRoom) places--
      chosen.push(index)
    }
    if (chosen.length > 0) picked.push({ segment, indexes: chosen })
  }
  return picked
}

/** When the first message behind all the headers that were read is due, epoch ms. By then they may have been read a while ago. */
const nextDue = async (engine: Engine, { partition }: ScanTarget, from: string): Promise<number> => {
  const { segments } = await engine.store.headers({ partition, from, to: '~', limit: 1, consistent: true })
  return segments[0] ? dueAtOf(segments[0].key.sort) : Number.POSITIVE_INFINITY
}

/**
 * When there may be something to claim, epoch ms. In a full group that is the end of a lease, or the instant at which a message that is
 * held expires and so takes up no room any more; in others also a message's due time.
 */
const nextChange = (queue: QueueState, segments: readonly Segment[], full: boolean, now: number): number => {
  let next = Number.POSITIVE_INFINITY
  for (const segment of segments) {
    for (const slot of segment.slots) {
      if (full && !isHeld(slot)) continue
      const at = visibleAt(segment, slot)
      if (at <= now) continue
      next = Math.min(next, at, full ? expiryOf(queue, segmentDueAt(segment), segment.expiresAt) : at)
    }
  }
  return next
}

const claimWithin = async (
  engine: Engine,
  target: ScanTarget,
  fence: Fence & { through: string },
  picked: readonly Picked[],
  { leaseMs, signal, acquireBudget }: Request,
): Promise<ScanResult | undefined> => {
  const { queue } = target
  // What other polls claim during the wait changes the fence, and this claim's condition fails.
  await acquireBudget?.()
  const now = engine.clock.now()
  if (signal?.aborted) return undefined
  const { issue } = newLeasing(engine, queue, leaseMs)
  const claims = picked.map(({ segment, indexes }) => issue(segment, indexes))
  const outcomes =
    (await engine.store.claimTogether(claims, {
      kind: 'put',
      key: fence.key,
      value: { through: fence.through, settings: queue.version },
      ifVersion: fence.version,
      expiresAt: now + TICKET_KEPT_MS,
    })) ?? (await ownClaim(engine, claims))
  if (!outcomes) return undefined
  if (signal?.aborted) {
    await engine.store.change(claims.map(({ segment, change }) => unclaim(segment, change)))
    return undefined
  }
  const messages = await Promise.all(
    claims.map(async (claim, position) => {
      const { segment = claim.segment, content, unreadable } = outcomes[position] ?? {}
      if (content) return receivedMessages(segment, content, claim.receiptHandles)
      // Left leased, so that it is tried again when the lease ends.
      if (unreadable !== undefined) reportUnreadable(engine, queue, segment.key, unreadable)
      else await giveUp(engine, target, claim, segment)
      return []
    }),
  )
  return { messages: messages.flat(), nextAt: Number.POSITIVE_INFINITY }
}
