import { awaitResult } from '../../lib/results/await-result.ts'
import type { Operations } from '../http/operation.ts'
import { resultJson } from '../http/result-json.ts'

export const operations = {
  getResult: async ({ engine, params: { queue, messageId }, query: { waitTimeSeconds = 0 }, signal }) => ({
    status: 200,
    body: resultJson(messageId, await awaitResult(engine, queue, messageId, { waitTimeSeconds, signal })),
  }),
} satisfies Operations
