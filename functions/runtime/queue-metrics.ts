import { MetricUnit } from '@aws-lambda-powertools/metrics'
import type { Counts } from '../../lib/queues/counts.ts'
import { QUEUE_METRICS } from './metric-names.ts'
import { flushMetrics, metrics } from './telemetry.ts'

/** Writes one metric record for these queues together, with the dimensions added before. */
export const writeCounts = (all: readonly Counts[], now: number): void => {
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
