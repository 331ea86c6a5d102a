import type { MessageStatus } from '../model/message-status.ts'
import type { QueueState } from '../model/queue-record.ts'
import { liveAt, receiveCountOf, type Segment, type Slot, visibleAt } from '../model/segment.ts'

/** The status of a stored message. It follows from the lease alone, so it is right even when the consumer was killed. */
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
