import * as z from 'zod/mini'
import type { GivenSettings } from '../../lib/model/given-settings.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import { amount, queueName, tags, text, whole } from './shapes.ts'

const deadLetter = z.strictObject({
  queue: queueName.check(z.describe('A queue that exists, of the same kind: FIFO or standard')),
  maxReceives: whole(1, LIMITS.maxReceives).check(
    z.describe('Receives without an ack after which a message goes there'),
  ),
})

const retryPolicy = z.strictObject({
  initialSeconds: amount(0, LIMITS.retryDelaySeconds).check(z.describe('Delay after the first failed receive')),
  factor: z.optional(
    amount(1, LIMITS.retryFactor).check(
      z.describe('By how much each further receive multiplies the delay. Default 2.'),
    ),
  ),
  maximumSeconds: z.optional(amount(0, LIMITS.retryDelaySeconds).check(z.describe('Default 3600.'))),
  jitter: z.optional(
    z
      .enum(['none', 'full'])
      .check(
        z.describe('`full` (default) draws a delay between 0 and the computed one, `none` takes the computed one.'),
      ),
  ),
})

const fifo = z.strictObject({
  contentBasedDeduplication: z.optional(z.boolean()),
  deduplicationScope: z.optional(z.enum(['queue', 'messageGroup'])),
  throughputLimit: z.optional(z.enum(['perQueue', 'perMessageGroupId'])),
})

/** From which queues messages may be moved into this one: as dead letters, or by a redrive. */
const redriveAllowPolicy = z
  .strictObject({
    permission: z.enum(['allowAll', 'denyAll', 'byQueue']),
    sourceQueues: z.optional(z.array(queueName).check(z.minLength(1), z.maxLength(10))),
  })
  .check(
    z.refine(({ permission, sourceQueues }) => (permission === 'byQueue') === (sourceQueues !== undefined), {
      error: 'must be given exactly when permission is "byQueue"',
      path: ['sourceQueues'],
    }),
    z.describe('The RedriveAllowPolicy of SQS: which queues may have messages moved into this one'),
  )

const common = {
  visibilityTimeoutSeconds: z.optional(
    whole(0, LIMITS.visibilityTimeoutSeconds).check(
      z.describe('How long a poll leases a message, where the poll does not say. Default 30.'),
    ),
  ),
  delaySeconds: z.optional(
    whole(0, LIMITS.delaySeconds).check(z.describe('Delay of a message that names none. Default 0.')),
  ),
  retentionSeconds: z.optional(
    whole(LIMITS.retentionSecondsMin, LIMITS.retentionSeconds).check(
      z.describe('How long a message is kept, counted from when it is due. Default 345600, four days.'),
    ),
  ),
  maximumMessageBytes: z.optional(
    whole(LIMITS.messageBytesMin, LIMITS.messageBytes).check(
      z.describe('Largest message, body and attributes. Default 1048576.'),
    ),
  ),
  receiveWaitTimeSeconds: z.optional(
    whole(0, LIMITS.waitTimeSeconds).check(z.describe('Wait of a poll that names none. Default 0.')),
  ),
  priorities: z.optional(whole(1, LIMITS.priorities).check(z.describe('Number of priorities. Default 1.'))),
  shards: z.optional(
    whole(1, LIMITS.shards).check(
      z.describe('Partitions that publishers spread over; raised automatically when DynamoDB throttles. Default 1.'),
    ),
  ),
  fifo: z.optional(fifo),
  deduplicationWindowSeconds: z.optional(
    whole(1, LIMITS.deduplicationWindowSeconds).check(
      z.describe('How long a deduplication id is remembered. Default 300.'),
    ),
  ),
  deduplicationMode: z.optional(
    z
      .enum(['window', 'pending'])
      .check(
        z.describe(
          '`window` (default): an id is refused for the window. `pending`: only until its message is acked, dead-lettered or cancelled.',
        ),
      ),
  ),
}
const maxInFlightPerGroup = whole(1, LIMITS.maxInFlightPerGroup).check(
  z.describe('Hard limit of messages of one group in flight on a standard queue. Default: none.'),
)

const results = z
  .strictObject({
    retentionSeconds: whole(LIMITS.resultRetentionSecondsMin, LIMITS.resultRetentionSeconds).check(
      z.describe('How long a result is kept after its ack, at least.'),
    ),
  })
  .check(z.describe("Whether consumers' results are kept for their producers. Default: they are not."))

const paused = z
  .boolean()
  .check(z.describe('Whether polls and triggers get nothing; publishes and settling go on. Default false.'))

/** Body of `PUT /queues/{queue}`: an absent setting gets its default. */
export const newQueue = z
  .strictObject({
    ...common,
    deadLetter: z.optional(deadLetter),
    retryPolicy: z.optional(retryPolicy),
    maxInFlightPerGroup: z.optional(maxInFlightPerGroup),
    results: z.optional(results),
    paused: z.optional(paused),
    redriveAllowPolicy: z.optional(redriveAllowPolicy),
    tags: z.optional(tags),
  })
  .check(z.meta({ id: 'NewQueue' }))

/** Body of `PATCH /queues/{queue}`: an absent setting stays, and `null` removes an optional one. */
export const queueChange = z
  .strictObject({
    ...common,
    deadLetter: z.optional(z.nullable(deadLetter)),
    retryPolicy: z.optional(z.nullable(retryPolicy)),
    maxInFlightPerGroup: z.optional(z.nullable(maxInFlightPerGroup)),
    results: z.optional(z.nullable(results)),
    paused: z.optional(
      z.nullable(paused).check(z.describe('Whether polls and triggers get nothing; null and false let them go on')),
    ),
    redriveAllowPolicy: z.optional(z.nullable(redriveAllowPolicy)),
    fifo: z.optional(z.nullable(fifo).check(z.describe('A queue never changes its kind'))),
    tags: z.optional(z.record(text(1, LIMITS.tagKeyLength), z.nullable(text(0, LIMITS.tagValueLength)))),
  })
  .check(z.meta({ id: 'QueueChange' }))

export type NewQueueBody = z.infer<typeof newQueue>
export type RedriveAllowPolicyBody = z.infer<typeof redriveAllowPolicy>
export type QueueChangeBody = z.infer<typeof queueChange>

/** The settings in a body, without its other members. */
export const settingsIn = ({
  tags: _,
  redriveAllowPolicy: __,
  ...settings
}: NewQueueBody | QueueChangeBody): GivenSettings => settings
