import type { Context } from 'aws-lambda'
import { reasonOf } from '../../lib/model/errors.ts'
import { theEngine } from '../runtime/compose.ts'
import { writeCounts } from '../runtime/queue-metrics.ts'
import { lambdaLog, metrics } from '../runtime/telemetry.ts'
import { type MeasuredQueues, measureQueues, randomQueueName } from './measure-queues.ts'

/** Time left for writing the metrics. */
const ENDING_MS = 5_000

/** The queue behind which the next run goes on, where a run could not count all of them. */
let after: string | undefined
/** Whether this process knows where to go on. A new process does not, and begins behind a random queue. */
let isNew = true

/**
 * Measures every queue, and writes the metrics of each and of all together. CloudWatch charges a metric for each hour in which
 * it is written, so nothing is written for a queue without messages; alarms treat missing data as fine.
 *
 * @throws when a count failed, after the metrics of the other queues are written: the alarm on the function's errors shows it
 */
export const monitorQueues = async (_event: unknown, context: Context): Promise<void> => {
  const engine = theEngine()
  const endsAt = engine.clock.now() + context.getRemainingTimeInMillis() - ENDING_MS
  if (isNew) after = await randomQueueName(engine)
  const { measured, failed, next } = await measureQueues(engine, () => engine.clock.now() < endsAt, after)
  after = next
  isNew = false
  if (next !== undefined) {
    lambdaLog.warn('not every queue could be measured in time: the next run goes on with the others', {
      measured: measured.length,
    })
  }
  writeMeasures(measured, engine.clock.now())
  for (const { queue, error } of failed)
    lambdaLog.error('a queue could not be counted', { queue, error: String(error) })
  const [first] = failed
  if (first)
    throw new Error(
      `${failed.length === 1 ? '1 queue' : `${failed.length} queues`} could not be counted; the first is ${first.queue}: ${reasonOf(first.error)}`,
    )
}

const writeMeasures = (measured: MeasuredQueues['measured'], now: number): void => {
  const byName = [...measured].sort((one, other) => (one.queue < other.queue ? -1 : 1))
  const holding = byName.filter(({ counts: { ready, delayed, leased } }) => ready + delayed + leased > 0)
  for (const { queue, counts } of holding) {
    metrics.addDimension('queue', queue)
    writeCounts([counts], now)
  }
  const all = holding.map(({ counts }) => counts)
  if (all.length > 0) writeCounts(all, now)
}
