import type { HandleResult } from '../../lib/model/message.ts'
import { ack } from '../../lib/settle/ack.ts'
import { extend } from '../../lib/settle/extend.ts'
import { nack } from '../../lib/settle/nack.ts'
import { unreceive } from '../../lib/settle/unreceive.ts'
import type { Answer, Operations } from '../http/operation.ts'
import { problemOf } from '../http/problem.ts'
import { METRICS, type MetricName } from '../runtime/metric-names.ts'

/** One result for each receipt handle, in their order. */
const answer = (results: readonly HandleResult[], metric: MetricName): Answer => ({
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

export const operations = {
  ackMessages: async ({ engine, params, body }) =>
    answer(await ack(engine, params.queue, body.receiptHandles), METRICS.acked),

  extendLeases: async ({ engine, params, body: { receiptHandles, visibilityTimeoutSeconds } }) => {
    const entries = receiptHandles.map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds }))
    return answer(await extend(engine, params.queue, entries), METRICS.extended)
  },

  nackMessages: async ({ engine, params, body: { receiptHandles, delaySeconds } }) => {
    const delay = delaySeconds === undefined ? {} : { delaySeconds }
    const entries = receiptHandles.map((receiptHandle) => ({ receiptHandle, ...delay }))
    return answer(await nack(engine, params.queue, entries), METRICS.nacked)
  },

  unreceiveMessages: async ({ engine, params, body: { receiptHandles } }) =>
    answer(await unreceive(engine, params.queue, receiptHandles), METRICS.unreceived),
} satisfies Operations
