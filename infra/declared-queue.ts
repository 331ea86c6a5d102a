import { CustomResource, RemovalPolicy } from 'aws-cdk-lib'
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch'
import type { Grant, IGrantable } from 'aws-cdk-lib/aws-iam'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { type FieldNames, knownFields } from '../lib/model/known-fields.ts'
import { checkQueueName } from '../lib/model/queue-name.ts'
// The engine's own rules of names and settings, so that a wrong one fails at synthesis and not during a deployment.
import { applySettings, DEFAULT_FIFO, type QueueSettings, type SettingsChange } from '../lib/model/queue-settings.ts'
import type { ConsumedQueue, ConsumerProps, QueueConsumer } from './consumer.ts'
import type { RoutedFunction } from './http-api.ts'

export interface DeclaredQueueProps {
  /** The queue that takes messages received `maxReceives` times (1 … 1000) without an ack. @default they stay in this queue */
  readonly deadLetter?: { readonly queue: DeclaredQueue; readonly maxReceives: number }
  /** All other settings, as the HTTP API takes them. @default those of SQS */
  readonly settings?: Omit<SettingsChange, 'deadLetter'>
  /** Whether the queue and its messages are deleted when the queue is removed from the stack. @default RemovalPolicy.RETAIN */
  readonly removalPolicy?: RemovalPolicy.RETAIN | RemovalPolicy.DESTROY
}

const PROPS: FieldNames<DeclaredQueueProps> = { deadLetter: true, settings: true, removalPolicy: true }

/** The parts of the service that a declared queue needs. */
interface Service extends Construct {
  grantPublish(queue: string, grantee: IGrantable): Grant
  grantConsume(queue: string, grantee: IGrantable): Grant
  grantBrowse(queue: string, grantee: IGrantable): Grant
  grantReadResults(queue: string, grantee: IGrantable): Grant
  grantManage(queue: string, grantee: IGrantable): Grant
  grantInvoke(queue: string, grantee: IGrantable, ...functions: RoutedFunction[]): Grant
  alarmOnAge(queue: string, seconds: number): Alarm
  addConsumer(queue: ConsumedQueue, target: IFunction, props: ConsumerProps): QueueConsumer
}

/** A queue that the deployment creates, or updates if it exists. Made by `QueueService.addQueue`. */
export class DeclaredQueue extends Construct {
  readonly queueName: string
  readonly #service: Service
  readonly #settings: QueueSettings

  constructor(service: Service, name: string, declaredBy: IFunction, props: DeclaredQueueProps) {
    checkQueueName(name)
    super(service, `Queue ${name}`)
    this.queueName = name
    this.#service = service
    const { deadLetter, settings = {}, removalPolicy = RemovalPolicy.RETAIN } = knownFields(props, PROPS)
    if (deadLetter) knownFields(deadLetter, { queue: true, maxReceives: true }, 'deadLetter')
    const wanted: SettingsChange = {
      ...(name.endsWith('.fifo') && { fifo: DEFAULT_FIFO }),
      ...settings,
      ...(deadLetter && { deadLetter: { queue: deadLetter.queue.queueName, maxReceives: deadLetter.maxReceives } }),
    }
    this.#settings = applySettings(name, wanted)
    const resource = new CustomResource(this, 'Resource', {
      resourceType: 'Custom::HoldfastQueue',
      serviceToken: declaredBy.functionArn,
      // As text, because CloudFormation turns every number in an object into text.
      properties: { name, settings: JSON.stringify(wanted) },
      removalPolicy,
    })
    if (deadLetter) resource.node.addDependency(deadLetter.queue)
  }

  /**
   * Has this queue's messages delivered to a function, which neither polls nor needs Holdfast's library. A queue has at most
   * one consumer.
   *
   * @throws Error with every setting at fault
   */
  addConsumer(target: IFunction, props: ConsumerProps = {}): QueueConsumer {
    const { fifo, visibilityTimeoutSeconds } = this.#settings
    const consumed = { queue: this, fifo: fifo !== undefined, visibilityTimeoutSeconds }
    return this.#service.addConsumer(consumed, target, props)
  }

  /** Lets a role publish to this queue with the library, on the table itself. */
  grantPublish(grantee: IGrantable): Grant {
    return this.#service.grantPublish(this.queueName, grantee)
  }

  /** Lets a role poll, ack, extend and nack with the library, on the table itself. */
  grantConsume(grantee: IGrantable): Grant {
    return this.#service.grantConsume(this.queueName, grantee)
  }

  /** Lets a role read this queue's settings, and browse and count its messages, with the library. */
  grantBrowse(grantee: IGrantable): Grant {
    return this.#service.grantBrowse(this.queueName, grantee)
  }

  /** Lets a role wait for results of this queue, which must keep them, and ask for the status of its messages. */
  grantReadResults(grantee: IGrantable): Grant {
    return this.#service.grantReadResults(this.queueName, grantee)
  }

  /** Lets a role browse this queue, cancel and reschedule its messages, change its settings and purge it. */
  grantManage(grantee: IGrantable): Grant {
    return this.#service.grantManage(this.queueName, grantee)
  }

  /** Lets a role call the routes of this queue in the HTTP API that the named functions answer. */
  grantInvoke(grantee: IGrantable, ...functions: RoutedFunction[]): Grant {
    return this.#service.grantInvoke(this.queueName, grantee, ...functions)
  }

  /** Adds an alarm for when the oldest ready message of this queue is older than `seconds`. */
  alarmOnAge(seconds: number): Alarm {
    return this.#service.alarmOnAge(this.queueName, seconds)
  }
}
