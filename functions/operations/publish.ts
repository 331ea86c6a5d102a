import { publish } from '../../lib/publish/publish.ts'
import { newMessageFrom } from '../http/message-json.ts'
import type { Operations } from '../http/operation.ts'
import { problemOf } from '../http/problem.ts'
import { METRICS } from '../runtime/metric-names.ts'

export const operations = {
  publishMessages: async ({ engine, params, body }) => {
    const results = await publish(engine, params.queue, body.messages.map(newMessageFrom))
    const failures = results.filter((result) => 'error' in result)
    const [failure] = failures
    // If nothing was stored the whole call fails, so that the caller can simply repeat it.
    if (failure && failures.length === results.length) throw failure.error
    return {
      status: 201,
      body: {
        messages: results.map((result) =>
          'error' in result ? { ok: false, error: problemOf(result.error) } : { ok: true, ...result },
        ),
      },
      counted: { [METRICS.published]: results.length - failures.length },
    }
  },
} satisfies Operations
