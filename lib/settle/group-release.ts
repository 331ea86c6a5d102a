import type { Engine } from '../engine.ts'
import { groupPartition, isNumberKept, judgeHead, NO_SEQUENCE, type Sequence } from '../model/group.ts'
import type { HandleResult } from '../model/message.ts'
import { asDelayed, isDropped, type QueueState } from '../model/queue-record.ts'
import { decodeReceiptHandle, type ReceiptHandle } from '../model/receipt-handle.ts'
import type { Segment } from '../model/segment.ts'
import { removeSegment } from '../model/segment-change.ts'
import type { SegmentKey } from '../model/segment-key.ts'
import { touchWrite } from '../publish/group-place.ts'
import { bestEffort } from '../store/best-effort.ts'
import type { TicketKey } from '../store/port.ts'

/**
 * Unlocks groups after messages of theirs were acked or given back. On a FIFO queue the lock of a group ends when its head can be
 * received, and its ticket is deleted when the group is empty.
 *
 * The release writes hints only. If the process crashes first, or the store fails, the ticket stays locked until the lease would have
 * ended. The ack or nack itself has already been made.
 */
export const releaseGroups = async (
  engine: Engine,
  queue: QueueState,
  receiptHandles: readonly string[],
  results: readonly HandleResult[],
): Promise<void> => {
  if (!queue.settings.fifo && !queue.grouped) return
  await Promise.all(
    groupsOf(queue, receiptHandles, results).map(({ key, handles }) =>
      bestEffort(queue.settings.fifo ? release(engine, queue, key, handles) : touch(engine, key)),
    ),
  )
}

/** Ends the locks of groups at the new end of a lease, unless they end sooner. */
export const unlockGroupsSooner = async (
  engine: Engine,
  queue: QueueState,
  endings: readonly { readonly receiptHandle: string; readonly endsAt: number }[],
  results: readonly HandleResult[],
): Promise<void> => {
  if (!queue.settings.fifo && !queue.grouped) return
  const receiptHandles = endings.map(({ receiptHandle }) => receiptHandle)
  await Promise.all(
    groupsOf(queue, receiptHandles, results).map(({ key, positions }) => {
      const endsAt = Math.min(...positions.map((position) => endings[position]?.endsAt ?? 0))
      return bestEffort(queue.settings.fifo ? unlockGroup(engine, key, endsAt) : touch(engine, key))
    }),
  )
}

/**
 * Ends the lock of a group at an instant, unless it ends sooner, and records that in the ticket cache. The default, 0, is past by every
 * clock.
 *
 * @param lapses whether a publish ends the lock sooner
 */
export const unlockGroup = async (
  engine: Engine,
  key: TicketKey,
  at = 0,
  { lapses = false }: { lapses?: boolean } = {},
): Promise<void> => {
  await engine.store.markTicket(key, at, { lockedAfter: at, lapses })
  engine.polls.tickets(key.partition).markReady(key.group, Math.max(at, engine.clock.now()))
}

/**
 * Ends the lock in the ticket of a group of a standard queue, and changes the ticket's `lastSequence`: a poller that read the group
 * before then fails to lock it.
 */
const touch = async (engine: Engine, key: TicketKey): Promise<void> => {
  await engine.store.transact([touchWrite(engine, key, Buffer.from(engine.random.bytes(8)).toString('hex'))])
  engine.polls.tickets(key.partition).markReady(key.group, engine.clock.now())
}

/** Ends the lock of a group of a standard queue in which a message was moved or rescheduled. */
export const touchGroupOf = async (engine: Engine, queue: QueueState, { partition }: SegmentKey): Promise<void> => {
  const { group } = partition
  if (queue.settings.fifo || group === undefined) return
  await bestEffort(touch(engine, { partition: groupPartition(queue, group), group }))
}

/** Ends the lock of a group of a FIFO queue after one of its messages is gone. */
export const unlockGroupOf = async (engine: Engine, queue: QueueState, { partition }: SegmentKey): Promise<void> => {
  const { group } = partition
  if (!queue.settings.fifo || group === undefined) return
  await bestEffort(unlockGroup(engine, { partition, group }))
  engine.wakeups.wake(queue.name, 1)
}

/**
 * Deletes the ticket of an empty group, or marks the group idle while its last number is young: publishers still need the number.
 * Returns false, and does nothing, when something was published since that number.
 */
export const retireTicket = (engine: Engine, key: TicketKey, lastSequence: Sequence): Promise<boolean> =>
  isNumberKept(lastSequence, engine.clock.now())
    ? engine.store.markTicket(key, Number.POSITIVE_INFINITY, { lastSequence })
    : engine.store.dropTicket(key, lastSequence)

interface Handled {
  readonly key: TicketKey
  readonly handles: readonly ReceiptHandle[]
  /** Positions of the handles in the request. */
  readonly positions: readonly number[]
}

/** The groups of the handles for which the operation succeeded. */
const groupsOf = (
  queue: QueueState,
  receiptHandles: readonly string[],
  results: readonly HandleResult[],
): Handled[] => {
  const groups = new Map<string, { key: TicketKey; handles: ReceiptHandle[]; positions: number[] }>()
  for (const [position, text] of receiptHandles.entries()) {
    const handle = results[position]?.ok ? decodeReceiptHandle(text) : undefined
    if (!handle?.group) continue
    const { hash } = handle.group
    const partition = groupPartition(queue, hash)
    const group = groups.get(hash) ?? { key: { partition, group: hash }, handles: [], positions: [] }
    groups.set(hash, group)
    group.handles.push(handle)
    group.positions.push(position)
  }
  return [...groups.values()]
}

const release = async (
  engine: Engine,
  queue: QueueState,
  key: TicketKey,
  handles: readonly ReceiptHandle[],
): Promise<void> => {
  const { partition, group } = key
  const known = engine.polls.tickets(partition)
  const [first] = handles
  const lastSequence = first?.group?.lastSequence ?? NO_SEQUENCE
  const page = await engine.store.headers({ partition, from: '9', to: '~', limit: 1, consistent: true })
  const now = engine.clock.now()
  const left = page.segments.map((one) => asDelayed(queue, one)).filter((segment) => !isDropped(queue, segment, now))
  const head = judgeHead(left, { now, want: 1 })
  const last = head.kind === 'empty' && !page.more && lastSequence !== NO_SEQUENCE
  const { localVersion } = known
  if (last && (await deleteGone(engine, left)) && (await retireTicket(engine, key, lastSequence))) {
    return known.observe({ group, lockedUntil: Number.POSITIVE_INFINITY }, localVersion)
  }
  await unlockGroup(engine, key, 'until' in head ? head.until : 0)
  engine.wakeups.wake(queue.name, 1)
}

/**
 * Deletes headers whose messages are all gone: the answer to the ack of the last one was lost, or its process died, before the header was
 * deleted. Once the ticket is retired, no poll reads the group. If the process crashes in between, the ticket stays, and a poll goes on.
 */
export const deleteGone = async (engine: Engine, gone: readonly Segment[]): Promise<boolean> => {
  if (gone.length === 0) return true
  const outcomes = await engine.store.change(gone.map(removeSegment))
  return outcomes.every((outcome) => outcome.applied || (outcome.segment === undefined && outcome.error === undefined))
}
