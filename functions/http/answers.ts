import * as z from 'zod/mini'
import { PROBLEM_CODES } from './problem.ts'
import { instant, tags, unreadableItems } from './shapes.ts'

/** Shapes of the answers. The server does not check them; the tests check every answer. */

export const count = z.int().check(z.gte(0))

const counts = z.strictObject({
  ready: count,
  delayed: count,
  leased: count,
  oldestReadyAt: z.optional(instant),
  exact: z.boolean().check(z.describe('Whether the queue was small enough to be counted to its end')),
})

export const queueAnswer = z
  .strictObject({
    name: z.string(),
    visibilityTimeoutSeconds: count,
    delaySeconds: count,
    retentionSeconds: count,
    maximumMessageBytes: count,
    receiveWaitTimeSeconds: count,
    priorities: count,
    shards: count,
    deduplicationWindowSeconds: count,
    deduplicationMode: z.enum(['window', 'pending']),
    deadLetter: z.optional(z.strictObject({ queue: z.string(), maxReceives: count })),
    retryPolicy: z.optional(
      z.strictObject({
        initialSeconds: z.number(),
        factor: z.number(),
        maximumSeconds: z.number(),
        jitter: z.enum(['none', 'full']),
      }),
    ),
    fifo: z.optional(
      z.strictObject({
        contentBasedDeduplication: z.boolean(),
        deduplicationScope: z.enum(['queue', 'messageGroup']),
        throughputLimit: z.enum(['perQueue', 'perMessageGroupId']),
      }),
    ),
    maxInFlightPerGroup: z.optional(count),
    results: z.optional(z.strictObject({ retentionSeconds: count })),
    paused: z.optional(z.literal(true).check(z.describe('Whether polls and triggers get nothing'))),
    redriveAllowPolicy: z.optional(
      z.strictObject({
        permission: z.enum(['allowAll', 'denyAll', 'byQueue']),
        sourceQueues: z.optional(
          z.array(z.string().check(z.describe('Name of a queue, or the ARN of one of another account or region'))),
        ),
      }),
    ),
    tags,
    createdAt: instant,
    modifiedAt: instant,
    counts: z.optional(counts),
  })
  .check(z.meta({ id: 'Queue' }))

export const queueListAnswer = z.strictObject({ queues: z.array(queueAnswer), cursor: z.optional(z.string()) })

const CODES = Object.entries(PROBLEM_CODES)
  .map(([code, status]) => `${code} (${status})`)
  .join(', ')

export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().check(z.describe(`The reason, made for programs. ${CODES}`)),
    field: z.optional(z.string().check(z.describe('The field of the request at fault'))),
    value: z.optional(z.unknown().check(z.describe('The value that was refused'))),
    queue: z.optional(z.string()),
    reason: z.optional(z.string().check(z.describe('For `Throttled`: what has reached its limit'))),
    hint: z.optional(z.string().check(z.describe('What to do about it'))),
    retryable: z.boolean().check(z.describe('Whether the same request may succeed when it is sent again unchanged')),
    requestId: z.optional(z.string()),
  })
  .check(z.meta({ id: 'Problem', description: 'Why a request was refused or failed (RFC 9457)' }))

const published = z.strictObject({
  ok: z.literal(true),
  messageId: z.string(),
  sequenceNumber: z.optional(z.string()),
  duplicate: z.optional(z.literal(true)),
})

export const publishAnswer = z.strictObject({
  messages: z.array(z.union([published, z.strictObject({ ok: z.literal(false), error: problem })])),
})

const attribute = z.union([
  z.string(),
  z.number(),
  z.strictObject({ dataType: z.string(), value: z.string() }),
  z.strictObject({ dataType: z.string(), valueBase64: z.string() }),
])

const content = {
  messageId: z.string(),
  body: z.optional(z.unknown()),
  bodyBase64: z.optional(z.string().check(z.meta({ contentEncoding: 'base64' }))),
  attributes: z.record(z.string(), attribute),
  publishedAt: instant,
  dueAt: instant,
  priority: count,
  groupId: z.optional(z.string()),
  deduplicationId: z.optional(z.string()),
  sequenceNumber: z.optional(z.string()),
  traceHeader: z.optional(z.string()),
  senderId: z.optional(z.string()),
  deadLetter: z.optional(z.strictObject({ queue: z.string(), reason: z.string(), at: instant, receiveCount: count })),
}

const polledMessage = z
  .strictObject({
    ...content,
    receiptHandle: z.string(),
    receiveCount: count,
    firstReceivedAt: instant,
    leasedUntil: instant,
  })
  .check(z.meta({ id: 'Message' }))

export const pollAnswer = z.strictObject({ messages: z.array(polledMessage) })

const stored = {
  ...content,
  state: z.enum(['delayed', 'ready', 'leased', 'dead-lettered']),
  queue: z.string(),
  receiveCount: count,
  firstReceivedAt: z.optional(instant),
  visibleAt: instant,
  expiresAt: instant,
}

export const storedMessage = z.strictObject(stored).check(z.meta({ id: 'StoredMessage' }))

const statusOf = <S extends string>(state: S, members: Record<string, z.ZodMiniType> = {}) =>
  z.strictObject({ state: z.literal(state), ...members })

const status = z
  .union([
    statusOf('delayed', { visibleAt: instant, receiveCount: count }),
    statusOf('ready', { receiveCount: count }),
    statusOf('leased', { until: instant, receiveCount: count }),
    statusOf('backingOff', { visibleAt: instant, receiveCount: count }),
    statusOf('attemptsUsedUp', { receiveCount: count }),
    statusOf('done', { at: instant }),
    statusOf('failed', { at: instant }),
    statusOf('deadLettered', { at: instant, queue: z.string(), reason: z.string() }),
    statusOf('cancelled', { at: instant }),
    statusOf('gone', {
      reason: z.optional(z.enum(['expired', 'purged', 'moved'])),
      at: z.optional(instant),
      queue: z.optional(z.string()),
    }),
  ])
  .check(z.meta({ id: 'MessageStatus', description: 'What a message is doing, or became' }))

/** A message that is stored; of one that is not, only its status, where that is known. */
export const messageAnswer = z.union([
  z.strictObject({ ...stored, status }).check(z.meta({ id: 'MessageWithStatus' })),
  z.strictObject({ messageId: z.string(), queue: z.string(), status }).check(z.meta({ id: 'EndedMessage' })),
])

export const resultAnswer = z
  .strictObject({
    messageId: z.string(),
    status,
    result: z.optional(z.unknown()),
    resultBase64: z.optional(z.string().check(z.meta({ contentEncoding: 'base64' }))),
    failure: z.optional(z.strictObject({ name: z.string(), message: z.string(), stack: z.optional(z.string()) })),
    unstored: z.optional(z.string().check(z.describe('Why there is no result though the work is done'))),
  })
  .check(z.meta({ id: 'Result' }))

export const browseAnswer = z.strictObject({
  messages: z.array(storedMessage),
  unreadable: z.optional(unreadableItems),
  cursor: z.optional(z.string()),
})

export const handlesAnswer = z.strictObject({
  results: z.array(
    z.union([
      z.strictObject({ ok: z.literal(true) }),
      z.strictObject({ ok: z.literal(false), error: problem, problem }),
    ]),
  ),
})

const trigger = z
  .strictObject({
    queue: z.string(),
    functionName: z.string(),
    functionTimeoutSeconds: count,
    batchSize: count,
    batchingWindowSeconds: count,
    maxConcurrency: count,
    enabled: z.boolean(),
    reportBatchItemFailures: z.boolean(),
    filter: z.optional(z.array(z.string())),
    unmatched: z.optional(z.union([z.literal('delete'), z.strictObject({ queue: z.string() })])),
    declaredAt: z.optional(instant),
    declaredBy: z.optional(z.string()),
    paused: z.boolean(),
    running: z.boolean(),
    slotsTaken: count,
    lastRunEndedAt: z.optional(instant),
    nextRunAt: z.optional(instant),
  })
  .check(z.meta({ id: 'Trigger' }))

export const triggerListAnswer = z.strictObject({ triggers: z.array(trigger), cursor: z.optional(z.string()) })
