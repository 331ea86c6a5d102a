import type { Context } from 'aws-lambda'
import { theEngine } from '../runtime/compose.ts'
import { writeCounts } from '../runtime/queue-metrics.ts'
import { lambdaLog, metrics } from '../runtime/telemetry.ts'
import { measureQueues } from './measure-queues.ts'

/** Time left for writing the metrics. */
const ENDING_MS = 5_000

/**
 * The queue behind which the next run goes on, where a run could not count all of them. It is lost with the process, and then a run
 * begins with the first queue again.
 */
let after: string | undefined

/**
 * Measures every queue, and writes the metrics of each and of all together. CloudWatch charges a metric for each hour in which
 * it is written, so nothing is written for a queue without messages; alarms treat missing data as fine.
 */
export const monitorQueues = async (_event: unknown, context: Context): Promise<void> => {
  const engine = theEngine()
  const endsAt = engine.clock.now() + context.getRemainingTimeInMillis() - ENDING_MS
  const { measured, next } = await measureQueues(engine, () => engine.clock.now() < endsAt, after)
  after = next
  if (next !== undefined) {
    lambdaLog.warn('not every queue could be measured in time: the next run goes on with the others', {
      measured: measured.length,
    })
  }
  const now = engine.clock.now()
  const holding = measured.filter(({ counts: { ready, delayed, leased } }) => ready + delayed + leased > 0)
  for (const { queue, counts } of holding) {
    metrics.addDimension('queue', queue)
    writeCounts([counts], now)
  }
  const all = holding.map(({ counts }) => counts)
  if (all.length > 0) writeCounts(all, now)
}
