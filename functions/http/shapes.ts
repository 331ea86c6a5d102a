import * as z from 'zod/mini'
import { LIMITS } from '../../lib/model/limits.ts'

/** Small shapes that requests and answers share. Every range comes from `lib/model/limits.ts`, and so into the OpenAPI document. */

export const whole = (min: number, max: number) => z.int().check(z.gte(min), z.lte(max))
export const amount = (min: number, max: number) => z.number().check(z.gte(min), z.lte(max))
/** Text that UTF-8 can encode: without lone surrogates. */
const wellFormed = z.refine<string>((value) => value.isWellFormed(), {
  error: 'must be well-formed Unicode, without lone surrogates',
})
export const text = (min: number, max: number) => z.string().check(z.minLength(min), z.maxLength(max), wellFormed)

/** A queue of this deployment's own account and region: others are reached through the SQS endpoint only. */
export const queueName = z.string().check(
  z.regex(/^(?=.{1,80}$)[A-Za-z0-9_-]+(\.fifo)?$/, {
    error: 'must be 1 to 80 letters, digits, hyphens or underscores (.fifo at the end for a FIFO queue)',
  }),
)

/** Bytes, as base64 with or without its padding. Not a pattern: one over a megabyte exhausts the engine's stack. */
export const base64 = z.string().check(
  z.refine((value) => isBase64(value), { error: 'must be base64' }),
  z.meta({ contentEncoding: 'base64' }),
)

const isBase64 = (value: string): boolean => {
  const bare = value.replace(/={1,2}$/, '')
  return (
    Buffer.from(value, 'base64')
      .toString('base64')
      .replace(/={1,2}$/, '') === bare
  )
}

/** An instant in an answer. */
export const instant = z.iso.datetime()

/** An instant in a request. */
export const givenInstant = z.union([
  whole(0, 253_402_300_799_999).check(z.describe('Epoch milliseconds')),
  z.string().check(
    // `Date.parse` refuses days outside the calendar, such as 31 February.
    z.refine((value) => ISO_INSTANT.test(value) && !Number.isNaN(Date.parse(value)), {
      error: 'must be an instant such as "2030-01-31T12:00:00Z" or epoch milliseconds',
    }),
    z.meta({ format: 'date-time' }),
  ),
])
const ISO_INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/

export const tags = z.record(text(1, LIMITS.tagKeyLength), text(0, LIMITS.tagValueLength))

export const pageLimit = (max: number) => z.optional(z.coerce.number().check(z.int(), z.gte(1), z.lte(max)))
export const cursor = z.optional(text(1, 1_024).check(z.describe('`cursor` of the page before')))

/** Items whose messages a page lacks. */
export const unreadableItems = z
  .array(
    z.strictObject({
      item: z.string().check(z.describe('Its partition key and sort key')),
      reason: z.string().check(z.describe('Why the item can not be read')),
    }),
  )
  .check(z.describe('Items whose messages are missing from this page: they can not be read'))
