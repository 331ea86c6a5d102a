import type { HttpApi, HttpStage } from 'aws-cdk-lib/aws-apigatewayv2'
import type { Alarm, Dashboard } from 'aws-cdk-lib/aws-cloudwatch'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import type { Grant, IGrantable } from 'aws-cdk-lib/aws-iam'
import type { IFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import type { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import { addAgeAlarm, addAlarms, addFunctionAlarms, alarmTopic } from './alarms.ts'
import { type ConsumedQueue, type ConsumerProps, QueueConsumer } from './consumer.ts'
import { addDashboard } from './dashboard.ts'
import { DeclaredQueue, type DeclaredQueueProps } from './declared-queue.ts'
import { addFunction } from './function.ts'
import { DECLARE_FUNCTION } from './functions.ts'
import { grantBrowse, grantConsume, grantManage, grantPublish, grantReadResults, type PublishGrant } from './grants.ts'
import { addHttpApi, grantRoutes, type RoutedFunction } from './http-api.ts'
import { addServiceFunctions, type ServiceFunctions } from './service-functions.ts'
import { checkSettings, type Settings } from './settings.ts'
import { addSqsKeys } from './sqs-keys.ts'
import { addTable } from './table.ts'
import { addTriggerAlarms, addTriggerGraphs } from './trigger-alarms.ts'
import { addTriggerFunctions, type TriggerFunctions } from './trigger-functions.ts'

/** The settings that `infra/settings.ts` describes, all optional. */
export type QueueServiceProps = Partial<Settings>

/**
 * A message queue service: the table, the functions, the HTTP API with the SQS endpoint, alarms and a dashboard.
 *
 *     const holdfast = new QueueService(this, 'Holdfast', { memoryMb: 1024 })
 *     const failed = holdfast.addQueue('orders-failed')
 *     const orders = holdfast.addQueue('orders', { deadLetter: { queue: failed, maxReceives: 5 } })
 *     orders.grantPublish(shop)
 *     orders.grantConsume(warehouse)
 *     failed.addConsumer(inspector)
 */
export class QueueService extends Construct {
  readonly settings: Settings
  readonly table: Table
  readonly functions: ServiceFunctions
  readonly api: HttpApi
  /** The API's only stage; for an API mapping of your own domain. */
  readonly stage: HttpStage
  /** The secret with the access keys of SQS clients. The operator puts the keys in; the template never has them. */
  readonly sqsKeys: CfnSecret | undefined
  readonly dashboard: Dashboard | undefined
  readonly #alarmTopic: ITopic | undefined
  readonly #declared = new Map<string, DeclaredQueueProps>()
  #declareFunction: LambdaFunction | undefined
  /** The consumers' functions, by queue. */
  readonly #consumers = new Map<string, IFunction>()
  /** The names of the queues that have a consumer. */
  readonly #consumed: string[] = []
  #triggerFunctions: TriggerFunctions | undefined

  /** @throws Error that names each setting at fault */
  constructor(scope: Construct, id: string, props: QueueServiceProps = {}) {
    super(scope, id)
    this.settings = checkSettings(props)
    const { settings } = this
    this.table = addTable(this, settings)
    this.sqsKeys = settings.sqs ? addSqsKeys(this, settings) : undefined
    this.functions = addServiceFunctions(this, this)
    const { api, stage } = addHttpApi(this, { functions: this.functions, sqs: this.functions.sqs, settings })
    this.api = api
    this.stage = stage
    const parts = { functions: this.functions, table: this.table, api, settings }
    this.#alarmTopic = settings.alarms ? alarmTopic(this, settings) : undefined
    if (settings.alarms) addAlarms(this, { ...parts, topic: this.#alarmTopic })
    this.dashboard = settings.dashboard ? addDashboard(this, parts) : undefined
  }

  /** Address of the native HTTP API, without a slash at its end. */
  get url(): string {
    return this.settings.publicUrl ?? this.api.apiEndpoint
  }

  /** The endpoint for SQS clients; `undefined` when the setting `sqs` is off. */
  get sqsEndpoint(): string | undefined {
    return this.functions.sqs && `${this.url}/`
  }

  /** The functions that deliver queues to consumers; `undefined` as long as no queue has a consumer. */
  get triggerFunctions(): TriggerFunctions | undefined {
    return this.#triggerFunctions
  }

  /** Adds a queue that the deployment creates, or changes to these settings if it exists. */
  addQueue(name: string, props: DeclaredQueueProps = {}): DeclaredQueue {
    const queue = new DeclaredQueue(this, name, this.#declare(), props)
    this.#declared.set(name, props)
    return queue
  }

  #declare(): LambdaFunction {
    if (this.#declareFunction) return this.#declareFunction
    const target = addFunction(this, 'Declare', DECLARE_FUNCTION, this)
    if (this.settings.alarms) addFunctionAlarms(this, 'declare', target, this.#alarmTopic)
    this.#declareFunction = target
    return target
  }

  /** Implements `DeclaredQueue.addConsumer`. */
  addConsumer(consumed: ConsumedQueue, target: IFunction, props: ConsumerProps): QueueConsumer {
    const { queueName } = consumed.queue
    const present = this.#consumers.get(queueName)
    if (present) throw new Error(`queue ${queueName} has a consumer, ${present.node.path}: a queue has at most one`)
    const declaredBy = this.#declare().functionArn
    const consumer = new QueueConsumer(target, props, {
      ...consumed,
      service: this,
      declaredBy,
      functions: this.#deliver(),
    })
    this.#consumers.set(queueName, target)
    this.#consumed.push(queueName)
    return consumer
  }

  #deliver(): TriggerFunctions {
    if (this.#triggerFunctions) return this.#triggerFunctions
    const { table, settings, dashboard } = this
    const functions = addTriggerFunctions(this, { table, settings, queues: this.#consumed })
    if (settings.alarms) addTriggerAlarms(this, functions, { settings, topic: this.#alarmTopic })
    if (dashboard) addTriggerGraphs(dashboard, functions, settings)
    this.#triggerFunctions = functions
    return functions
  }

  /** Lets a role publish to a queue, declared or not, with the library, on the table itself. */
  grantPublish(queue: string, grantee: IGrantable, options: PublishGrant = {}): Grant {
    const pendingIds = this.#declared.get(queue)?.settings?.deduplicationMode === 'pending'
    return grantPublish(this.table, queue, grantee, { pendingIds, ...options })
  }

  /**
   * Lets a role poll a queue, and ack, extend and nack its messages, with the library, on the table itself.
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

  /** Lets a role read a queue's settings, and browse and count its messages, with the library. */
  grantBrowse(queue: string, grantee: IGrantable): Grant {
    return grantBrowse(this.table, queue, grantee)
  }

  /** Lets a role wait for results of a queue that keeps them, and ask for the status of its messages, with the library. */
  grantReadResults(queue: string, grantee: IGrantable): Grant {
    return grantReadResults(this.table, queue, grantee)
  }

  /** Lets a role browse a queue, cancel and reschedule its messages, change its settings and purge it, with the library. */
  grantManage(queue: string, grantee: IGrantable): Grant {
    return grantManage(this.table, queue, grantee)
  }

  /** Lets a role call a queue's routes of the HTTP API: those that the named functions answer. */
  grantInvoke(queue: string, grantee: IGrantable, ...functions: RoutedFunction[]): Grant {
    return grantRoutes(this.api, queue, grantee, functions)
  }

  /** Adds an alarm for when a queue's oldest ready message is older than `seconds`. Needs the setting `monitor`. */
  alarmOnAge(queue: string, seconds: number): Alarm {
    return addAgeAlarm(this, { queue, seconds, settings: this.settings, topic: this.#alarmTopic })
  }
}
