import type { Context } from 'aws-lambda'
import { measureQueues } from './operations/measure-queues.ts'
import { theEngine } from './runtime/compose.ts'
import { writeCounts } from './runtime/queue-metrics.ts'
import { endInvocation, lambdaLog, metrics, observeInLambda } from './runtime/telemetry.ts'

observeInLambda()

/** Time left for writing the metrics. */
const ENDING_MS = 5_000

/**
 * Measures every queue, each minute by schedule. CloudWatch charges a metric for each hour in which it is written, so
 * nothing is written for a queue without messages; alarms treat missing data as fine.
 */
export const handler = async (_event: unknown, context: Context): Promise<void> => {
  const startedAt = performance.now()
  const engine = theEngine()
  const endsAt = engine.clock.now() + context.getRemainingTimeInMillis() - ENDING_MS
  const { measured, complete } = await measureQueues(engine, () => engine.clock.now() < endsAt)
  if (!complete) lambdaLog.warn('not every queue could be measured in time', { measured: measured.length })
  const now = engine.clock.now()
  const holding = measured.filter(({ counts: { ready, delayed, leased } }) => ready + delayed + leased > 0)
  for (const { queue, counts } of holding) {
    metrics.addDimension('queue', queue)
    writeCounts([counts], now)
  }
  if (holding.length > 0)
    writeCounts(
      holding.map(({ counts }) => counts),
      now,
    )
  endInvocation(startedAt)
}
