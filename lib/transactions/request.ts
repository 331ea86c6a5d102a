import { invalid } from '../model/errors.ts'
import type { Body, NewMessage } from '../model/message.ts'
import type { QueueState } from '../model/queue-record.ts'
import { keyOfHandle, receiptHandleFor } from '../model/receipt-handle.ts'
import type { WorkOutcome } from '../model/result.ts'
import { sameToken } from '../model/segment.ts'
import { type SegmentKey, segmentId } from '../model/segment-key.ts'
import type { Held } from '../settle/apply-to-handles.ts'

/** A message to be acked with the transaction. */
export interface AckRequest {
  readonly queue: string
  readonly receiptHandle: string
  /** The outcome of the work, on a queue that keeps results. @default done, without a result */
  readonly outcome?: WorkOutcome
}

/** A message to be published with the transaction. */
export interface PublishRequest {
  readonly queue: string
  readonly message: NewMessage
}

/** The acks and publishes that a caller added to a transaction, in their order. */
export interface TransactionRequest {
  readonly acks: readonly AckRequest[]
  readonly publishes: readonly PublishRequest[]
}

/** A copy of a message, so that the publisher's later changes to its body have no effect. */
export const copyOfMessage = (message: NewMessage): NewMessage => ({ ...message, body: copyOfBody(message.body) })

export const copyOfBody = (body: Body): Body => {
  if (typeof body !== 'object' || body === null) return body
  return body instanceof Uint8Array ? Uint8Array.from(body) : (JSON.parse(JSON.stringify(body)) as Body)
}

/** The messages of one segment that are to be acked. */
export interface AckedSegment {
  readonly queue: QueueState
  readonly key: SegmentKey
  /** `position` is the message's place among all acks of the transaction. */
  readonly held: readonly Held<undefined>[]
}

/**
 * Groups the acks by their segments, each message once.
 *
 * @throws `ReceiptHandleInvalid`; `InvalidRequest` for two leases of one message, since one of them is lost
 */
export const ackedSegments = (
  acks: readonly AckRequest[],
  queues: ReadonlyMap<string, QueueState>,
  now: number,
): AckedSegment[] => {
  const segments = new Map<string, AckedSegment & { held: Held<undefined>[] }>()
  for (const [position, { queue: name, receiptHandle }] of acks.entries()) {
    const queue = queues.get(name) as QueueState
    const handle = receiptHandleFor(queue.name, receiptHandle, now)
    const key = keyOfHandle(queue, handle)
    const id = segmentId(key)
    const segment = segments.get(id) ?? { queue, key, held: [] }
    segments.set(id, segment)
    const same = segment.held.find((one) => one.handle.index === handle.index)
    if (!same) segment.held.push({ handle, request: undefined, position })
    else if (!sameToken(same.handle.token, handle.token)) {
      throw invalid(
        `acks[${position}]`,
        receiptHandle,
        `must not be another lease of the message of acks[${same.position}]`,
      )
    }
  }
  return [...segments.values()]
}
