import * as z from 'zod/mini'
import { FILTER_LIMITS } from '../../../lib/triggers/filter/filter.ts'
import { TRIGGER_LIMITS } from '../../../lib/triggers/trigger.ts'
import { queueName, text, whole } from '../../http/shapes.ts'

/** A pattern as an object, or as text in JSON. The filter itself checks what is in it. */
const pattern = z.union([z.record(z.string(), z.json()), text(1, FILTER_LIMITS.patternCharacters)])

/** A trigger as a file declares it, by the name of its queue. */
export const fileTrigger = z
  .strictObject({
    handler: text(1, 4_096).check(
      z.describe(
        'A module (.mjs, .js, .ts) that exports `handler`, by its path from this file; or the name of a Lambda function at AWS_ENDPOINT_URL_LAMBDA',
      ),
    ),
    functionTimeoutSeconds: z.optional(
      whole(1, TRIGGER_LIMITS.functionTimeoutSeconds).check(
        z.describe('After how long an invocation is cut off. Leases last longer. Default 30.'),
      ),
    ),
    batchSize: z.optional(
      whole(1, TRIGGER_LIMITS.batchSize).check(
        z.describe('How many messages one invocation gets at most; on FIFO queues up to 10. Default 10.'),
      ),
    ),
    batchingWindowSeconds: z.optional(
      whole(0, TRIGGER_LIMITS.batchingWindowSeconds).check(
        z.describe('How long a batch waits for more messages; 0 on FIFO queues. Default 0.'),
      ),
    ),
    maxConcurrency: z.optional(
      whole(1, TRIGGER_LIMITS.maxConcurrency).check(
        z.describe('How many invocations run at one time at most. Default 10.'),
      ),
    ),
    enabled: z.optional(z.boolean().check(z.describe('Whether messages are delivered. Default true.'))),
    reportBatchItemFailures: z.optional(
      z.boolean().check(z.describe("Whether the handler's answer names the messages that failed. Default true.")),
    ),
    filter: z.optional(
      z
        .union([pattern, z.array(pattern).check(z.minLength(1), z.maxLength(FILTER_LIMITS.patterns))])
        .check(z.describe('Patterns of EventBridge: the handler gets the messages that match one. Default: all.')),
    ),
    unmatched: z.optional(
      z
        .union([z.literal('delete'), z.strictObject({ queue: queueName })])
        .check(
          z.describe(
            'What happens to messages that match no pattern: `delete`, or the queue to move them to. Required with a filter.',
          ),
        ),
    ),
  })
  .check(z.meta({ id: 'Trigger' }))

export type FileTrigger = z.infer<typeof fileTrigger>
