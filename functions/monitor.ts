import { MetricUnit } from '@aws-lambda-powertools/metrics'
import type { Context } from 'aws-lambda'
import { type Counts, counts } from '../lib/counts.ts'
import type { Engine } from '../lib/engine.ts'
import { isHoldfastError } from '../lib/errors.ts'
import { listQueueNames } from '../lib/queues.ts'
import { theEngine } from './compose.ts'
import { QUEUE_METRICS } from './metric-names.ts'
import { flushMetrics, lambdaLog, metrics } from './telemetry.ts'

/** Queues counted at once, and names read at once. */
const AT_ONCE = 8
const NAMES = 1_000
/** Kept for writing what was counted. */
const ENDING_MS = 5_000

interface QueueMeasures {
  readonly queue: string
  readonly counts: Counts
}

/**
 * Measures every queue, each minute by schedule. Queues without a message write nothing, so that metrics, which
 * CloudWatch charges by the hour in which they are written, cost nothing while idle; alarms treat absence as fine.
 */
export const handler = async (_event: unknown, context: Context): Promise<void> => {
  const engine = theEngine()
  const endsAt = engine.clock.now() + context.getRemainingTimeInMillis() - ENDING_MS
  const { measured, complete } = await measureQueues(engine, () => engine.clock.now() < endsAt)
  if (!complete) lambdaLog.warn('not every queue could be measured in time', { measured: measured.length })
  const now = engine.clock.now()
  const holding = measured.filter(({ counts: { ready, delayed, leased } }) => ready + delayed + leased > 0)
  for (const { queue, counts: held } of holding) {
    metrics.addDimension('queue', queue)
    write([held], now)
  }
  if (holding.length > 0)
    write(
      holding.map(({ counts: held }) => held),
      now,
    )
}

/** Counts of all queues, as far as time allows. A queue deleted meanwhile is left out. */
const measureQueues = async (
  engine: Engine,
  inTime: () => boolean,
): Promise<{ measured: QueueMeasures[]; complete: boolean }> => {
  const measured: QueueMeasures[] = []
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await listQueueNames(engine, { limit: NAMES, ...(cursor !== undefined && { cursor }) })
    cursor = page.cursor
    const waiting = [...page.names]
    const counter = async () => {
      for (
        let queue = inTime() ? waiting.shift() : undefined;
        queue !== undefined;
        queue = inTime() ? waiting.shift() : undefined
      ) {
        const held = await countsUnlessGone(engine, queue)
        if (held) measured.push({ queue, counts: held })
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, counter))
    if (waiting.length > 0) return { measured, complete: false }
  }
  return { measured, complete: true }
}

const countsUnlessGone = async (engine: Engine, queue: string): Promise<Counts | undefined> => {
  try {
    return await counts(engine, queue)
  } catch (error) {
    if (isHoldfastError(error, 'QueueNotFound')) return undefined
    throw error
  }
}

const write = (all: readonly Counts[], now: number): void => {
  const sum = (of: (held: Counts) => number) => all.reduce((total, held) => total + of(held), 0)
  const ages = all.map(({ oldestReadyAt }) => (oldestReadyAt === undefined ? 0 : Math.max(0, now - oldestReadyAt)))
  metrics.addMetric(
    QUEUE_METRICS.ready,
    MetricUnit.Count,
    sum(({ ready }) => ready),
  )
  metrics.addMetric(
    QUEUE_METRICS.delayed,
    MetricUnit.Count,
    sum(({ delayed }) => delayed),
  )
  metrics.addMetric(
    QUEUE_METRICS.leased,
    MetricUnit.Count,
    sum(({ leased }) => leased),
  )
  metrics.addMetric(QUEUE_METRICS.oldest, MetricUnit.Seconds, Math.floor(Math.max(...ages) / 1_000))
  flushMetrics()
}
