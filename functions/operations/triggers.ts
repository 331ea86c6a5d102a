import { plainName } from '../../lib/model/queue-name.ts'
import { withoutUndefined } from '../../lib/model/without-undefined.ts'
import { listTriggers, type TriggerState } from '../../lib/triggers/list-triggers.ts'
import { iso } from '../http/message-json.ts'
import type { Operations } from '../http/operation.ts'

export const operations = {
  listTriggers: async ({ engine, query }) => {
    const { triggers, cursor } = await listTriggers(engine, withoutUndefined(query))
    return { status: 200, body: { triggers: triggers.map(triggerJson), cursor } }
  },
} satisfies Operations

const triggerJson = ({ declaredAt, lastRunEndedAt, nextRunAt, unmatched, ...trigger }: TriggerState) => ({
  ...trigger,
  ...(unmatched && { unmatched: typeof unmatched === 'object' ? { queue: plainName(unmatched.queue) } : unmatched }),
  ...(declaredAt !== undefined && { declaredAt: iso(declaredAt) }),
  ...(lastRunEndedAt !== undefined && { lastRunEndedAt: iso(lastRunEndedAt) }),
  ...(nextRunAt !== undefined && { nextRunAt: iso(nextRunAt) }),
})
