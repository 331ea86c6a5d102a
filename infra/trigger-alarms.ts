import { type Dashboard, GraphWidget, type IMetric, Metric } from 'aws-cdk-lib/aws-cloudwatch'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import type { Construct } from 'constructs'
import { METRICS } from '../functions/runtime/metric-names.ts'
import { A_MINUTE, type AlarmPlan, addAlarm, addFunctionAlarms, serviceMetric } from './alarms.ts'
import type { Settings } from './settings.ts'
import type { TriggerFunctions } from './trigger-functions.ts'

/** The alarm goes off after this many minutes in a row with failures: a message that failed once is delivered again. */
const FAILING_MINUTES = 5
/** Deliveries are late when the stream's oldest unread record has this age. */
const LATE_MS = 60_000

type Watched = Pick<TriggerFunctions, 'wake' | 'dispatch' | 'lost'>

const streamAge = ({ wake }: Watched): Metric => wake.metric('IteratorAge', { statistic: 'Maximum', period: A_MINUTE })

const lostRecords = ({ lost }: Watched): Metric =>
  new Metric({
    namespace: 'AWS/SNS',
    metricName: 'NumberOfMessagesPublished',
    dimensionsMap: { TopicName: lost.topicName },
    statistic: 'Sum',
    period: A_MINUTE,
  })

/** The alarms on what consumers do, by id. */
const consumerAlarms = (settings: Settings): Readonly<Record<string, AlarmPlan>> => {
  const count = (name: string) => serviceMetric(name, settings, 'Sum')
  return {
    'consumers failing': {
      metric: count(METRICS.triggerFunctionErrors),
      threshold: 1,
      minutes: FAILING_MINUTES,
      description:
        "Invocations of consumers fail as a whole, minute after minute: the dispatcher's log names the queues.",
    },
    'consumers throttled': {
      metric: count(METRICS.triggerThrottles),
      threshold: 1,
      minutes: FAILING_MINUTES,
      description: 'Lambda throttles a consumer: maxConcurrency is above what the account, or the function, allows.',
    },
    'consumers refused': {
      metric: count(METRICS.triggerRefusals),
      threshold: 1,
      description:
        "Lambda refuses to run a consumer: the dispatcher's log names it, and the right or function it lacks.",
    },
    'messages too large for a consumer': {
      metric: count(METRICS.triggerMessagesTooLarge),
      threshold: 1,
      description: 'A message is larger than an event may be: it went to the dead-letter queue, or stays without one.',
    },
  }
}

/** The alarms on the table's stream, by id. */
const streamAlarms = (watched: Watched): Readonly<Record<string, AlarmPlan>> => ({
  'stream late': {
    metric: streamAge(watched),
    threshold: LATE_MS,
    description: `Inserts wait for ${LATE_MS / 1_000} s and more in the table's stream: deliveries to consumers are late.`,
  },
  'stream records given up': {
    metric: lostRecords(watched),
    threshold: 1,
    description: 'Lambda gave up records of the stream after failures of the function wake: every trigger gets a run.',
  },
})

export const addTriggerAlarms = (
  scope: Construct,
  watched: Watched,
  { settings, topic }: { readonly settings: Settings; readonly topic: ITopic | undefined },
): void => {
  addFunctionAlarms(scope, 'wake', watched.wake, topic)
  addFunctionAlarms(scope, 'dispatch', watched.dispatch, topic)
  const alarms = { ...consumerAlarms(settings), ...streamAlarms(watched) }
  for (const [id, plan] of Object.entries(alarms)) addAlarm(scope, id, plan, topic)
}

const WIDTH = 8

export const addTriggerGraphs = (dashboard: Dashboard, watched: Watched, settings: Settings): void => {
  const graph = (title: string, left: IMetric[]) => new GraphWidget({ title, left, width: WIDTH })
  const count = (name: string) => serviceMetric(name, settings, 'Sum')
  dashboard.addWidgets(
    graph('Consumers: batches, failed batches, failed messages', [
      count(METRICS.triggerInvocations),
      count(METRICS.triggerFunctionErrors),
      count(METRICS.triggerFailedMessages),
    ]),
    graph('Consumers: throttled, refused, answers lost', [
      count(METRICS.triggerThrottles),
      count(METRICS.triggerRefusals),
      count(METRICS.triggerUnknownOutcomes),
    ]),
    graph('Stream: age, ms, and records given up', [streamAge(watched), lostRecords(watched)]),
  )
}
