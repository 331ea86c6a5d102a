import type { HandleResult } from '../../lib/model/message.ts'
import type { MetricName } from '../runtime/metric-names.ts'
import type { Answer } from './operation.ts'
import { problemOf } from './problem.ts'

/** One result for each receipt handle, in their order. */
export const handleResults = (results: readonly HandleResult[], metric: MetricName): Answer => ({
  status: 200,
  body: {
    results: results.map((result) => {
      if (result.ok) return { ok: true }
      const problem = problemOf(result.error)
      return { ok: false, error: problem, problem }
    }),
  },
  counted: { [metric]: results.filter(({ ok }) => ok).length },
})
