import type { Engine } from '../engine.ts'
import { followUp } from '../follow-up.ts'
import { isOrdered } from '../model/group.ts'
import type { HandleResult } from '../model/message.ts'
import { GONE, goneCount, holds, liveAt, type Segment, slotAt } from '../model/segment.ts'
import { atVersion, type Change, removeSegment } from '../model/segment-change.ts'
import type { SegmentKey } from '../model/segment-key.ts'
import { applyToHandles, type HandleOperation, type Held, leaseLost, OK } from './apply-to-handles.ts'
import { releaseGroups } from './group-release.ts'

/**
 * Confirms messages: they are gone for good. Also after the lease ran out, as long as nobody else has received the
 * message; then it is `LeaseLost`. What is already gone succeeds, any number of times.
 *
 * reads: nothing · writes: one delete for a lone message or all of a segment's, one update for a part of it, and a
 * delete by whoever takes the last · condition: each message is leased under its handle's token,
 * and for a delete that no others are left · crash between the
 * last update and the delete: an empty header stays, which the next poller sweeps.
 *
 * @returns one result a handle, in order: `ReceiptHandleInvalid`, `LeaseLost`, `Throttled` or `StoreUnavailable` when not ok
 */
export const ack = async (
  engine: Engine,
  queueName: string,
  receiptHandles: readonly string[],
): Promise<HandleResult[]> => {
  const entries = receiptHandles.map((receiptHandle) => ({ receiptHandle, request: undefined }))
  const queue = await engine.queues.get(queueName)
  const results = await applyToHandles(engine, queue, entries, ackOperation(engine, queueName))
  // In a group of a standard queue an ack makes nothing receivable, unless there is a limit to what is in flight.
  if (queue.settings.fifo || queue.settings.maxInFlightPerGroup !== undefined) {
    await followUp(engine, queueName, () => releaseGroups(engine, queue, receiptHandles, results))
  }
  return results
}

const ackOperation = (engine: Engine, queueName: string): HandleOperation<undefined> => ({
  change: (key, held, current) => ackChange(key, held, current, engine.clock.now()),
  settle: ({ handle }, current) => {
    const slot = current && slotAt(current, handle.index)
    if (!slot || slot.kind === 'gone') return OK
    // In a group the lease must be live: once it is over, the messages behind may be on their way to others.
    const held = holds(slot, handle.token) && (!isOrdered(handle.group?.hash) || liveAt(slot, engine.clock.now()))
    return held ? undefined : leaseLost(queueName)
  },
  done: async (key, _, after) => {
    const empty = after && goneCount(after) === after.slots.length
    if (empty) await engine.store.change([removeSegment(after)])
    if (empty || !after) engine.polls.gone(key)
  },
})

/** The change that takes leased messages of one segment away; `current` is the segment, where it was read. */
export const ackChange = (
  key: SegmentKey,
  held: readonly Held<undefined>[],
  current: Segment | undefined,
  now: number,
): Change => {
  const handles = held.map(({ handle }) => handle)
  const tokens = handles.map(
    (handle) =>
      [
        handle.index,
        { kind: 'token', token: handle.token, ...(isOrdered(handle.group?.hash) && { liveAt: now }) },
      ] as const,
  )
  const gone = handles.map(({ index }) => [index, GONE] as const)
  if (current) {
    // By place, not by number: a handle of a message that is gone must not stand for one that is not.
    const last = current.slots.every(
      (slot, index) => slot.kind === 'gone' || handles.some((one) => one.index === index),
    )
    return last
      ? { key, requires: atVersion(current), slots: undefined }
      : { key, requires: { kind: 'slots', slots: tokens }, slots: gone }
  }
  // All that was left at the claim, if nothing else happened since: then one delete does, and its condition says so.
  const [first] = handles
  const all =
    first !== undefined &&
    first.gone + handles.length === first.count &&
    handles.every((handle) => handle.claimed === handles.length && handle.gone === first.gone)
  return {
    key,
    requires: {
      kind: 'slots',
      slots: tokens,
      // A handle is in its holder's hands: that these are all the messages there are is for the store to say.
      ...(all && { count: first.count }),
      ...(all && first.gone > 0 && { gone: first.gone }),
    },
    slots: all ? undefined : gone,
  }
}
