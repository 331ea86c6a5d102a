import { Logger } from '@aws-lambda-powertools/logger'
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import type { EngineEvent } from '../../lib/model/engine-event.ts'
import { observeConsumption, observeDenials, observeEngine } from './compose.ts'
import type { Log } from './log.ts'
import { METRICS, type MetricName } from './metric-names.ts'
import type { Denied } from './missing-rights.ts'
import type { Answered } from './usage.ts'
import { countConsumption, countRequest, writeUsage } from './usage-lines.ts'

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

/** Adds an operation's counts to the metrics and to what its queue used, which are written when the invocation ends. */
export const countAnswer = (answered: Answered): void => {
  const { counted } = answered
  for (const [name, value] of Object.entries(counted)) if (value > 0) metrics.addMetric(name, MetricUnit.Count, value)
  countRequest(answered)
}

const countEvent = (event: EngineEvent): void => {
  metrics.addMetric(EVENT_METRICS[event.type], MetricUnit.Count, 'count' in event ? event.count : 1)
  if (LOGGED.has(event.type)) lambdaLog.warn(event.type, { ...event })
}

const LOGGED: ReadonlySet<EngineEvent['type']> = new Set([
  'dead-letter-queue-missing',
  'follow-up-failed',
  'shards-lowered',
  'shards-raised',
  'throttled',
  'unreadable',
])

/** Counts a right that this function's role lacks, for the alarm. It is written at once, however the invocation ends. */
export const countMissingRight = (): void => {
  metrics.singleMetric().addMetric(METRICS.rightsMissing, MetricUnit.Count, 1)
}

const reportDenial: Denied = (operation, error) => {
  lambdaLog.error("the function's role lacks a right on the table", { operation, error })
  countMissingRight()
}

/** Connects the engine of a Lambda function to its metrics and its log. */
export const observeInLambda = (): void => {
  observeEngine(countEvent)
  observeDenials(reportDenial)
  observeConsumption(countConsumption)
}

const EVENT_METRICS = {
  'lost-race': METRICS.lostRaces,
  'dead-lettered': METRICS.deadLettered,
  'dead-letter-queue-missing': METRICS.deadLetterQueueMissing,
  throttled: METRICS.throttled,
  'shards-raised': METRICS.shardsRaised,
  'shards-lowered': METRICS.shardsLowered,
  'orphan-dropped': METRICS.orphansDropped,
  unreadable: METRICS.unreadableItems,
  'follow-up-failed': METRICS.followUpsFailed,
} as const satisfies Record<EngineEvent['type'], MetricName>

export const flushMetrics = (): void => void metrics.publishStoredMetrics()

/** Writes what an invocation counted, at its end. @param startedAt by `performance.now()` */
export const endInvocation = (startedAt: number): void => {
  flushMetrics()
  writeUsage(performance.now() - startedAt)
}

/** Powertools warns of every invocation that counted nothing, as most polls of an idle queue do. */
function quiet() {
  const ignore = () => {}
  return { debug: ignore, info: ignore, warn: ignore, error: (...content: [string]) => logger.error(...content) }
}
