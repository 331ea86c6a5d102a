import { Duration, Stack, Validations } from 'aws-cdk-lib'
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2'
import type { Alarm, Dashboard } from 'aws-cdk-lib/aws-cloudwatch'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets'
import { Grant, type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import { routes } from '../functions/http/routes.ts'
import { QUEUE_METRICS } from '../functions/runtime/metric-names.ts'
import { checkQueueName } from '../lib/model/queue-settings.ts'
import { addAlarm, addAlarms, alarmTopic, queueMetric } from './alarms.ts'
import { addDashboard } from './dashboard.ts'
import { DeclaredQueue, type DeclaredQueueProps } from './declared-queue.ts'
import { addFunction, type FunctionSurroundings } from './function.ts'
import { DECLARE_FUNCTION, FUNCTIONS, type FunctionName } from './functions.ts'
import { checkGrant, grantBrowse, grantConsume, grantManage, grantPublish, type PublishGrant } from './grants.ts'
import { addHttpApi, type RoutedFunction, routeArn } from './http-api.ts'
import { checkSettings, type Settings } from './settings.ts'
import { addTable, removalPolicy } from './table.ts'

/** Each of the settings, as `infra/settings.ts` describes them. */
export type QueueServiceProps = Partial<Settings>

/**
 * A message queue service: the table, the functions, the HTTP API with the SQS endpoint, alarms and a dashboard.
 *
 *     const holdfast = new QueueService(this, 'Holdfast', { memoryMb: 1024 })
 *     const failed = holdfast.addQueue('orders-failed')
 *     const orders = holdfast.addQueue('orders', { deadLetter: { queue: failed, maxReceives: 5 } })
 *     orders.grantPublish(shop)
 *     orders.grantConsume(warehouse)
 */
export class QueueService extends Construct {
  readonly settings: Settings
  readonly table: Table
  readonly functions: Readonly<Partial<Record<FunctionName, LambdaFunction>> & Record<RoutedFunction, LambdaFunction>>
  readonly api: HttpApi
  /** Holds the access keys of SQS clients; put in by the operator, never by the template. */
  readonly sqsKeys: CfnSecret | undefined
  readonly dashboard: Dashboard | undefined
  readonly #alarmTopic: ITopic | undefined
  readonly #declared = new Map<string, DeclaredQueueProps>()
  #declareFunction: LambdaFunction | undefined

  /** @throws Error that names each setting at fault */
  constructor(scope: Construct, id: string, props: QueueServiceProps = {}) {
    super(scope, id)
    this.settings = checkSettings(props)
    const { settings } = this
    this.table = addTable(this, settings)
    this.sqsKeys = settings.sqs ? addSqsKeys(this, settings) : undefined
    this.functions = this.#addFunctions()
    this.api = addHttpApi(this, { functions: this.functions, sqs: this.functions.sqs, settings })
    const parts = { functions: this.functions, table: this.table, api: this.api, settings }
    this.#alarmTopic = settings.alarms ? alarmTopic(this, settings) : undefined
    if (settings.alarms) addAlarms(this, { ...parts, topic: this.#alarmTopic })
    this.dashboard = settings.dashboard ? addDashboard(this, parts) : undefined
  }

  #addFunctions(): QueueService['functions'] {
    const { settings, table } = this
    const build = (name: FunctionName, more: Partial<FunctionSurroundings> = {}): LambdaFunction =>
      addFunction(this, pascal(name), FUNCTIONS[name], {
        table,
        settings,
        reservedConcurrency: settings.reservedConcurrency[name],
        ...more,
      })
    const redriveRun = build('redriveRun')
    everyMinute(this, 'ContinueRedrives', redriveRun, CONTINUE_REDRIVES)
    // Whoever starts a redrive wakes the function that moves its messages, instead of waiting for its minute.
    const startsRedrives: Partial<FunctionSurroundings> = {
      environment: { HOLDFAST_REDRIVE_FUNCTION: redriveRun.functionName },
      statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [redriveRun.functionArn] })],
    }
    const monitor = settings.monitor ? build('monitor') : undefined
    if (monitor) everyMinute(this, 'Measure', monitor)
    return {
      publish: build('publish'),
      poll: build('poll'),
      ack: build('ack'),
      queues: build('queues', { environment: this.#moveRules() }),
      messages: build('messages'),
      redrive: build('redrive', {
        ...startsRedrives,
        environment: { ...startsRedrives.environment, ...this.#moveRules() },
      }),
      redriveRun,
      ...(this.sqsKeys && { sqs: build('sqs', sqsSurroundings(this.sqsKeys, startsRedrives)) }),
      ...(monitor && { monitor }),
    }
  }

  /** What functions need to know that act on a queue that is named in a body. */
  #moveRules(): Readonly<Record<string, string>> {
    const { authorization, redriveWithoutPolicy = authorization === 'iam' ? 'denyAll' : 'allowAll' } = this.settings
    return { HOLDFAST_ACCOUNT: Stack.of(this).account, HOLDFAST_REDRIVE_WITHOUT_POLICY: redriveWithoutPolicy }
  }

  /** Address of the native HTTP API, without a slash at its end. */
  get url(): string {
    return this.api.apiEndpoint
  }

  /** What SQS clients take as their endpoint; `undefined` when the setting `sqs` is off. */
  get sqsEndpoint(): string | undefined {
    return this.functions.sqs && `${this.url}/`
  }

  /** A queue that the deployment creates or, where it exists, takes over and changes to these settings. */
  addQueue(name: string, props: DeclaredQueueProps = {}): DeclaredQueue {
    this.#declareFunction ??= addFunction(this, 'Declare', DECLARE_FUNCTION, this)
    const queue = new DeclaredQueue(this, name, this.#declareFunction, props)
    this.#declared.set(name, props)
    return queue
  }

  /** Lets a role publish to a queue, declared or not, with the library, on the table itself. */
  grantPublish(queue: string, grantee: IGrantable, options: PublishGrant = {}): Grant {
    const pendingIds = this.#declared.get(queue)?.settings?.deduplicationMode === 'pending'
    return grantPublish(this.table, queue, grantee, { pendingIds, ...options })
  }

  /**
   * Lets a role poll a queue, and ack, extend and nack what it polled, with the library, on the table itself.
   *
   * @param deadLetterQueue must be named for a queue that has one and was not declared with `addQueue`
   */
  grantConsume(
    queue: string,
    grantee: IGrantable,
    deadLetterQueue = this.#declared.get(queue)?.deadLetter?.queue.queueName,
  ): Grant {
    return grantConsume(this.table, { queue, deadLetterQueue }, grantee)
  }

  /** Lets a role look at a queue's settings and messages, and count these, with the library; it changes nothing. */
  grantBrowse(queue: string, grantee: IGrantable): Grant {
    return grantBrowse(this.table, queue, grantee)
  }

  /** Lets a role browse a queue, cancel and reschedule its messages, change its settings and purge it, with the library. */
  grantManage(queue: string, grantee: IGrantable): Grant {
    return grantManage(this.table, queue, grantee)
  }

  /** Lets a role call a queue's routes of the HTTP API: those that the named functions answer. */
  grantInvoke(queue: string, grantee: IGrantable, ...functions: RoutedFunction[]): Grant {
    checkGrant(grantee, queue)
    if (functions.length === 0) throw new Error(`the grant on queue ${queue} must name a function, such as 'publish'`)
    const granted = routes.filter((route) => functions.includes(route.function) && route.path.includes('{queue}'))
    return Grant.addToPrincipal({
      grantee,
      actions: ['execute-api:Invoke'],
      resourceArns: granted.map(({ method, path }) => routeArn(this.api, method, path, queue)),
    })
  }

  /** Goes off when a queue's oldest ready message is older. Needs the setting `monitor`. */
  alarmOnAge(queue: string, seconds: number): Alarm {
    checkQueueName(queue)
    if (!this.settings.monitor) throw new Error(`an alarm on the age of ${queue} needs the setting monitor`)
    const plan = {
      metric: queueMetric(QUEUE_METRICS.oldest, this.settings, queue),
      threshold: seconds,
      description: `A message of ${queue} has been ready for ${seconds} s: its consumers are down or behind.`,
    }
    return addAlarm(this, `age of ${queue}`, plan, this.#alarmTopic)
  }
}

/** The event at which `functions/redrive.ts` goes on with every redrive that is under way. */
const CONTINUE_REDRIVES = { holdfast: 'continue-redrives' }

const everyMinute = (scope: Construct, id: string, target: LambdaFunction, event?: object): void => {
  new Rule(scope, id, {
    schedule: Schedule.rate(Duration.minutes(1)),
    // The next minute's event does what a lost one would have done.
    targets: [
      new LambdaTarget(target, { retryAttempts: 0, ...(event && { event: RuleTargetInput.fromObject(event) }) }),
    ],
  })
}

/**
 * The secret without a value: a value in the template would be written over the operator's keys whenever the template
 * changed. Until keys are put in, every SQS request is refused.
 */
const addSqsKeys = (scope: Construct, settings: Settings): CfnSecret => {
  const secret = new CfnSecret(scope, 'SqsKeys', { description: 'Holdfast: access keys of SQS clients' })
  secret.applyRemovalPolicy(removalPolicy(settings))
  Validations.of(secret).acknowledge({
    id: 'AwsSolutions-SMG4',
    reason:
      'The keys are issued and revoked by the operator, who also hands them to clients; none could be rotated unseen.',
  })
  return secret
}

const sqsSurroundings = (keys: CfnSecret, { environment, statements = [] }: Partial<FunctionSurroundings>) => ({
  environment: { ...environment, HOLDFAST_SQS_KEYS_SECRET: keys.attrId, HOLDFAST_ACCOUNT: Stack.of(keys).account },
  statements: [
    ...statements,
    new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [keys.attrId] }),
  ],
})

const pascal = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1)
