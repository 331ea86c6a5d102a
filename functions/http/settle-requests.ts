import * as z from 'zod/mini'
import { LIMITS } from '../../lib/model/limits.ts'
import { amount, base64, text, whole } from './shapes.ts'

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

export type AckResultBody = z.infer<typeof ackResult>

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
