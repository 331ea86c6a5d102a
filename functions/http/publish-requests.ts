import * as z from 'zod/mini'
import { LIMITS } from '../../lib/model/limits.ts'
import { IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_RULE } from '../../lib/model/message-rules.ts'
import { amount, base64, givenInstant, text, whole } from './shapes.ts'

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

export type NewMessageBody = z.infer<typeof newMessage>
export type MessageAttributeBody = z.infer<typeof messageAttribute>
export type ResendBody = z.infer<typeof resendRequest>
