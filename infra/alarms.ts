import { Duration } from 'aws-cdk-lib'
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2'
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns'
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import type { Construct } from 'constructs'
import { QUEUE_METRICS } from '../functions/runtime/metric-names.ts'
import { METRIC_NAMESPACE } from './function.ts'
import type { Settings } from './settings.ts'

const A_MINUTE = Duration.minutes(1)

export const queueMetric = (name: string, { serviceName }: Settings, queue?: string): Metric =>
  new Metric({
    namespace: METRIC_NAMESPACE,
    metricName: name,
    dimensionsMap: { service: serviceName, ...(queue !== undefined && { queue }) },
    statistic: 'Maximum',
    period: A_MINUTE,
  })

/** DynamoDB's own count of throttled requests; CDK's ready-made ones are sums by expression, which can't alarm plainly. */
export const throttleMetric = (table: Table, side: 'Read' | 'Write'): Metric =>
  new Metric({
    namespace: 'AWS/DynamoDB',
    metricName: `${side}ThrottleEvents`,
    dimensionsMap: { TableName: table.tableName },
    statistic: 'Sum',
    period: A_MINUTE,
  })

/** Where alarms are told; nowhere when the settings name no one. */
export const alarmTopic = (scope: Construct, { alarmEmail, alarmTopicArn }: Settings): ITopic | undefined => {
  if (alarmTopicArn !== undefined) return Topic.fromTopicArn(scope, 'AlarmTopic', alarmTopicArn)
  if (alarmEmail === undefined) return undefined
  const topic = new Topic(scope, 'AlarmTopic', { displayName: 'Holdfast alarms', enforceSSL: true })
  topic.addSubscription(new EmailSubscription(alarmEmail))
  return topic
}

export interface AlarmPlan {
  readonly metric: Metric
  readonly threshold: number
  /** Minutes in a row that the threshold is reached. @default 1 */
  readonly minutes?: number
  readonly description: string
}

export const addAlarm = (scope: Construct, id: string, plan: AlarmPlan, topic: ITopic | undefined): Alarm => {
  const alarm = new Alarm(scope, id, {
    metric: plan.metric,
    threshold: plan.threshold,
    evaluationPeriods: plan.minutes ?? 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    // Idle queues and functions write no points.
    treatMissingData: TreatMissingData.NOT_BREACHING,
    alarmDescription: plan.description,
  })
  if (topic) alarm.addAlarmAction(new SnsAction(topic))
  return alarm
}

/** Minutes in a row with throttled requests before it counts: bursts of less are retried and answered. */
const THROTTLED_MINUTES = 5

export interface AlarmedParts {
  readonly functions: Readonly<Record<string, IFunction>>
  readonly table: Table
  readonly api: HttpApi
  readonly settings: Settings
  readonly topic: ITopic | undefined
}

/** Every alarm stands on one plain metric, which any monitoring that speaks CloudWatch understands. */
export const addAlarms = (scope: Construct, { functions, table, api, settings, topic }: AlarmedParts): void => {
  const add = (id: string, plan: AlarmPlan) => addAlarm(scope, id, plan, topic)
  for (const [name, target] of Object.entries(functions)) {
    add(`${name} errors`, {
      metric: target.metricErrors({ period: A_MINUTE }),
      threshold: 1,
      description: `The function ${name} failed: its log says why.`,
    })
    add(`${name} throttles`, {
      metric: target.metricThrottles({ period: A_MINUTE }),
      threshold: 1,
      description: `The function ${name} was called more often at once than Lambda allows it to run.`,
    })
  }
  add('api failures', {
    metric: api.metricServerError({ period: A_MINUTE, statistic: 'Sum' }),
    threshold: 1,
    description: 'The API answered 5xx.',
  })
  for (const side of ['Read', 'Write'] as const) {
    add(`table ${side.toLowerCase()} throttles`, {
      metric: throttleMetric(table, side),
      threshold: 1,
      minutes: THROTTLED_MINUTES,
      description: `DynamoDB throttles ${side.toLowerCase()}s: a queue needs more shards, or the table more capacity.`,
    })
  }
  if (settings.monitor) {
    add('oldest message', {
      metric: queueMetric(QUEUE_METRICS.oldest, settings),
      threshold: settings.oldestMessageAgeSeconds,
      description: `A message has been ready for ${settings.oldestMessageAgeSeconds} s: consumers are down or behind.`,
    })
  }
}
