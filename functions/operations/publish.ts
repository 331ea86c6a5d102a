import { HoldfastError, isHoldfastError } from '../../lib/model/errors.ts'
import { withoutUndefined } from '../../lib/model/without-undefined.ts'
import { publish } from '../../lib/publish/publish.ts'
import { newMessageFrom } from '../http/message-json.ts'
import type { Operations } from '../http/operation.ts'
import { problemOf } from '../http/problem.ts'
import { METRICS } from '../runtime/metric-names.ts'

export const operations = {
  publishMessages: async ({ engine, params, headers, body }) => {
    const idempotencyKey = headers['Idempotency-Key']
    const messages = body.messages.map(newMessageFrom)
    const results = await publish(engine, params.queue, messages, withoutUndefined({ idempotencyKey })).catch(
      asHeaderError,
    )
    const failures = results.filter((result) => !result.ok)
    // If no message is known to be stored, the whole call fails, with the error that leaves that open if there is one.
    const failure = failures.find(({ error }) => error.code !== 'Throttled') ?? failures[0]
    if (failure && failures.length === results.length) throw failure.error
    return {
      status: 201,
      body: {
        messages: results.map((result) => (result.ok ? result : { ok: false, error: problemOf(result.error) })),
      },
      counted: { [METRICS.published]: results.length - failures.length },
    }
  },
} satisfies Operations

/** An error about `idempotencyKey` as an error about the header that has the key in this API. */
const asHeaderError = (error: unknown): never => {
  if (!isHoldfastError(error) || error.fields.field !== 'idempotencyKey') throw error
  throw new HoldfastError(error.code, error.message, { ...error.fields, field: 'Idempotency-Key' }, { cause: error })
}
