import { createHash } from 'node:crypto'
import type { Engine } from '../engine.ts'
import type { HandleResult, Message } from '../model/message.ts'
import { asDelayed, type QueueState } from '../model/queue-record.ts'
import { decodeReceiptHandle, keyOfHandle, type ReceiptHandle, receiptHandleFor } from '../model/receipt-handle.ts'
import { isLeasedUnder, slotAt } from '../model/segment.ts'
import { extend } from '../settle/extend.ts'
import { bestEffort } from '../store/best-effort.ts'
import { followUp } from '../store/follow-up.ts'
import { receiveAttemptKey } from '../store/keys.ts'
import type { DocumentKey } from '../store/port.ts'
import { messageOfHandle } from './group-claim.ts'

/** How long a poll of a FIFO queue can be repeated under its attempt id, as in SQS. */
const KEPT_MS = 300_000

/**
 * Repeats a poll of a FIFO queue whose response was lost, and whose groups would be blocked until the leases end. Under the same
 * attempt id the poller gets the messages that are still leased to it once more, with the same receipt handles and new leases. In
 * each group it gets only those before the first message that is stored and no longer leased to it. Another poller may receive that
 * message later, so the messages behind it would be received out of order.
 */
export const repeatReceiveAttempt = async (
  engine: Engine,
  queue: QueueState,
  attemptId: string,
  leaseMs: number,
): Promise<Message[]> => {
  const document = await engine.store.getDocument(attemptDocumentKey(queue, attemptId), { consistent: true })
  const receiptHandles = handlesIn(document?.value)
  if (receiptHandles.length === 0) return []
  const results = await extend(
    engine,
    queue.name,
    receiptHandles.map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds: Math.ceil(leaseMs / 1_000) })),
  )
  const held = receiptHandles.filter(heldInOrder((position) => stateAfter(results[position])))
  const decoded = held.map((text) => receiptHandleFor(queue.name, text, engine.clock.now()))
  const stored = await engine.store.read(decoded.map((handle) => keyOfHandle(queue, handle)))
  // Between the extension and the read the message may be acked, or the lease may end and another poller claim it.
  const stateRead = (position: number): HandleState => {
    const slot = stored[position] && slotAt(stored[position].segment, decoded[position]?.index ?? 0)
    if (!slot || slot.kind === 'gone') return 'gone'
    return isLeasedUnder(slot, (decoded[position] as ReceiptHandle).token) ? 'held' : 'lost'
  }
  const isHeld = heldInOrder(stateRead)
  return held.flatMap((text, position) => {
    const segment = stored[position]
    if (!isHeld(text, position) || !segment?.content) return []
    return [messageOfHandle(asDelayed(queue, segment.segment), segment.content, text)]
  })
}

/** The stored receipt handles; none in a damaged document, so that the poll counts as a new one. */
const handlesIn = (value: unknown): readonly string[] => {
  const { receiptHandles } = (value ?? {}) as { receiptHandles?: unknown }
  return Array.isArray(receiptHandles) ? receiptHandles.filter((one) => typeof one === 'string') : []
}

type HandleState = 'held' | 'lost' | 'gone'

const stateAfter = (extended: HandleResult | undefined): HandleState =>
  extended?.ok ? 'held' : extended?.error.code === 'MessageNotFound' ? 'gone' : 'lost'

/** A filter for the handles of an attempt, called in their order. It passes those that are held, up to the first lost one of each group. */
const heldInOrder = (
  stateOf: (position: number) => HandleState,
): ((receiptHandle: string, position: number) => boolean) => {
  const interrupted = new Set<string | undefined>()
  return (receiptHandle, position) => {
    const group = decodeReceiptHandle(receiptHandle)?.group?.hash
    const state = stateOf(position)
    if (state === 'lost') interrupted.add(group)
    return state === 'held' && !interrupted.has(group)
  }
}

/** Stores the handles of a poll, so that the poll can be repeated. writes: 1 WRU a started KB */
export const recordReceiveAttempt = async (
  engine: Engine,
  queue: QueueState,
  attemptId: string,
  messages: readonly Message[],
): Promise<void> => {
  if (messages.length === 0) return
  const value = { receiptHandles: messages.map(({ receiptHandle }) => receiptHandle) }
  const expiresAt = engine.clock.now() + KEPT_MS
  // The messages are leased, so their consumer gets them even if this write fails. The consumer then can't repeat the poll.
  await followUp(engine, queue.name, () =>
    bestEffort(engine.store.transact([{ kind: 'put', key: attemptDocumentKey(queue, attemptId), value, expiresAt }])),
  )
}

const attemptDocumentKey = (queue: QueueState, attemptId: string): DocumentKey => {
  const hash = createHash('sha256').update(attemptId).digest('hex').slice(0, 40)
  return receiveAttemptKey(queue, hash)
}
