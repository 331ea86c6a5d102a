import { Annotations, App, Duration, Stack } from 'aws-cdk-lib'
import { Match, Annotations as StackAnnotations, Template } from 'aws-cdk-lib/assertions'
import {
  Alias,
  type FunctionProps,
  type IFunction,
  type IVersion,
  Function as LambdaFunction,
} from 'aws-cdk-lib/aws-lambda'
import { AwsSolutionsChecks } from 'cdk-nag'
import { describe, expect, test } from 'vitest'
import cdk from '../../cdk.json' with { type: 'json' }
import type { ConsumerProps, QueueConsumer } from '../../infra/consumer.ts'
import type { DeclaredQueue } from '../../infra/declared-queue.ts'
import { HoldfastEventSource } from '../../infra/event-source.ts'
import { QueueService, type QueueServiceProps } from '../../infra/queue-service.ts'
import { streamPatterns } from '../../infra/stream-filter.ts'
import { someFunction, type TemplateView, UNBUNDLED, viewOf } from '../support/template.ts'

const functionIn = (stack: Stack, id = 'Warehouse', props: Partial<FunctionProps> = {}) =>
  someFunction(stack, id, props)

interface Scene {
  readonly app: App
  readonly stack: Stack
  readonly service: QueueService
  readonly orders: DeclaredQueue
}

const scene = (props: QueueServiceProps = {}, env = {}): Scene => {
  const app = new App({ context: { ...cdk.context, ...UNBUNDLED }, builtinCloudFormationValidation: false })
  const stack = new Stack(app, 'Test', env)
  const service = new QueueService(stack, 'Service', props)
  return { app, stack, service, orders: service.addQueue('orders', { settings: { visibilityTimeoutSeconds: 900 } }) }
}

const view = ({ stack }: Pick<Scene, 'stack'>): TemplateView => viewOf(Template.fromStack(stack))
const warnings = ({ stack }: Pick<Scene, 'stack'>): string[] =>
  StackAnnotations.fromStack(stack)
    .findWarning('*', Match.anyValue())
    .map(({ entry }) => String(entry.data))
const settingsOf = ({ one }: TemplateView) => JSON.parse(one('Custom::HoldfastTrigger').settings)
const fnArn = { 'Fn::GetAtt': [expect.stringMatching(/^Warehouse/), 'Arn'] }

describe('a consumer', () => {
  test('is declared by the function that declares queues, after its queue, its right and the mapping of the stream', () => {
    const at = scene()
    at.orders.addConsumer(functionIn(at.stack, 'Warehouse', { timeout: Duration.minutes(2) }), {
      batchSize: 50,
      batchingWindowSeconds: 5,
      maxConcurrency: 1,
      enabled: false,
      reportBatchItemFailures: false,
    })
    const { one, template, ofType } = view(at)
    expect(one('Custom::HoldfastTrigger')).toEqual({
      ServiceToken: { 'Fn::GetAtt': [expect.stringMatching(/^ServiceDeclareFunction/), 'Arn'] },
      queue: 'orders',
      functionName: fnArn,
      settings: JSON.stringify({
        batchSize: 50,
        batchingWindowSeconds: 5,
        maxConcurrency: 1,
        enabled: false,
        reportBatchItemFailures: false,
        functionTimeoutSeconds: 120,
      }),
    })
    const [trigger] = Object.values(template.findResources('Custom::HoldfastTrigger'))
    const needed = ['Custom::HoldfastQueue', 'AWS::IAM::Policy', 'AWS::Lambda::EventSourceMapping']
    expect(trigger?.DependsOn).toEqual(expect.arrayContaining(needed.map((type) => ofType(type)[0]?.[0])))
  })

  test('is an event source as well, with the defaults of the engine', () => {
    const at = scene()
    functionIn(at.stack).addEventSource(new HoldfastEventSource(at.orders))
    expect(settingsOf(view(at))).toEqual({
      batchSize: 10,
      batchingWindowSeconds: 0,
      maxConcurrency: 10,
      enabled: true,
      reportBatchItemFailures: true,
      // What Lambda gives a function without a timeout of its own.
      functionTimeoutSeconds: 3,
    })
  })

  test('gets what its filter lets through, and moves the rest to a queue that is declared before', () => {
    const at = scene()
    const small = at.service.addQueue('small-orders')
    const filter = { body: { total: [{ numeric: ['>', 100] }] } }
    at.orders.addConsumer(functionIn(at.stack), { filter, unmatched: { queue: small } })
    expect(settingsOf(view(at))).toMatchObject({
      filter: ['{"body":{"total":[{"numeric":[">",100]}]}}'],
      unmatched: { queue: 'small-orders' },
    })
    const queues = view(at).ofType('Custom::HoldfastQueue')
    const [trigger] = Object.values(view(at).template.findResources('Custom::HoldfastTrigger'))
    expect(trigger?.DependsOn).toEqual(expect.arrayContaining(queues.map(([id]) => id)))
  })

  test('is one at most for each queue', () => {
    const { stack, orders } = scene()
    orders.addConsumer(functionIn(stack))
    expect(() => orders.addConsumer(functionIn(stack, 'Second'))).toThrow(
      'queue orders has a consumer, Test/Warehouse: a queue has at most one',
    )
  })

  test('may be a version or an alias, which alone is invoked, with the timeout of its function', () => {
    const at = scene()
    const { currentVersion: version } = functionIn(at.stack, 'Warehouse', { timeout: Duration.seconds(40) })
    const live = new Alias(at.stack, 'Live', { aliasName: 'live', version: version as IVersion })
    at.orders.addConsumer(live as IFunction)
    const shown = view(at)
    const [[aliasId] = ['']] = shown.ofType('AWS::Lambda::Alias')
    expect(shown.one('Custom::HoldfastTrigger').functionName).toEqual({ Ref: aliasId })
    expect(settingsOf(shown).functionTimeoutSeconds).toBe(40)
    expect(shown.one('AWS::IAM::Policy').PolicyDocument.Statement[0].Resource).toContainEqual({ Ref: aliasId })
  })

  test('in another stack is declared there, so that the stacks need each other one way', () => {
    const at = scene()
    const other = new Stack(at.app, 'Shop')
    const fn = functionIn(other)
    at.orders.grantPublish(fn)
    at.orders.addConsumer(fn)
    expect(view(at).ofType('Custom::HoldfastTrigger')).toEqual([])
    const shop = view({ stack: other })
    expect(shop.one('Custom::HoldfastTrigger')).toMatchObject({ queue: 'orders', functionName: fnArn })
    const invoking = shop
      .ofType('AWS::IAM::Policy')
      .filter(([, { PolicyDocument }]) => PolicyDocument.Statement[0].Action === 'lambda:InvokeFunction')
    expect(invoking.map(([, { PolicyDocument, Roles }]) => [PolicyDocument.Statement[0].Resource, Roles])).toEqual([
      [fnArn, [{ 'Fn::ImportValue': expect.stringContaining('DispatchRole') }]],
    ])
    expect(() => at.app.synth()).not.toThrow()
  })
})

describe('a consumer with a setting out of range', () => {
  const refusal = (props: ConsumerProps, queue = 'orders', timeoutSeconds = 3): string => {
    const { stack, service } = scene()
    const fn = functionIn(stack, 'Warehouse', { timeout: Duration.seconds(timeoutSeconds) })
    try {
      service.addQueue(`new-${queue}`).addConsumer(fn, props)
    } catch (error) {
      return (error as Error).message
    }
    return 'taken'
  }

  test.each<[ConsumerProps, string, string]>([
    [{ batchSize: 0 }, 'orders', 'Maximum batch size must be between 1 and 100 inclusive (given 0)'],
    [{ batchSize: 101 }, 'orders', 'Maximum batch size must be between 1 and 100 inclusive (given 101)'],
    [{ batchSize: 2.5 }, 'orders', 'Maximum batch size must be between 1 and 100 inclusive (given 2.5)'],
    [{ batchSize: 11 }, 'orders.fifo', 'Maximum batch size must be between 1 and 10 inclusive (given 11)'],
    [{ batchingWindowSeconds: 21 }, 'orders', 'Maximum batching window must be 20 seconds or less (given 21 seconds)'],
    [{ batchingWindowSeconds: 1 }, 'orders.fifo', 'Batching window is not supported for FIFO queues'],
    [{ maxConcurrency: 0 }, 'orders', 'maxConcurrency must be between 1 and 1000 concurrent instances (given 0)'],
    [{ maxConcurrency: 1001 }, 'orders', 'maxConcurrency must be between 1 and 1000 concurrent instances (given 1001)'],
  ])('%j on %s is refused in the words of SQS’s event source', (props, queue, reason) => {
    expect(refusal(props, queue)).toBe(`The consumer Test/Warehouse of queue new-${queue}:\n  ${reason}`)
  })

  test('is refused for every reason at once, and for a function that runs too long', () => {
    expect(refusal({ batchSize: 0, maxConcurrency: 0 }, 'orders', 721).split('\n  ')).toEqual([
      'The consumer Test/Warehouse of queue new-orders:',
      expect.stringContaining('batch size'),
      expect.stringContaining('maxConcurrency'),
      "The function's timeout must be 720 seconds or less (given 721 seconds): the dispatcher, which waits for it, lives for 900",
    ])
    expect(refusal({ batchSize: 100, batchingWindowSeconds: 20, maxConcurrency: 1000 }, 'orders', 720)).toBe('taken')
  })

  test('is refused by the engine’s own check for what SQS has no words for', () => {
    expect(refusal({ enabled: 'yes' as never })).toContain('enabled must be true or false')
    expect(refusal({ filter: { body: { kind: ['order'] } } })).toContain('unmatched must be given')
    expect(refusal({ filter: { boddy: ['order'] }, unmatched: 'delete' })).toContain('boddy')
  })
})

describe('an imported function', () => {
  const ARN = 'arn:aws:lambda:eu-west-1:111122223333:function:warehouse'
  const imported = (at: Scene, arn = ARN): IFunction => LambdaFunction.fromFunctionArn(at.stack, 'Imported', arn)
  const HOME = { env: { account: '111122223333', region: 'eu-west-1' } }

  test('needs functionTimeoutSeconds, because the app does not have the timeout', () => {
    const at = scene({}, HOME)
    expect(() => at.orders.addConsumer(imported(at))).toThrow(
      'The timeout of the function is not known here: give it as functionTimeoutSeconds',
    )
    at.orders.addConsumer(LambdaFunction.fromFunctionName(at.stack, 'Named', 'named'), { functionTimeoutSeconds: 60 })
    expect(settingsOf(view(at)).functionTimeoutSeconds).toBe(60)
    expect(warnings(at)).toEqual([])
  })

  test('of the same account may be invoked by the right of the dispatcher alone', () => {
    const at = scene({}, HOME)
    at.orders.addConsumer(imported(at), { functionTimeoutSeconds: 60 })
    expect(view(at).one('AWS::IAM::Policy').PolicyDocument.Statement[0].Resource).toContain(ARN)
    expect(warnings(at)).toEqual([])
  })

  test.each([
    ['of another account', ARN.replace('111122223333', '444455556666'), HOME],
    ['of what may be another account', ARN, {}],
  ])('%s gets a warning that names it and the right, and that can be acknowledged', (_, arn, env) => {
    const at = scene({}, env)
    const consumer = at.orders.addConsumer(imported(at, arn), { functionTimeoutSeconds: 60 })
    expect(warnings(at)).toEqual([
      expect.stringMatching(
        /^Function Test\/Imported was imported and may be of another account.*lambda:InvokeFunction/,
      ),
    ])
    acknowledge(consumer, 'holdfast:consumerOfAnotherAccount')
    expect(warnings(at)).toEqual([])
  })

  test('of another region is refused: the dispatcher could not reach it', () => {
    const at = scene({}, HOME)
    const fn = imported(at, ARN.replace('eu-west-1', 'us-east-1'))
    expect(() => at.orders.addConsumer(fn, { functionTimeoutSeconds: 60 })).toThrow(
      'The function must be in the region of the queue, eu-west-1, and is in us-east-1',
    )
  })
})

const acknowledge = (consumer: QueueConsumer, id: string) => Annotations.of(consumer).acknowledgeWarning(id)

describe('a lease that is shorter than the function’s timeout', () => {
  const shortLease = (at: Scene) =>
    at.service
      .addQueue('bills', { settings: { visibilityTimeoutSeconds: 59 } })
      .addConsumer(functionIn(at.stack, 'Warehouse', { timeout: Duration.seconds(60) }))

  test('is warned of, and can be acknowledged', () => {
    const at = scene()
    const consumer = shortLease(at)
    expect(warnings(at)).toEqual([
      expect.stringMatching(/^Queue bills leases messages for 59 s .* Test\/Warehouse may run for 60 s\./),
    ])
    acknowledge(consumer, 'holdfast:leaseShorterThanFunction')
    expect(warnings(at)).toEqual([])
  })

  test('is not warned of where it is as long', () => {
    const at = scene()
    at.orders.addConsumer(functionIn(at.stack, 'Warehouse', { timeout: Duration.seconds(720) }))
    expect(warnings(at)).toEqual([])
  })
})

describe('what delivers', () => {
  const ofTwo = (props: QueueServiceProps = {}) => {
    const at = scene(props)
    at.orders.addConsumer(functionIn(at.stack))
    at.service.addQueue('steps.fifo').addConsumer(functionIn(at.stack, 'Steps'))
    return view(at)
  }
  const functionNames = ({ ofType }: TemplateView) =>
    ofType('AWS::Lambda::Function').flatMap(([id]) => /^Service(Wake|Dispatch)Function/.exec(id)?.[1] ?? [])

  test('is part of a deployment only where a queue has a consumer, and once', () => {
    const none = view(scene())
    expect(functionNames(none)).toEqual([])
    expect(none.ofType('AWS::Lambda::EventSourceMapping')).toEqual([])
    const two = ofTwo()
    expect(functionNames(two).sort()).toEqual(['Dispatch', 'Wake'])
    expect(two.ofType('Custom::HoldfastTrigger')).toHaveLength(2)
    expect(two.ofType('AWS::SNS::Topic')).toHaveLength(1)
  })

  test('reads the table’s stream by one mapping, which gives records up early and sends a notice', () => {
    const { one, ofType } = ofTwo()
    const [[topic] = ['']] = ofType('AWS::SNS::Topic')
    const [[table] = ['']] = ofType('AWS::DynamoDB::Table')
    expect(one('AWS::Lambda::EventSourceMapping')).toEqual({
      FunctionName: { Ref: expect.stringMatching(/^ServiceWakeFunction/) },
      EventSourceArn: { 'Fn::GetAtt': [table, 'StreamArn'] },
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: 1_000,
      MaximumBatchingWindowInSeconds: 0,
      MaximumRetryAttempts: 3,
      MaximumRecordAgeInSeconds: 300,
      BisectBatchOnFunctionError: true,
      DestinationConfig: { OnFailure: { Destination: { Ref: topic } } },
      FilterCriteria: { Filters: [{ Pattern: expect.any(String) }] },
    })
    expect(JSON.parse(one('AWS::Lambda::EventSourceMapping').FilterCriteria.Filters[0].Pattern)).toEqual({
      eventName: ['INSERT'],
      dynamodb: { Keys: { pk: { S: [{ prefix: 's#orders#' }, { prefix: 's#steps.fifo#' }] } } },
    })
    expect(one('AWS::SNS::Subscription')).toMatchObject({
      Protocol: 'lambda',
      Endpoint: { 'Fn::GetAtt': [expect.stringMatching(/^ServiceWakeFunction/), 'Arn'] },
    })
  })

  test('has a stream with keys alone where the settings want none', () => {
    const { one } = ofTwo({ stream: false })
    expect(one('AWS::DynamoDB::Table').StreamSpecification).toEqual({ StreamViewType: 'KEYS_ONLY' })
    expect(ofTwo().one('AWS::DynamoDB::Table').StreamSpecification).toEqual({ StreamViewType: 'NEW_AND_OLD_IMAGES' })
  })

  test('starts each run once at most, by schedule too, and lets a run start the next', () => {
    const { ofType } = ofTwo({ dispatcherMemoryMb: 256, reservedConcurrency: { dispatch: 20 } })
    const dispatch = ofType('AWS::Lambda::Function').find(([id]) => /^ServiceDispatch/.test(id))?.[1]
    expect(dispatch).toMatchObject({
      MemorySize: 256,
      Timeout: 900,
      RecursiveLoop: 'Allow',
      ReservedConcurrentExecutions: 20,
    })
    const invoked = ofType('AWS::Lambda::EventInvokeConfig').filter(([id]) => /^ServiceDispatch/.test(id))
    expect(invoked.map(([, config]) => config)).toEqual([
      {
        FunctionName: { Ref: expect.stringMatching(/^ServiceDispatchFunction/) },
        Qualifier: '$LATEST',
        MaximumRetryAttempts: 0,
        MaximumEventAgeInSeconds: 60,
      },
    ])
    const ticks = ofType('AWS::Events::Rule').filter(([id]) => /^ServiceTick/.test(id))
    expect(ticks.map(([, { ScheduleExpression, Targets }]) => [ScheduleExpression, Targets[0].Input])).toEqual([
      ['rate(1 minute)', '{"holdfast":"tick-triggers"}'],
    ])
  })

  test('passes AwsSolutions and the validator of CloudFormation', () => {
    const app = new App({ context: { ...cdk.context, ...UNBUNDLED } })
    const stack = new Stack(app, 'Test')
    const service = new QueueService(stack, 'Service')
    service.addQueue('orders').addConsumer(functionIn(stack))
    const ours = new AwsSolutionsChecks(app)
      .validateScope(app)
      .violations.flatMap(({ ruleName, violatingResources }) =>
        violatingResources.map(({ constructPath = '' }) => `${ruleName} ${constructPath}`),
      )
      // The consumer's role is the user's, and has the managed policy that CDK gives it.
      .filter((finding) => !finding.includes('Test/Warehouse'))
    expect(ours).toEqual([])
    expect(() => Template.fromStack(stack)).not.toThrow()
  })
})

describe('the patterns of the stream', () => {
  const named = (count: number, length = 80) =>
    Array.from({ length: count }, (_, index) => `${index}`.padStart(length, 'q'))

  test('fill up to five of 4,096 characters, and name every queue', () => {
    const queues = named(195)
    const patterns = streamPatterns(queues)
    expect(patterns).toHaveLength(5)
    for (const pattern of patterns) expect(pattern.length).toBeLessThanOrEqual(4_096)
    const prefixes = patterns.flatMap((pattern) => JSON.parse(pattern).dynamodb.Keys.pk.S)
    expect(prefixes).toEqual(queues.map((queue) => ({ prefix: `s#${queue}#` })))
  })

  test('are one for all segments where the queues do not fit', () => {
    expect(streamPatterns(named(250)).map((pattern) => JSON.parse(pattern))).toEqual([
      { eventName: ['INSERT'], dynamodb: { Keys: { pk: { S: [{ prefix: 's#' }] } } } },
    ])
  })
})
