import type { Engine } from '../engine.ts'
import type { QueueState } from '../model/queue-record.ts'
import { type HandleGroup, type IssuedHandle, issueReceiptHandle, NONCE_BYTES } from '../model/receipt-handle.ts'
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
    const receiptHandles = new Map<number, string>()
    const claimed = claimedOf(segment, { nonce, now, count: indexes.length, group })
    const token = (index: number, received: Received): Uint8Array => {
      const issued = issueReceiptHandle(queue.name, handleOf(claimed, index, received))
      receiptHandles.set(index, issued.text)
      return issued.token
    }
    return { segment, change: claim(segment, indexes, { now, until, token }), receiptHandles }
  }
  return { now, until, issue }
}

type Received = Pick<IssuedHandle, 'receiveCount' | 'firstReceivedAt'>

/** What the handles of one claim have in common. */
type Claimed = Omit<IssuedHandle, 'index' | keyof Received>

const claimedOf = (
  segment: Segment,
  { nonce, now, count, group }: { nonce: Uint8Array; now: number; count: number; group: HandleGroup | undefined },
): Claimed => {
  const { partition, sort } = segment.key
  return {
    shard: partition.shard,
    sort,
    nonce,
    count: segment.slots.length,
    claimed: count,
    gone: goneCount(segment),
    receivedAt: now,
    claim: {
      version: segment.version,
      publishedAt: segment.publishedAt,
      expiresAt: segment.expiresAt,
      keptUntil: keptUntil(segment),
    },
    group: partition.group === undefined ? undefined : (group ?? { hash: partition.group, lastSequence: '' }),
  }
}

/** Copies each field by name, because spreading one object into another takes as long as all other work on a handle. */
const handleOf = (
  { shard, sort, nonce, count, claimed, gone, receivedAt, group, claim }: Claimed,
  index: number,
  { receiveCount, firstReceivedAt }: Received,
): IssuedHandle => ({
  shard,
  sort,
  index,
  nonce,
  count,
  claimed,
  gone,
  receiveCount,
  firstReceivedAt,
  receivedAt,
  group,
  claim,
})
