import { Logger } from '@aws-lambda-powertools/logger'
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import type { EngineEvent } from '../../lib/engine.ts'
import type { Answer } from '../http/operation.ts'
import type { OperationId } from '../http/routes.ts'
import type { Log } from './log.ts'
import { METRICS, type MetricName } from './metric-names.ts'

/**
 * Logs and metrics of a Lambda function: JSON lines and CloudWatch's embedded metric format on standard output.
 * Service, namespace and level come from the environment (POWERTOOLS_…).
 */
const logger = new Logger()
export const metrics = new Metrics({
  namespace: process.env.POWERTOOLS_METRICS_NAMESPACE ?? 'Holdfast',
  logger: quiet(),
})

export const lambdaLog: Log = {
  debug: (message, fields) => logger.debug(message, fields),
  info: (message, fields) => logger.info(message, fields),
  warn: (message, fields) => logger.warn(message, fields),
  error: (message, fields) => logger.error(message, fields),
}

/** What an answer counts; written when the invocation ends. */
export const countAnswer = (_operation: OperationId, { counted = {} }: Answer): void => {
  for (const [name, value] of Object.entries(counted)) if (value > 0) metrics.addMetric(name, MetricUnit.Count, value)
}

export const countEvent = (event: EngineEvent): void => {
  metrics.addMetric(EVENT_METRICS[event.type], MetricUnit.Count, 'count' in event ? event.count : 1)
  if (LOGGED.has(event.type)) lambdaLog.warn(event.type, { ...event })
}

const LOGGED: ReadonlySet<EngineEvent['type']> = new Set([
  'dead-letter-queue-missing',
  'follow-up-failed',
  'shards-raised',
  'throttled',
])

const EVENT_METRICS = {
  'lost-race': METRICS.lostRaces,
  'dead-lettered': METRICS.deadLettered,
  'dead-letter-queue-missing': METRICS.deadLetterQueueMissing,
  throttled: METRICS.throttled,
  'shards-raised': METRICS.shardsRaised,
  'orphan-dropped': METRICS.orphansDropped,
  'follow-up-failed': METRICS.followUpsFailed,
} as const satisfies Record<EngineEvent['type'], MetricName>

export const flushMetrics = (): void => void metrics.publishStoredMetrics()

/** Powertools warns of every invocation that counted nothing; most polls of an idle queue are such. */
function quiet() {
  const ignore = () => {}
  return { debug: ignore, info: ignore, warn: ignore, error: (...content: [string]) => logger.error(...content) }
}
