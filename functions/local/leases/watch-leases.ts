import type { LeaseEnd } from '../../../console/leases-seen.ts'
import { encodeMessageId } from '../../../lib/model/message-id.ts'
import { plainName } from '../../../lib/model/queue-name.ts'
import type { Change } from '../../../lib/model/segment-change.ts'
import { type SegmentKey, segmentId } from '../../../lib/model/segment-key.ts'
import type { Claim, ClaimedSegment, NewSegment, Store, Write } from '../../../lib/store/port.ts'
import type { FlowLog } from './flow-log.ts'
import type { LeaseLog } from './lease-log.ts'

/** Places that a segment's slots can have. */
const EVERY_SLOT = Array.from({ length: 25 }, (_, index) => index)

/** What a store is watched with. */
export interface Watch {
  readonly leases: LeaseLog
  readonly flows: FlowLog
}

/** A store that notes the leases that it gives, how each ends, and how many messages go through. It reads and writes nothing more. */
export const watchLeases = (store: Store, log: Watch): Store => ({
  ...store,
  insert: async (insert) => {
    const outcome = await store.insert(insert)
    if (outcome === 'inserted') noteInsert(log, insert)
    return outcome
  },
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
    for (const write of writes) {
      if (write.kind === 'change') noteChange(log, write.change, endIn(writes))
      else if (write.kind === 'insert') noteInsert(log, write.insert)
    }
    return outcome
  },
})

const placeOf = (key: SegmentKey, index: number): string => `${segmentId(key)}#${index}`

const queueOf = ({ partition }: SegmentKey): string => plainName(partition.queue)

const noteInsert = ({ flows }: Watch, { segment }: NewSegment): void =>
  flows.add(queueOf(segment.key), 'stored', segment.slots.length)

const noteClaim = ({ leases, flows }: Watch, claim: Claim | undefined, { segment, content }: ClaimedSegment): void => {
  for (const [index, slot] of claim?.change.slots ?? []) {
    const messageId = content?.messages[index]?.messageId ?? encodeMessageId(segment.key, index)
    leases.claimed(placeOf(segment.key, index), messageId, queueOf(segment.key), slot)
  }
  flows.add(queueOf(segment.key), 'received', claim?.change.slots?.length ?? 0)
}

type HowEnded = (messageId: string) => { readonly how: LeaseEnd; readonly reason?: string }

const noteChange = ({ leases, flows }: Watch, { key, slots }: Change, how: HowEnded): void => {
  const gone = slots ? slots.filter(([, slot]) => slot.kind === 'gone').map(([index]) => index) : EVERY_SLOT
  const ends = gone.map((index) => leases.gone(placeOf(key, index), how))
  const settled = ends.filter((end) => end === 'settled').length
  if (settled > 0) flows.add(queueOf(key), 'settled', settled)
  for (const [index, slot] of slots ?? []) if (slot.kind !== 'gone') leases.changed(placeOf(key, index), slot)
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
