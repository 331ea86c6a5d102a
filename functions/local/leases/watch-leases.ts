import type { LeaseEnd } from '../../../console/leases-seen.ts'
import { encodeMessageId } from '../../../lib/model/message-id.ts'
import { plainName } from '../../../lib/model/queue-name.ts'
import type { Change } from '../../../lib/model/segment-change.ts'
import { type SegmentKey, segmentId } from '../../../lib/model/segment-key.ts'
import type { Claim, ClaimedSegment, Store, Write } from '../../../lib/store/port.ts'
import type { LeaseLog } from './lease-log.ts'

/** Places of a segment's slots. */
const SLOTS = 25

/** A store that notes the leases that it gives, and how each ends. It reads and writes nothing more. */
export const watchLeases = (store: Store, log: LeaseLog): Store => ({
  ...store,
  claim: async (claims) => {
    const outcomes = await store.claim(claims)
    outcomes.forEach((outcome, index) => {
      if (outcome.applied) noteClaim(log, claims[index], outcome)
    })
    return outcomes
  },
  claimTogether: async (claims, fence) => {
    const claimed = await store.claimTogether(claims, fence)
    claimed?.forEach((one, index) => {
      noteClaim(log, claims[index], one)
    })
    return claimed
  },
  change: async (changes) => {
    const outcomes = await store.change(changes)
    outcomes.forEach((outcome, index) => {
      const change = changes[index]
      if (outcome.applied && change) noteChange(log, change, () => ({ how: 'settled' }))
    })
    return outcomes
  },
  transact: async (writes) => {
    const outcome = await store.transact(writes)
    if (!outcome.applied) return outcome
    for (const write of writes) if (write.kind === 'change') noteChange(log, write.change, endIn(writes))
    return outcome
  },
})

const placeOf = (key: SegmentKey, index: number): string => `${segmentId(key)}#${index}`

const noteClaim = (log: LeaseLog, claim: Claim | undefined, { segment, content }: ClaimedSegment): void => {
  for (const [index, slot] of claim?.change.slots ?? []) {
    const messageId = content?.messages[index]?.messageId ?? encodeMessageId(segment.key, index)
    log.claimed(placeOf(segment.key, index), messageId, plainName(segment.key.partition.queue), slot)
  }
}

type HowEnded = (messageId: string) => { readonly how: LeaseEnd; readonly reason?: string }

const noteChange = (log: LeaseLog, { key, slots }: Change, how: HowEnded): void => {
  if (slots === undefined) {
    for (let index = 0; index < SLOTS; index++) log.gone(placeOf(key, index), how)
    return
  }
  for (const [index, slot] of slots) {
    if (slot.kind === 'gone') log.gone(placeOf(key, index), how)
    else log.changed(placeOf(key, index), slot)
  }
}

/** A transaction that stores the message again under its id moves it. A message that fails for good keeps why. */
const endIn = (writes: readonly Write[]): HowEnded => {
  const stored = writes.flatMap((write) => (write.kind === 'insert' ? write.insert.content.messages : []))
  return (messageId) => {
    const moved = stored.find((message) => message.messageId === messageId)
    if (!moved) return { how: 'settled' }
    return moved.deadLetter ? { how: 'deadLettered', reason: moved.deadLetter.reason } : { how: 'moved' }
  }
}
