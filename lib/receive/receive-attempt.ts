import { createHash } from 'node:crypto'
import type { Engine } from '../engine.ts'
import { followUp } from '../follow-up.ts'
import type { HandleResult, Message } from '../model/message.ts'
import { asDelayed, type QueueState } from '../model/queue-record.ts'
import { decodeReceiptHandle, keyOfHandle, type ReceiptHandle, receiptHandleFor } from '../model/receipt-handle.ts'
import { holds, slotAt } from '../model/segment.ts'
import { extend } from '../settle/extend.ts'
import { bestEffort } from '../store/best-effort.ts'
import { receiveAttemptKey } from '../store/keys.ts'
import type { DocumentKey } from '../store/port.ts'
import { messageOfHandle } from './group-claim.ts'

/** How long a poll of a FIFO queue can be repeated under its attempt id (SQS). */
const REMEMBERED_MS = 300_000

/**
 * A poll of a FIFO queue whose answer was lost would leave its groups blocked until the lease ends. Repeated with the
 * same attempt id, it gets the messages that are still leased to it once more, under the same receipt handles and
 * with a new lease; in each group up to the first one that is still there and no longer leased to it, since whoever
 * lost the answer has not seen that one either.
 */
export const repeatReceiveAttempt = async (
  engine: Engine,
  queue: QueueState,
  attemptId: string,
  leaseMs: number,
): Promise<Message[]> => {
  const document = await engine.store.getDocument(attemptKey(queue, attemptId), { consistent: true })
  if (!document) return []
  const receiptHandles = (document.value as { receiptHandles: string[] }).receiptHandles
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
    return holds(slot, (decoded[position] as ReceiptHandle).token) ? 'held' : 'lost'
  }
  const isHeld = heldInOrder(stateRead)
  return held.flatMap((text, position) => {
    const segment = stored[position]
    if (!isHeld(text, position) || !segment?.content) return []
    return [messageOfHandle(asDelayed(queue, segment.segment), segment.content, text)]
  })
}

type HandleState = 'held' | 'lost' | 'gone'

const stateAfter = (extended: HandleResult | undefined): HandleState =>
  extended?.ok ? 'held' : extended?.error.code === 'MessageNotFound' ? 'gone' : 'lost'

/** Which of an attempt's handles, in the order of their messages, are still held with all that is left before them. */
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

export const recordReceiveAttempt = async (
  engine: Engine,
  queue: QueueState,
  attemptId: string,
  messages: readonly Message[],
): Promise<void> => {
  if (messages.length === 0) return
  const value = { receiptHandles: messages.map(({ receiptHandle }) => receiptHandle) }
  const expiresAt = engine.clock.now() + REMEMBERED_MS
  // The messages are leased by now: their consumer gets them, though it can't ask for them again where this fails.
  await followUp(engine, queue.name, () =>
    bestEffort(engine.store.transact([{ kind: 'put', key: attemptKey(queue, attemptId), value, expiresAt }])),
  )
}

const attemptKey = (queue: QueueState, attemptId: string): DocumentKey => {
  const hash = createHash('sha256').update(attemptId).digest('hex').slice(0, 40)
  return receiveAttemptKey(queue, hash)
}
