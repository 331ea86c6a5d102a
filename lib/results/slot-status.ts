import type { MessageStatus } from '../model/message-status.ts'
import type { QueueState } from '../model/queue-record.ts'
import { liveAt, receiveCountOf, type Segment, type Slot, visibleAt } from '../model/segment.ts'

/** The status of a message that is in its place: the lease is the state, so that it is true of a consumer that was killed. */
export const slotStatus = (
  { settings: { deadLetter } }: QueueState,
  segment: Segment,
  slot: Slot,
  now: number,
): MessageStatus => {
  const receiveCount = receiveCountOf(slot)
  if (slot.kind === 'lease' && liveAt(slot, now)) return { state: 'leased', until: slot.until, receiveCount }
  if (deadLetter && receiveCount >= deadLetter.maxReceives) return { state: 'attemptsUsedUp', receiveCount }
  const at = visibleAt(segment, slot)
  if (at <= now) return { state: 'ready', receiveCount }
  return slot.kind === 'lease' && receiveCount > 0
    ? { state: 'backingOff', visibleAt: at, receiveCount }
    : { state: 'delayed', visibleAt: at, receiveCount }
}
