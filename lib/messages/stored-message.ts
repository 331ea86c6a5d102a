import { type Content, contentOf } from '../model/content.ts'
import type { StoredMessage } from '../model/message.ts'
import { plainName } from '../model/queue-name.ts'
import { expiryOf, type QueueState } from '../model/queue-record.ts'
import { liveAt, type Segment, segmentDueAt, slotAt, visibleAt } from '../model/segment.ts'

export const storedMessage = (
  queue: QueueState,
  segment: Segment,
  content: Content,
  index: number,
  now: number,
): StoredMessage => {
  const slot = slotAt(segment, index)
  const visible = visibleAt(segment, slot)
  const core = contentOf(segment, content, index)
  const working = slot.kind === 'lease' && liveAt(slot, now)
  return {
    ...core,
    queue: plainName(queue.name),
    state: working ? 'leased' : visible > now ? 'delayed' : core.deadLetter ? 'dead-lettered' : 'ready',
    receiveCount: slot.kind === 'lease' ? slot.receiveCount : 0,
    ...(slot.kind === 'lease' && slot.receiveCount > 0 && { firstReceivedAt: slot.firstReceivedAt }),
    // Without a delay a message of a FIFO queue waits for no clock.
    visibleAt: visible > 0 ? visible : Math.min(core.dueAt, now),
    expiresAt: expiryOf(queue, segmentDueAt(segment), segment.expiresAt),
  }
}
