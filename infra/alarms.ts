import { Duration } from 'aws-cdk-lib'
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2'
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns'
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import type { Construct } from 'constructs'
import { METRICS, QUEUE_METRICS } from '../functions/runtime/metric-names.ts'
import { checkQueueName } from '../lib/model/queue-name.ts'
import { METRIC_NAMESPACE } from './function.ts'
import type { Settings } from './settings.ts'

export const A_MINUTE = Duration.minutes(1)

const queueMetric = (name: string, { serviceName }: Settings, queue?: string): Metric =>
  new Metric({
    namespace: METRIC_NAMESPACE,
    metricName: name,
    dimensionsMap: { service: serviceName, ...(queue !== undefined && { queue }) },
    statistic: 'Maximum',
    period: A_MINUTE,
  })

/** A metric that all functions of the service write together. */
export const serviceMetric = (name: string, { serviceName }: Settings, statistic: string): Metric =>
  new Metric({
    namespace: METRIC_NAMESPACE,
    metricName: name,
    dimensionsMap: { service: serviceName },
    statistic,
    period: A_MINUTE,
  })

/** DynamoDB's count of throttled requests. The metrics that CDK provides are math expressions, and these alarms use none. */
export const throttleMetric = (table: Table, side: 'Read' | 'Write'): Metric =>
  new Metric({
    namespace: 'AWS/DynamoDB',
    metricName: `${side}ThrottleEvents`,
    dimensionsMap: { TableName: table.tableName },
    statistic: 'Sum',
    period: A_MINUTE,
  })

/** The topic that alarms are sent to; undefined where the settings name neither an address nor a topic. */
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
  /** Minutes in a row in which the threshold must be reached. @default 1 */
  readonly minutes?: number
  readonly description: string
}

export const addAlarm = (scope: Construct, id: string, plan: AlarmPlan, topic: ITopic | undefined): Alarm => {
  const alarm = new Alarm(scope, id, {
    metric: plan.metric,
    threshold: plan.threshold,
    evaluationPeriods: plan.minutes ?? 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    // Idle queues and functions write no data points.
    treatMissingData: TreatMissingData.NOT_BREACHING,
    alarmDescription: plan.description,
  })
  if (topic) alarm.addAlarmAction(new SnsAction(topic))
  return alarm
}

/** Adds alarms on the errors and throttles of one function. */
export const addFunctionAlarms = (
  scope: Construct,
  name: string,
  target: IFunction,
  topic: ITopic | undefined,
): void => {
  addAlarm(
    scope,
    `${name} errors`,
    {
      metric: target.metricErrors({ period: A_MINUTE }),
      threshold: 1,
      description: `The function ${name} failed: its log has the error.`,
    },
    topic,
  )
  addAlarm(
    scope,
    `${name} throttles`,
    {
      metric: target.metricThrottles({ period: A_MINUTE }),
      threshold: 1,
      description: `Lambda throttled the function ${name}: more runs at the same time than its concurrency allows.`,
    },
    topic,
  )
}

export interface AgeAlarm {
  readonly queue: string
  readonly seconds: number
  readonly settings: Settings
  readonly topic: ITopic | undefined
}

/** Adds an alarm for when the oldest ready message of a queue is older than `seconds`. */
export const addAgeAlarm = (scope: Construct, { queue, seconds, settings, topic }: AgeAlarm): Alarm => {
  checkQueueName(queue)
  if (!settings.monitor) throw new Error(`an alarm on the age of ${queue} needs the setting monitor: set it to true`)
  const plan = {
    metric: queueMetric(QUEUE_METRICS.oldest, settings, queue),
    threshold: seconds,
    description: `A message of ${queue} has been ready for ${seconds} s: its consumers are down or behind.`,
  }
  return addAlarm(scope, `age of ${queue}`, plan, topic)
}

/** The alarm goes off after this many minutes in a row with throttled requests: those of a shorter burst succeed at a retry. */
const THROTTLED_MINUTES = 5

export interface AlarmParts {
  readonly functions: Readonly<Record<string, IFunction>>
  readonly table: Table
  readonly api: HttpApi
  readonly settings: Settings
  readonly topic: ITopic | undefined
}

/** Each alarm watches one plain metric, without metric math, which every emulator of CloudWatch can evaluate. */
export const addAlarms = (scope: Construct, { functions, table, api, settings, topic }: AlarmParts): void => {
  const add = (id: string, plan: AlarmPlan) => addAlarm(scope, id, plan, topic)
  for (const [name, target] of Object.entries(functions)) addFunctionAlarms(scope, name, target, topic)
  add('rights missing', {
    metric: serviceMetric(METRICS.rightsMissing, settings, 'Sum'),
    threshold: 1,
    description: "AWS refused a request of a function whose role lacks a right: the function's log names the right.",
  })
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
