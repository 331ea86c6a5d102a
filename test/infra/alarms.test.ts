import { describe, expect, test } from 'vitest'
import { METRICS, QUEUE_METRICS } from '../../functions/runtime/metric-names.ts'
import { FUNCTION_NAMES } from '../../infra/functions.ts'
import { functionOf, serviceTemplate, someFunction } from '../support/template.ts'

const alarmsOf = ({ ofType }: ReturnType<typeof serviceTemplate>) =>
  ofType('AWS::CloudWatch::Alarm').map(([, alarm]) => alarm)

describe('alarms', () => {
  const alarms = alarmsOf(serviceTemplate())

  test('watch errors and throttles of each function', () => {
    for (const metric of ['Errors', 'Throttles']) {
      const watched = alarms
        .filter(({ Namespace, MetricName }) => Namespace === 'AWS/Lambda' && MetricName === metric)
        .map(({ Dimensions }) => functionOf(Dimensions[0].Value.Ref))
      expect(watched.sort()).toEqual([...FUNCTION_NAMES].sort())
    }
  })

  test('watch the function that declares queues, where there is one', () => {
    const declaring = alarmsOf(serviceTemplate({}, (service) => service.addQueue('orders'))).filter(
      ({ Dimensions }) => functionOf(Dimensions?.[0]?.Value.Ref ?? '') === 'declare',
    )
    expect(declaring.map(({ MetricName, Threshold }) => [MetricName, Threshold])).toEqual([
      ['Errors', 1],
      ['Throttles', 1],
    ])
    const quiet = serviceTemplate({ alarms: false }, (service) => service.addQueue('orders'))
    expect(alarmsOf(quiet)).toEqual([])
  })

  test('watch what delivers to consumers, where a queue has one', () => {
    const consuming = serviceTemplate({}, (service, stack) =>
      service.addQueue('orders').addConsumer(someFunction(stack, 'Consumer')),
    )
    const added = alarmsOf(consuming).slice(alarms.length + 2)
    expect(
      added.map(({ Namespace, MetricName, Statistic, Threshold, EvaluationPeriods, Dimensions }) => [
        Namespace,
        MetricName,
        Statistic,
        Threshold,
        EvaluationPeriods,
        Dimensions[0].Value.Ref ? functionOf(Dimensions[0].Value.Ref) : Dimensions[0].Name,
      ]),
    ).toEqual([
      ['AWS/Lambda', 'Errors', 'Sum', 1, 1, 'wake'],
      ['AWS/Lambda', 'Throttles', 'Sum', 1, 1, 'wake'],
      ['AWS/Lambda', 'Errors', 'Sum', 1, 1, 'dispatch'],
      ['AWS/Lambda', 'Throttles', 'Sum', 1, 1, 'dispatch'],
      ['Holdfast', METRICS.triggerFunctionErrors, 'Sum', 1, 5, 'service'],
      ['Holdfast', METRICS.triggerThrottles, 'Sum', 1, 5, 'service'],
      ['Holdfast', METRICS.triggerRefusals, 'Sum', 1, 1, 'service'],
      ['Holdfast', METRICS.triggerMessagesTooLarge, 'Sum', 1, 1, 'service'],
      ['AWS/Lambda', 'IteratorAge', 'Maximum', 60_000, 1, 'wake'],
      ['AWS/SNS', 'NumberOfMessagesPublished', 'Sum', 1, 1, 'TopicName'],
    ])
    for (const alarm of added) expect(alarm).toMatchObject({ Period: 60, TreatMissingData: 'notBreaching' })
    const body = JSON.stringify(consuming.one('AWS::CloudWatch::Dashboard'))
    for (const metric of [METRICS.triggerInvocations, METRICS.triggerUnknownOutcomes, 'IteratorAge']) {
      expect(body).toContain(metric)
    }
    const bare = serviceTemplate({ alarms: false, dashboard: false }, (service, stack) =>
      service.addQueue('orders').addConsumer(someFunction(stack, 'Consumer')),
    )
    expect(bare.ofType('AWS::CloudWatch::Alarm')).toEqual([])
    expect(bare.ofType('AWS::CloudWatch::Dashboard')).toEqual([])
  })

  test('watch rights that functions lack, the API, the table and the age of the oldest message', () => {
    const others = alarms
      .filter(({ Namespace }) => Namespace !== 'AWS/Lambda')
      .map(({ Namespace, MetricName, Statistic, Threshold, EvaluationPeriods }) => [
        Namespace,
        MetricName,
        Statistic,
        Threshold,
        EvaluationPeriods,
      ])
    expect(others).toEqual([
      ['Holdfast', METRICS.rightsMissing, 'Sum', 1, 1],
      ['AWS/ApiGateway', '5xx', 'Sum', 1, 1],
      ['AWS/DynamoDB', 'ReadThrottleEvents', 'Sum', 1, 5],
      ['AWS/DynamoDB', 'WriteThrottleEvents', 'Sum', 1, 5],
      ['Holdfast', QUEUE_METRICS.oldest, 'Maximum', 900, 1],
    ])
  })

  test('are each on one plain metric by the minute, and quiet while nothing happens', () => {
    for (const alarm of alarms) {
      expect(alarm).toMatchObject({ Period: 60, TreatMissingData: 'notBreaching' })
      expect(alarm).not.toHaveProperty('Metrics')
    }
  })

  test('measure with the name and the service under which the functions write', () => {
    const [age] = alarmsOf(serviceTemplate({ serviceName: 'shop', oldestMessageAgeSeconds: 60 })).slice(-1)
    expect(age).toMatchObject({ Threshold: 60, Dimensions: [{ Name: 'service', Value: 'shop' }] })
  })

  test('are sent to an address, to a given topic, or nowhere', () => {
    const mailed = serviceTemplate({ alarmEmail: 'on-call@example.com' })
    expect(mailed.one('AWS::SNS::Subscription')).toMatchObject({ Protocol: 'email', Endpoint: 'on-call@example.com' })
    const [[topic] = ['']] = mailed.ofType('AWS::SNS::Topic')
    for (const alarm of alarmsOf(mailed)) expect(alarm.AlarmActions).toEqual([{ Ref: topic }])

    const arn = 'arn:aws:sns:eu-west-1:111122223333:pager'
    for (const alarm of alarmsOf(serviceTemplate({ alarmTopicArn: arn }))) expect(alarm.AlarmActions).toEqual([arn])
    for (const alarm of alarms) expect(alarm).not.toHaveProperty('AlarmActions')
  })

  test('are left out with the setting, as are the dashboard and the monitor', () => {
    const bare = serviceTemplate({ alarms: false, dashboard: false, monitor: false })
    expect(bare.ofType('AWS::CloudWatch::Alarm')).toEqual([])
    expect(bare.ofType('AWS::CloudWatch::Dashboard')).toEqual([])
    expect(bare.ofType('AWS::Lambda::Function').map(([id]) => functionOf(id))).not.toContain('monitor')
    expect(bare.ofType('AWS::Events::Rule')).toHaveLength(1)
  })

  test('on the age of a message need the monitor', () => {
    expect(alarmsOf(serviceTemplate({ monitor: false })).map(({ MetricName }) => MetricName)).not.toContain(
      QUEUE_METRICS.oldest,
    )
    expect(() => serviceTemplate({ monitor: false }, (service) => service.alarmOnAge('orders', 60))).toThrow(
      'an alarm on the age of orders needs the setting monitor',
    )
  })

  test('can watch one queue', () => {
    const { template } = serviceTemplate({}, (service) => service.addQueue('orders').alarmOnAge(60))
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      Threshold: 60,
      Dimensions: [
        { Name: 'queue', Value: 'orders' },
        { Name: 'service', Value: 'holdfast' },
      ],
    })
  })
})

describe('the dashboard', () => {
  test('finds every queue that is measured, declared or not', () => {
    const body = JSON.stringify(serviceTemplate({ serviceName: 'shop' }).one('AWS::CloudWatch::Dashboard'))
    for (const metric of [QUEUE_METRICS.oldest, QUEUE_METRICS.ready, QUEUE_METRICS.leased]) {
      expect(body).toContain(`MetricName=\\\\\\"${metric}`)
    }
    expect(body).toContain('{Holdfast,queue,service}')
  })
})
