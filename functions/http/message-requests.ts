import * as z from 'zod/mini'
import { BROWSE_STATES } from '../../lib/messages/browse.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import { amount, cursor, givenInstant, pageLimit, text, whole } from './shapes.ts'

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
