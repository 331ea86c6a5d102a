import type { Engine } from '../engine.ts'
import type { QueueState } from '../model/queue-record.ts'
import { type HandleGroup, issueReceiptHandle, NONCE_BYTES } from '../model/receipt-handle.ts'
import { goneCount, keptUntil, type Segment } from '../model/segment.ts'
import { claim } from '../model/segment-change.ts'
import type { Claim } from '../store/port.ts'

/** A claim with the receipt handle of each message, by the messages' places. The lease tokens are the hashes of the handles. */
export interface IssuedClaim extends Claim {
  readonly receiptHandles: ReadonlyMap<number, string>
}

/** What the claims of one poll have in common. */
export interface Leasing {
  readonly now: number
  readonly until: number
  issue(segment: Segment, indexes: readonly number[]): IssuedClaim
}

/** @param group the group as the receipt handles name it; by default its hash alone, where segments have one */
export const newLeasing = (engine: Engine, queue: QueueState, leaseMs: number, group?: HandleGroup): Leasing => {
  const now = engine.clock.now()
  const until = now + leaseMs
  const nonce = engine.random.bytes(NONCE_BYTES)
  const issue = (segment: Segment, indexes: readonly number[]): IssuedClaim => {
    const { partition, sort } = segment.key
    const receiptHandles = new Map<number, string>()
    const common = {
      shard: partition.shard,
      sort,
      nonce,
      count: segment.slots.length,
      claimed: indexes.length,
      gone: goneCount(segment),
      receivedAt: now,
      claim: {
        version: segment.version,
        publishedAt: segment.publishedAt,
        expiresAt: segment.expiresAt,
        keptUntil: keptUntil(segment),
      },
      ...(partition.group !== undefined && { group: group ?? { hash: partition.group, lastSequence: '' } }),
    }
    const change = claim(segment, indexes, {
      now,
      until,
      token: (index, { receiveCount, firstReceivedAt }) => {
        const { text, token } = issueReceiptHandle(queue.name, { ...common, index, receiveCount, firstReceivedAt })
        receiptHandles.set(index, text)
        return token
      },
    })
    return { segment, change, receiptHandles }
  }
  return { now, until, issue }
}
