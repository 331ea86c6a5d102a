import * as z from 'zod/mini'
import { BROWSE_STATES } from '../../lib/messages/browse.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import { IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_RULE } from '../../lib/model/message-rules.ts'
import { amount, base64, cursor, givenInstant, pageLimit, queueName, text, whole } from './shapes.ts'

function isSingleOutcome({
  result,
  resultBase64,
  failure,
}: {
  result?: unknown
  resultBase64?: unknown
  failure?: unknown
}): boolean {
  return [result, resultBase64, failure].filter((one) => one !== undefined).length <= 1
}

const messageAttribute = z.union([
  z.string(),
  z.number(),
  z
    .strictObject({
      dataType: text(1, LIMITS.attributeNameLength).check(
        z.describe('`String`, `Number` or `Binary`, optionally with a suffix: `Number.int`'),
      ),
      value: z.optional(z.string()),
      valueBase64: z.optional(base64),
    })
    .check(
      z.refine((given) => (given.value === undefined) !== (given.valueBase64 === undefined), {
        error: 'must hold either value or valueBase64',
      }),
    ),
])

const newMessage = z
  .strictObject({
    body: z.optional(z.unknown().check(z.describe('A string is stored as text, any other value as JSON'))),
    bodyBase64: z.optional(base64),
    attributes: z.optional(z.record(text(1, LIMITS.attributeNameLength), messageAttribute)),
    delaySeconds: z.optional(amount(0, LIMITS.delaySeconds)),
    dueAt: z.optional(givenInstant),
    priority: z.optional(whole(0, LIMITS.priorities - 1)),
    timeToLiveSeconds: z.optional(whole(LIMITS.timeToLiveSecondsMin, LIMITS.retentionSeconds)),
    groupId: z.optional(text(1, LIMITS.groupIdLength)),
    deduplicationId: z.optional(text(1, LIMITS.groupIdLength)),
    traceHeader: z.optional(text(1, LIMITS.traceHeaderLength)),
  })
  .check(
    z.refine((given) => (given.body === undefined) !== (given.bodyBase64 === undefined), {
      error: 'must hold either body or bodyBase64',
    }),
    z.refine((given) => given.delaySeconds === undefined || given.dueAt === undefined, {
      error: 'must not be given together with delaySeconds',
      path: ['dueAt'],
    }),
    z.meta({ id: 'NewMessage' }),
  )

/** What a message that is sent again has from now on. */
export const resendRequest = z
  .strictObject({
    body: z.optional(
      z.unknown().check(z.describe('Default: as it is. A string is stored as text, any other value as JSON')),
    ),
    bodyBase64: z.optional(base64.check(z.describe('Bytes in place of the body'))),
    attributes: z.optional(
      z
        .record(text(1, LIMITS.attributeNameLength), messageAttribute)
        .check(z.describe('All attributes that it has from now on. Default: as they are')),
    ),
  })
  .check(
    z.refine((given) => given.body === undefined || given.bodyBase64 === undefined, {
      error: 'must hold at most one of body and bodyBase64',
    }),
  )

export const publishRequest = z.strictObject({
  messages: z.array(newMessage).check(z.minLength(1), z.maxLength(LIMITS.batchSize)),
})

export const publishHeaders = z.strictObject({
  'Idempotency-Key': z.optional(
    z
      .string()
      .check(
        z.regex(IDEMPOTENCY_KEY, { error: IDEMPOTENCY_KEY_RULE }),
        z.describe(
          'Makes the request safe to repeat: sent again within ten minutes with the same key and messages, it stores ' +
            'nothing more and answers what the first one did. All of its messages are stored or none. The segments are ' +
            'written in a transaction, which doubles their write units, and the key takes 2 write units.',
        ),
      ),
  ),
})

export const pollRequest = z.strictObject({
  maxMessages: z.optional(whole(1, LIMITS.batchSize).check(z.describe('Default 1'))),
  visibilityTimeoutSeconds: z.optional(
    whole(0, LIMITS.visibilityTimeoutSeconds).check(
      z.describe("How long the messages are leased. Default: the queue's"),
    ),
  ),
  waitTimeSeconds: z.optional(
    whole(0, LIMITS.waitTimeSeconds).check(z.describe("How long to wait for a first message. Default: the queue's")),
  ),
  attemptId: z.optional(
    text(1, LIMITS.groupIdLength).check(
      z.describe('FIFO queues: repeated within five minutes, it answers the same messages again'),
    ),
  ),
})

// A handle may have any length, so that a malformed one fails alone and does not fail the whole request.
const receiptHandles = z.array(z.string()).check(z.minLength(1), z.maxLength(LIMITS.batchSize))

const failure = z
  .strictObject({
    name: text(1, 1_000),
    message: text(0, 10_000),
    stack: z.optional(text(0, 100_000)),
  })
  .check(
    z.describe(
      'What went wrong. Of name, message and stack the first 128, 2,048 and 4,096 characters are kept, on a queue that keeps results',
    ),
  )

/** The outcome of the work on a message. */
const workOutcome = {
  result: z.optional(
    z
      .unknown()
      .check(z.describe('What the work came to, at most 32 KB. A string is kept as text, any other value as JSON')),
  ),
  resultBase64: z.optional(base64),
  failure: z.optional(failure),
}

const ackResult = z
  .strictObject({
    ...workOutcome,
    unstored: z.optional(text(0, 1_024).check(z.describe('Why there is no result, though there should be one'))),
    ifKept: z.optional(
      z.boolean().check(z.describe('Whether the message is acked all the same where the queue keeps no results')),
    ),
  })
  .check(z.refine(isSingleOutcome, { error: 'must hold at most one of result, resultBase64 and failure' }))

export const ackRequest = z
  .strictObject({
    receiptHandles,
    ...workOutcome,
    results: z.optional(
      z.array(ackResult).check(z.describe('One a receipt handle, in their order, in place of the same for all')),
    ),
  })
  .check(
    z.refine(isSingleOutcome, { error: 'must hold at most one of result, resultBase64 and failure' }),
    z.refine((given) => given.results === undefined || given.results.length === given.receiptHandles.length, {
      error: 'must be one a receipt handle',
      path: ['results'],
    }),
    z.refine(
      ({ results, result, resultBase64, failure: failed }) =>
        results === undefined || (result === undefined && resultBase64 === undefined && failed === undefined),
      { error: 'must not be given together with one for all', path: ['results'] },
    ),
  )

export type ToldBody = z.infer<typeof ackResult>

export const resultQuery = z.strictObject({
  waitTimeSeconds: z.optional(
    z.coerce
      .number()
      .check(
        z.gte(0),
        z.lte(LIMITS.waitTimeSeconds),
        z.describe('How long to wait for the end of the work. Default 0.'),
      ),
  ),
})

export const extendRequest = z.strictObject({
  receiptHandles,
  visibilityTimeoutSeconds: whole(0, LIMITS.visibilityTimeoutSeconds).check(
    z.describe('From now on; 0 makes the messages visible at once'),
  ),
  revive: z.optional(
    z
      .boolean()
      .check(
        z.describe(
          'Whether a lease that has ended may begin again as long as no other consumer has received the message. No effect on FIFO ' +
            'queues and with maxInFlightPerGroup',
        ),
      ),
  ),
})

export const nackRequest = z
  .strictObject({
    receiptHandles,
    delaySeconds: z.optional(
      amount(0, LIMITS.delaySeconds).check(z.describe("Default: the queue's retry policy, else at once")),
    ),
    deadLetter: z.optional(
      z
        .boolean()
        .check(z.describe('Moves the messages to the dead-letter queue at once. Not together with delaySeconds')),
    ),
    error: z.optional(
      z
        .string()
        .check(
          z.maxLength(10_000),
          z.describe('The reason, with deadLetter: its first 1,024 characters are stored with the messages'),
        ),
    ),
    failure: z.optional(failure),
    failures: z.optional(
      z
        .array(z.nullable(failure))
        .check(z.describe('One a receipt handle, in their order, in place of the same for all')),
    ),
  })
  .check(
    z.refine((given) => given.failures === undefined || given.failures.length === given.receiptHandles.length, {
      error: 'must be one a receipt handle',
      path: ['failures'],
    }),
    z.refine((given) => !given.deadLetter || given.delaySeconds === undefined, {
      error: 'must not be given together with deadLetter',
      path: ['delaySeconds'],
    }),
    z.refine((given) => given.error === undefined || given.deadLetter === true, {
      error: 'must be given together with deadLetter: true',
      path: ['error'],
    }),
  )

export const unreceiveRequest = z.strictObject({ receiptHandles })

export const rescheduleRequest = z
  .strictObject({
    delaySeconds: z.optional(amount(0, LIMITS.delaySeconds)),
    dueAt: z.optional(givenInstant),
  })
  .check(
    z.refine((given) => (given.delaySeconds === undefined) !== (given.dueAt === undefined), {
      error: 'or delaySeconds must be given, and not both',
      path: ['dueAt'],
    }),
  )

export const queueListQuery = z.strictObject({
  prefix: z.optional(text(0, LIMITS.queueNameLength)),
  limit: pageLimit(LIMITS.listQueuesPage),
  cursor,
  include: z.optional(
    z
      .enum(['counts'])
      .check(
        z.describe(
          'How many messages each queue holds, at the cost of counting each; a page then has at most 100 queues',
        ),
      ),
  ),
})

export const queueDeletionQuery = z.strictObject({
  force: z.optional(
    z
      .enum(['true', 'false'])
      .check(z.describe('Whether to delete a queue that is the dead-letter queue of another one. Default false')),
  ),
})

export const browseQuery = z.strictObject({
  limit: pageLimit(LIMITS.browsePage),
  cursor,
  states: z.optional(
    z.string().check(
      z.regex(new RegExp(`^(${BROWSE_STATES.join('|')})(,(${BROWSE_STATES.join('|')}))*$`), {
        error: `must be states with commas between: ${BROWSE_STATES.join(', ')}`,
      }),
      z.describe(`Only messages in these states: ${BROWSE_STATES.join(', ')}, with commas between. Default: all`),
    ),
  ),
})

/** A message matches if all the given conditions hold. */
const redriveFilter = z.strictObject({
  messageIds: z.optional(z.array(text(1, 128)).check(z.minLength(1), z.maxLength(1_000))),
  sourceQueue: z.optional(queueName.check(z.describe('The queue the messages failed in'))),
  attributes: z.optional(
    z
      .record(text(1, LIMITS.attributeNameLength), text(0, LIMITS.messageBytes))
      .check(z.describe('Attributes with these values, as text')),
  ),
  bodyContains: z.optional(text(1, 1_000)),
})

export const redriveRequest = z.strictObject({
  destination: z.optional(queueName.check(z.describe('Default: the queue each message came from'))),
  filter: z.optional(redriveFilter),
  maxPerSecond: z.optional(
    whole(1, LIMITS.redriveMessagesPerSecond).check(z.describe('Messages a second. Default: no limit.')),
  ),
})

export type NewMessageBody = z.infer<typeof newMessage>
export type MessageAttributeBody = z.infer<typeof messageAttribute>
export type ResendBody = z.infer<typeof resendRequest>
