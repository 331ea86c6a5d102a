import { ack } from '../../lib/settle/ack.ts'
import { extend } from '../../lib/settle/extend.ts'
import { unreceive } from '../../lib/settle/unreceive.ts'
import { handleResults } from '../http/handle-results.ts'
import type { Operations } from '../http/operation.ts'
import { ackEntriesFrom } from '../http/result-json.ts'
import { METRICS } from '../runtime/metric-names.ts'

export const operations = {
  ackMessages: async ({ engine, params, body }) =>
    handleResults(await ack(engine, params.queue, ackEntriesFrom(body)), METRICS.acked),

  extendLeases: async ({ engine, params, body: { receiptHandles, visibilityTimeoutSeconds, revive = false } }) => {
    const entries = receiptHandles.map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds }))
    return handleResults(await extend(engine, params.queue, entries, { revive }), METRICS.extended)
  },

  unreceiveMessages: async ({ engine, params, body: { receiptHandles } }) =>
    handleResults(await unreceive(engine, params.queue, receiptHandles), METRICS.unreceived),
} satisfies Operations
