import { MetricUnit } from '@aws-lambda-powertools/metrics'
import type { TriggerEvent } from '../../lib/triggers/invoker.ts'
import { METRICS } from '../runtime/metric-names.ts'
import { lambdaLog, metrics } from '../runtime/telemetry.ts'
import { countBatch } from '../runtime/usage-lines.ts'

/** Counts what triggers do, and logs what an operator needs to know. */
export const observeTrigger = (event: TriggerEvent): void => {
  const count = (name: (typeof METRICS)[keyof typeof METRICS], value = 1) =>
    metrics.addMetric(name, MetricUnit.Count, value)
  switch (event.type) {
    case 'invoked':
      countBatch(event.queue)
      count(METRICS.triggerInvocations)
      if (event.failed > 0) count(METRICS.triggerFailedMessages, event.failed)
      return
    case 'unmatched':
      count(METRICS.triggerUnmatchedMessages, event.messages)
      return
    case 'function-failed':
      countBatch(event.queue)
      count(METRICS.triggerInvocations)
      count(METRICS.triggerFunctionErrors)
      count(METRICS.triggerFailedMessages, event.messages)
      break
    case 'not-run':
      count(event.reason === 'throttled' ? METRICS.triggerThrottles : METRICS.triggerRefusals)
      break
    case 'outcome-unknown':
      count(METRICS.triggerUnknownOutcomes)
      break
    case 'unmatched-kept':
      count(METRICS.triggerUnmatchedKept, event.messages)
      break
    case 'message-too-large':
      count(METRICS.triggerMessagesTooLarge)
      break
  }
  lambdaLog.warn(`trigger: ${event.type}`, { ...event })
}
