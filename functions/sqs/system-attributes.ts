import type { Message } from '../../lib/model/message.ts'
import type { QueueState } from '../../lib/model/queue-record.ts'
import { contentId } from '../../lib/publish/deduplication.ts'
import { type QueueAddress, queueArn } from './queue-url.ts'

/** Where a message was received: its queue as the engine has it, and as SQS addresses it. */
export interface ReceivedFrom {
  readonly queue: Pick<QueueState, 'settings'>
  readonly address: QueueAddress
}

type SystemValue = (message: Message, from: ReceivedFrom) => string | number | undefined

const SYSTEM_ATTRIBUTES: Readonly<Record<string, SystemValue>> = {
  SenderId: ({ senderId }, { address }) => senderId ?? address.account,
  SentTimestamp: ({ publishedAt }) => publishedAt,
  // Receives in all the queues that the message was in.
  ApproximateReceiveCount: ({ receiveCount, deadLetter }) => receiveCount + (deadLetter?.receiveCount ?? 0),
  ApproximateFirstReceiveTimestamp: ({ firstReceivedAt }) => firstReceivedAt,
  SequenceNumber: ({ sequenceNumber }) => sequenceNumber,
  MessageDeduplicationId: (message, { queue }) => visibleDeduplicationId(queue, message),
  MessageGroupId: ({ groupId }) => groupId,
  AWSTraceHeader: ({ traceHeader }) => traceHeader,
  // A queue and its dead-letter queue are of one account and region.
  DeadLetterQueueSourceArn: ({ deadLetter }, { address }) =>
    deadLetter && queueArn({ ...address, name: deadLetter.queue }),
}

/**
 * The deduplication id that a FIFO queue shows: the sender's, else that of the body. In a dead-letter queue SQS shows the
 * message id.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
 */
const visibleDeduplicationId = (
  { settings: { fifo } }: Pick<QueueState, 'settings'>,
  { messageId, body, deduplicationId, deadLetter }: Message,
): string | undefined => {
  if (fifo && deadLetter) return messageId
  return deduplicationId ?? (fifo?.contentBasedDeduplication ? contentId(body) : undefined)
}

/** What SQS calls `All`. */
export const ALL_SYSTEM_ATTRIBUTES = Object.keys(SYSTEM_ATTRIBUTES)

/** Attributes that are returned only by name: `All` means the attributes of SQS. */
const EXTENSIONS: Readonly<Record<string, SystemValue>> = {
  HoldfastPriority: ({ priority }) => priority,
  HoldfastDueAt: ({ dueAt }) => dueAt,
  HoldfastDeadLetterReason: ({ deadLetter }) => deadLetter?.reason,
}

export const isSystemAttribute = (name: string): boolean =>
  Object.hasOwn(SYSTEM_ATTRIBUTES, name) || Object.hasOwn(EXTENSIONS, name)

/** The named system attributes, as far as the message has them. */
export const systemAttributes = (
  message: Message,
  from: ReceivedFrom,
  wanted: readonly string[],
): Record<string, string> => {
  const attributes: Record<string, string> = {}
  for (const name of wanted) {
    const value = (SYSTEM_ATTRIBUTES[name] ?? EXTENSIONS[name])?.(message, from)
    if (value !== undefined) attributes[name] = String(value)
  }
  return attributes
}
