import type { Engine } from '../engine.ts'
import { locate } from '../locate/locate.ts'
import { bodyOf, type ContentMessage, toContent, withoutRedrive } from '../model/content.ts'
import { HoldfastError, isHoldfastError, messageContended, messageNotFound } from '../model/errors.ts'
import type { Body, MessageAttribute, StoredMessage } from '../model/message.ts'
import { checkMessage } from '../model/message-rules.ts'
import { plainName } from '../model/queue-name.ts'
import type { QueueState } from '../model/queue-record.ts'
import { receivable } from '../model/segment.ts'
import { removeMessages } from '../model/segment-change.ts'
import { priorityOf } from '../model/segment-key.ts'
import { type Moving, moveTo } from '../redrive/move.ts'
import { findFailure, findResult } from '../results/find-result.ts'
import { endingWrites } from '../results/write-results.ts'
import { getMessage } from './get-message.ts'

const TRIES = 5

/** What a message has from now on; what is absent stays. */
export interface MessageEdits {
  readonly body?: Body
  readonly attributes?: Readonly<Record<string, MessageAttribute>>
}

/**
 * Sends a message that failed, or is in the dead-letter queue, once more. It goes to the end of its queue under the same id, as if it
 * had never been received. A failed message of up to 300 KB is kept as long as its failure.
 *
 * writes: one transaction · condition: the message is where it was found, or its failure is still stored, so that of concurrent calls
 * one sends it
 * @throws `QueueNotFound`, `MessageNotFound` (also for a failed message that was not kept), `OperationInProgress` while the message is
 *   in its queue, or leased in the dead-letter queue
 */
export const resendMessage = async (
  engine: Engine,
  queueName: string,
  messageId: string,
  edits: MessageEdits = {},
): Promise<StoredMessage> => {
  const queue = await engine.queues.fresh(queueName)
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const moving = (await deadMessage(engine, queue, messageId)) ?? (await failedMessage(engine, queue, messageId))
    if (await moveTo(engine, queue, { ...moving, messages: moving.messages.map((one) => edited(queue, one, edits)) })) {
      engine.wakeups.wake(queue.name, 1)
      return getMessage(engine, queueName, messageId)
    }
  }
  throw messageContended(queueName)
}

/** A message of this queue in its dead-letter queue. */
const deadMessage = async (engine: Engine, queue: QueueState, messageId: string): Promise<Moving | undefined> => {
  const located = await locate(engine, queue.name, messageId).catch((error: unknown) => {
    if (!isHoldfastError(error, 'MessageNotFound')) throw error
    return undefined
  })
  if (!located) return undefined
  const { queue: home, stored, index } = located
  const { segment, content } = stored
  const now = engine.clock.now()
  if (home.name === queue.name || !receivable(segment, now).includes(index)) {
    const where =
      home.name === queue.name
        ? 'still in its queue: resend is for messages that failed or were dead-lettered'
        : 'leased in the dead-letter queue: try again when it is not'
    throw new HoldfastError('OperationInProgress', `the message is ${where}`, {
      queue: plainName(queue.name),
      field: 'messageId',
      value: messageId,
    })
  }
  return {
    removal: { kind: 'change', change: removeMessages(segment, [index]) },
    messages: [asNew(content.messages[index] as ContentMessage, messageId)],
    priority: priorityOf(segment.key.sort),
    now,
    endings: endingWrites(home, segment, [index], { kind: 'moved', queue: plainName(queue.name) }, now),
  }
}

/** A message that failed for good, from its stored failure. */
const failedMessage = async (engine: Engine, queue: QueueState, messageId: string): Promise<Moving> => {
  const { answer, place } = await findResult(engine, queue.name, messageId)
  const failure = answer.status.state === 'failed' ? await findFailure(engine, place) : undefined
  if (!failure) throw messageNotFound(queue.name, messageId)
  return {
    // Of concurrent calls, the one that deletes the failure sends the message.
    removal: { kind: 'delete', key: failure.key, ifVersion: failure.version },
    messages: [asNew(failure.content, messageId)],
    priority: priorityOf(place.key.sort),
    now: engine.clock.now(),
  }
}

const edited = (queue: QueueState, message: ContentMessage, { body, attributes }: MessageEdits): ContentMessage => {
  if (body === undefined && attributes === undefined) return message
  const { body: _, json: __, attributes: ___, ...rest } = message
  const content = { body: body ?? bodyOf(message), attributes: attributes ?? message.attributes ?? {} }
  checkMessage(queue, content, 'message')
  return { ...rest, ...toContent(content) }
}

const asNew = ({ deadLetter: _, publishedAt: __, ...message }: ContentMessage, messageId: string): ContentMessage => ({
  ...withoutRedrive(message),
  messageId,
})
