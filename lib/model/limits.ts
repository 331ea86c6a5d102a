/**
 * Every limit of the product: name, unit, source. Limits of SQS on which users rely are the same here. Other limits are wider, and
 * the SQS endpoint has SQS's own.
 *
 * SQS quotas: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-quotas.html
 * DynamoDB quotas: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
 */
export const LIMITS = {
  /** Characters of a queue's name, `.fifo` included (SQS). */
  queueNameLength: 80,
  /** Messages in one publish, poll, ack, extend or nack: one segment's worth, one DynamoDB batch. */
  batchSize: 25,
  /** Bytes of one message, body and attributes together (SQS, 1 MiB). */
  messageBytes: 1_048_576,
  /** The smallest maximum message size that a queue may have (SQS). */
  messageBytesMin: 1_024,
  /** Bytes of all messages in one publish: with base64 it fits Lambda's 6 MB request. */
  publishBytes: 4_194_304,
  /** Attributes of one message. */
  attributesPerMessage: 100,
  /** Attributes of one message in SQS. The SQS endpoint, and a trace context that is added to a message, keep to this limit. */
  sqsAttributesPerMessage: 10,
  /** Characters of an attribute's name and of its data type (SQS). */
  attributeNameLength: 256,
  /** Visibility timeout, seconds. SQS ends at 12 hours; ours at 7 days. */
  visibilityTimeoutSeconds: 604_800,
  /** Delay or distance of a due time, seconds: ten years. SQS ends at 15 minutes. */
  delaySeconds: 315_360_000,
  /** Retention, seconds: 60 (SQS) to one year (SQS ends at 14 days). */
  retentionSecondsMin: 60,
  retentionSeconds: 31_536_000,
  /** Time to live of one message, seconds, from when it is due. */
  timeToLiveSecondsMin: 1,
  /** Long poll, seconds (SQS); fits API Gateway's 30 s. */
  waitTimeSeconds: 20,
  /** Receives before a message is dead-lettered (SQS). */
  maxReceives: 1_000,
  /** Characters of the reason that is stored with a dead letter. */
  reasonLength: 1_024,
  /** Priorities of a queue: 0 … 9, one digit of the sort key. */
  priorities: 10,
  /** Shards of a queue: seven bits of the message id. */
  shards: 100,
  /** Longest backoff a retry policy may reach, seconds. */
  retryDelaySeconds: 604_800,
  /** Factor by which a retry policy grows its delay. */
  retryFactor: 100,
  /** Messages of one group in flight at the same time. */
  maxInFlightPerGroup: 1_000_000,
  /** Messages a second that a redrive moves (SQS). */
  redriveMessagesPerSecond: 500,
  /** Queues in one page of a list (SQS). */
  listQueuesPage: 1_000,
  /** Triggers in one page of a list: each is read by a query of its own. */
  listTriggersPage: 100,
  /** Messages in one page of a browse. */
  browsePage: 100,
  /** Characters of message group and deduplication ids (SQS). */
  groupIdLength: 128,
  /** Characters of an AWS X-Ray trace header. */
  traceHeaderLength: 1_024,
  /** Characters of a publish's idempotency key, and how long the key is remembered, seconds. */
  idempotencyKeyLength: 128,
  idempotencyKeySeconds: 600,
  /** Longest deduplication window, seconds: 7 days (SQS has 5 minutes). */
  deduplicationWindowSeconds: 604_800,
  /** Actions of one transaction (DynamoDB). */
  transactionActions: 100,
  /** Bytes of a transaction's items together (DynamoDB). */
  transactionBytes: 4_194_304,
  /** Characters of a transaction's id: letters, digits and punctuation, as for deduplication ids. */
  transactionIdLength: 128,
  /** How long results are kept, seconds: a minute to 30 days. */
  resultRetentionSecondsMin: 60,
  resultRetentionSeconds: 2_592_000,
  /** Bytes of one stored result. A larger one is stored elsewhere, and its address is the result. */
  resultBytes: 32_768,
  /** Bytes of results that share one item. */
  sharedResultBytes: 2_048,
  /** Characters of a failure's name, message and stack. */
  failureNameLength: 128,
  failureMessageLength: 2_048,
  failureStackLength: 4_096,
  /** Tags of a queue, and their lengths (SQS). */
  tags: 50,
  tagKeyLength: 128,
  tagValueLength: 256,
} as const

/** How long a process may act on a queue's configuration before it reads it again, ms. */
export const QUEUE_CACHE_MS = 5_000
