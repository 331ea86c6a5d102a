import { publish } from '../../lib/publish/publish.ts'
import { newMessageFrom } from '../http/message-json.ts'
import type { Operations } from '../http/operation.ts'
import { problemOf } from '../http/problem.ts'
import { METRICS } from '../runtime/metric-names.ts'

export const operations = {
  publishMessages: async ({ engine, params, body }) => {
    const results = await publish(engine, params.queue, body.messages.map(newMessageFrom))
    const failures = results.filter((result) => !result.ok)
    const [failure] = failures
    // Where nothing was written, the call as a whole failed, and is simply to be sent again.
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
