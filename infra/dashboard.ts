import { Duration, Stack } from 'aws-cdk-lib'
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2'
import { Dashboard, GraphWidget, type IMetric, MathExpression, PeriodOverride } from 'aws-cdk-lib/aws-cloudwatch'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import { QUEUE_METRICS } from '../functions/runtime/metric-names.ts'
import { throttleMetric } from './alarms.ts'
import { METRIC_NAMESPACE } from './function.ts'
import type { Settings } from './settings.ts'

export interface DashboardParts {
  readonly functions: Readonly<Record<string, IFunction>>
  readonly table: Table
  readonly api: HttpApi
  readonly settings: Settings
}

const WIDTH = 8
const A_MINUTE = Duration.minutes(1)

/** One page with graphs of the queues, the API, the functions and the table. */
export const addDashboard = (scope: Construct, { functions, table, api, settings }: DashboardParts): Dashboard => {
  const perFunction = (metric: (target: IFunction, label: string) => IMetric): IMetric[] =>
    Object.entries(functions).map(([name, target]) => metric(target, name))
  const graph = (title: string, left: IMetric[]) => new GraphWidget({ title, left, width: WIDTH })
  const dashboard = new Dashboard(scope, 'Dashboard', { periodOverride: PeriodOverride.INHERIT })
  if (settings.monitor) {
    dashboard.addWidgets(
      graph('Oldest ready message, seconds', [everyQueue(scope, QUEUE_METRICS.oldest, settings)]),
      graph('Messages ready', [everyQueue(scope, QUEUE_METRICS.ready, settings)]),
      graph('Messages leased', [everyQueue(scope, QUEUE_METRICS.leased, settings)]),
    )
  }
  dashboard.addWidgets(
    graph('API requests and failures', [
      api.metricCount({ period: A_MINUTE, statistic: 'Sum' }),
      api.metricClientError({ period: A_MINUTE, statistic: 'Sum' }),
      api.metricServerError({ period: A_MINUTE, statistic: 'Sum' }),
    ]),
    graph('API latency, ms', [
      api.metricLatency({ period: A_MINUTE, statistic: 'p50' }),
      api.metricLatency({ period: A_MINUTE, statistic: 'p99' }),
    ]),
    graph(
      'Function duration, ms (p99)',
      perFunction((target, label) => target.metricDuration({ period: A_MINUTE, statistic: 'p99', label })),
    ),
  )
  dashboard.addWidgets(
    graph(
      'Function errors',
      perFunction((target, label) => target.metricErrors({ period: A_MINUTE, label })),
    ),
    graph('Units used', [
      table.metricConsumedReadCapacityUnits({ period: A_MINUTE }),
      table.metricConsumedWriteCapacityUnits({ period: A_MINUTE }),
    ]),
    graph('Throttled requests', [throttleMetric(table, 'Read'), throttleMetric(table, 'Write')]),
  )
  return dashboard
}

/** One line for each queue, declared or not: CloudWatch searches for the queues each time the page is opened. */
const everyQueue = (scope: Construct, metric: string, { serviceName }: Settings): MathExpression =>
  new MathExpression({
    expression: `SEARCH('{${METRIC_NAMESPACE},queue,service} service="${serviceName}" MetricName="${metric}"', 'Maximum', 60)`,
    label: '',
    usingMetrics: {},
    searchRegion: Stack.of(scope).region,
    period: A_MINUTE,
  })
