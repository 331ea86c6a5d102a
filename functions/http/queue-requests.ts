import * as z from 'zod/mini'
import { LIMITS } from '../../lib/model/limits.ts'
import { cursor, pageLimit, queueName, text, whole } from './shapes.ts'

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

export const triggerListQuery = z.strictObject({
  queue: z.optional(queueName.check(z.describe('Only the trigger of this queue. Default: of all queues'))),
  limit: pageLimit(LIMITS.listTriggersPage),
  cursor,
})

export const queueDeletionQuery = z.strictObject({
  force: z.optional(
    z
      .enum(['true', 'false'])
      .check(z.describe('Whether to delete a queue that is the dead-letter queue of another one. Default false')),
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

const maxPerSecond = z.optional(
  whole(1, LIMITS.redriveMessagesPerSecond).check(z.describe('Messages a second. Default: no limit.')),
)

export const redriveRequest = z.strictObject({
  destination: z.optional(queueName.check(z.describe('Default: the queue each message came from'))),
  filter: z.optional(redriveFilter),
  maxPerSecond,
})

export const undoRequest = z.strictObject({ maxPerSecond })
