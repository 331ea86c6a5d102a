import { Annotations, CustomResource, Stack, Token } from 'aws-cdk-lib'
import { Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { Construct, type IDependable } from 'constructs'
import { checkedTrigger, type GivenTrigger, TRIGGER_LIMITS } from '../lib/triggers/trigger.ts'
import { roleOf, type TriggerFunctions } from './trigger-functions.ts'

/** A queue that a stack declares. */
interface NamedQueue extends Construct {
  readonly queueName: string
}

/** How a queue's messages are delivered to a function. The ranges are those of SQS's event source where possible. */
export interface ConsumerProps {
  /** Maximum number of messages of one invocation: 1 … 100, on FIFO queues 1 … 10. @default 10 */
  readonly batchSize?: number
  /** How long a batch may wait for more messages, seconds, 0 … 20; on standard queues only. @default 0 */
  readonly batchingWindowSeconds?: number
  /** Maximum number of concurrent invocations: 1 … 1000. @default 10 */
  readonly maxConcurrency?: number
  /** @default true */
  readonly enabled?: boolean
  /**
   * Whether the function's answer names the messages that failed, as `batchItemFailures`. When false, every answer without
   * an error acks the whole batch. @default true
   */
  readonly reportBatchItemFailures?: boolean
  /** Which messages the function gets: one pattern or up to ten, in EventBridge's syntax. @default all */
  readonly filter?: NonNullable<GivenTrigger['filter']>
  /** Whether messages that match no pattern are deleted or moved to a queue of the same kind. Required with `filter`. */
  readonly unmatched?: 'delete' | { readonly queue: NamedQueue }
  /**
   * The function's timeout, 1 … 720 s, for functions whose timeout this app does not know: imported ones.
   * @default the timeout that the function is defined with
   */
  readonly functionTimeoutSeconds?: number
}

export interface ConsumedQueue {
  readonly queue: NamedQueue
  readonly fifo: boolean
  /** The queue's visibility timeout, seconds. */
  readonly visibilityTimeoutSeconds: number
}

/** The parts of a deployment that a consumer needs. They are made once. */
export interface ConsumerSurroundings extends ConsumedQueue {
  /** The construct of the deployment. */
  readonly service: Construct
  /** ARN of the function that declares queues and triggers. */
  readonly declaredBy: string
  readonly functions: TriggerFunctions
}

/** A queue's trigger: the declaration of the function that the dispatcher invokes. Made by `DeclaredQueue.addConsumer`. */
export class QueueConsumer extends Construct {
  /** @throws Error with every setting at fault */
  constructor(target: IFunction, props: ConsumerProps, around: ConsumerSurroundings) {
    const { service, queue } = around
    const trigger = checkedConsumer(target, props, around)
    // The resource belongs to the stack of the function, which depends on this stack for the rights on the queue.
    const home = isTogether(target, service) ? service : target
    super(home, `Consumer of ${queue.queueName}`)
    const { queue: name, functionName, ...settings } = trigger
    const resource = new CustomResource(this, 'Resource', {
      resourceType: 'Custom::HoldfastTrigger',
      serviceToken: around.declaredBy,
      // As text, because CloudFormation turns every number in an object into text.
      properties: { queue: name, functionName, settings: JSON.stringify(settings) },
    })
    const { mapping } = around.functions
    resource.node.addDependency(queue, mapping, this.#allowInvocation(target, around))
    if (typeof props.unmatched === 'object') resource.node.addDependency(props.unmatched.queue)
    this.#warn(target, trigger.functionTimeoutSeconds, around)
  }

  #allowInvocation(target: IFunction, { service, functions }: ConsumerSurroundings): IDependable {
    if (isTogether(target, service)) {
      functions.invocations.addResources(target.functionArn)
      return functions.policy
    }
    return new Policy(this, 'Invocation', {
      roles: [roleOf(functions.dispatch)],
      statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [target.functionArn] })],
    })
  }

  #warn(target: IFunction, timeoutSeconds: number, around: ConsumerSurroundings): void {
    const { queue, visibilityTimeoutSeconds, service } = around
    if (visibilityTimeoutSeconds < timeoutSeconds) {
      Annotations.of(this).addWarningV2(
        'holdfast:leaseShorterThanFunction',
        `Queue ${queue.queueName} leases messages for ${visibilityTimeoutSeconds} s (visibilityTimeoutSeconds), and its consumer ${target.node.path} may run for ${timeoutSeconds} s. ` +
          'The dispatcher leases for longer; other pollers of the queue do not, and a message that failed comes again after that time.',
      )
    }
    if (isOfAnotherAccount(target, service)) {
      Annotations.of(this).addWarningV2(
        'holdfast:consumerOfAnotherAccount',
        `Function ${target.node.path} was imported and may be of another account than ${Stack.of(service).node.path}. The dispatcher's role may invoke it; ` +
          `in another account the function's own policy must allow that too: lambda:InvokeFunction for the role of ${around.functions.dispatch.node.path}.`,
      )
    }
  }
}

const isTogether = (target: IFunction, service: Construct): boolean => Stack.of(target) === Stack.of(service)

/** Whether the two accounts differ, or one of them is unknown before the deployment. */
const isOfAnotherAccount = (target: IFunction, service: Construct): boolean => {
  const { account: ofFunction } = target.env
  const { account } = Stack.of(service)
  return ofFunction !== account && !(Token.isUnresolved(ofFunction) && Token.isUnresolved(account))
}

/** The trigger as the deployment declares it. */
const checkedConsumer = (target: IFunction, props: ConsumerProps, { queue, fifo, service }: ConsumerSurroundings) => {
  const timeoutSeconds = timeoutOf(target, props)
  const problems = [...rangeProblems(props, fifo), ...targetProblems(target, timeoutSeconds, service)]
  if (problems.length > 0) {
    throw new Error([`The consumer ${target.node.path} of queue ${queue.queueName}:`, ...problems].join('\n  '))
  }
  const { unmatched, functionTimeoutSeconds: _, ...settings } = props
  // The engine's own check covers what SQS has no message for.
  return checkedTrigger({
    ...settings,
    ...(unmatched !== undefined && {
      unmatched: typeof unmatched === 'object' ? { queue: unmatched.queue.queueName } : unmatched,
    }),
    queue: queue.queueName,
    functionName: target.functionArn,
    functionTimeoutSeconds: timeoutSeconds ?? 0,
  })
}

const isWithin = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max

/** Faults in ranges, in the words that CDK's `SqsEventSource` uses for the same settings. */
const rangeProblems = (
  { batchSize, batchingWindowSeconds, maxConcurrency }: ConsumerProps,
  fifo: boolean,
): string[] => {
  const maxBatch = fifo ? TRIGGER_LIMITS.fifoBatchSize : TRIGGER_LIMITS.batchSize
  const { batchingWindowSeconds: maxWindow, maxConcurrency: maxInvocations } = TRIGGER_LIMITS
  const problems: string[] = []
  if (batchSize !== undefined && !isWithin(batchSize, 1, maxBatch)) {
    problems.push(`Maximum batch size must be between 1 and ${maxBatch} inclusive (given ${batchSize})`)
  }
  if (batchingWindowSeconds !== undefined && fifo && batchingWindowSeconds !== 0) {
    problems.push('Batching window is not supported for FIFO queues')
  } else if (batchingWindowSeconds !== undefined && !isWithin(batchingWindowSeconds, 0, maxWindow)) {
    problems.push(
      `Maximum batching window must be ${maxWindow} seconds or less (given ${batchingWindowSeconds} seconds)`,
    )
  }
  if (maxConcurrency !== undefined && !isWithin(maxConcurrency, 1, maxInvocations)) {
    problems.push(
      `maxConcurrency must be between 1 and ${maxInvocations} concurrent instances (given ${maxConcurrency})`,
    )
  }
  return problems
}

const targetProblems = (target: IFunction, timeoutSeconds: number | undefined, service: Construct): string[] => {
  const problems: string[] = []
  const max = TRIGGER_LIMITS.functionTimeoutSeconds
  if (timeoutSeconds === undefined) {
    problems.push('The timeout of the function is not known here: give it as functionTimeoutSeconds')
  } else if (!isWithin(timeoutSeconds, 1, max)) {
    problems.push(
      `The function's timeout must be ${max} seconds or less (given ${timeoutSeconds} seconds): the dispatcher, which waits for it, lives for 900`,
    )
  }
  const { region } = target.env
  const { region: here } = Stack.of(service)
  if (region !== here && !Token.isUnresolved(region) && !Token.isUnresolved(here)) {
    problems.push(`The function must be in the region of the queue, ${here}, and is in ${region}`)
  }
  return problems
}

/** Lambda's default timeout. */
const DEFAULT_TIMEOUT_SECONDS = 3

/** A function's timeout in seconds, also for its versions and aliases; `undefined` when it is unknown. */
const timeoutOf = (target: IFunction, { functionTimeoutSeconds }: ConsumerProps): number | undefined => {
  const { lambda } = target as { readonly lambda?: IFunction }
  if (lambda) return timeoutOf(lambda, functionTimeoutSeconds === undefined ? {} : { functionTimeoutSeconds })
  const { timeout } = target as Partial<LambdaFunction>
  if (timeout && !timeout.isUnresolved()) return timeout.toSeconds()
  if (target instanceof LambdaFunction && !timeout) return DEFAULT_TIMEOUT_SECONDS
  return functionTimeoutSeconds
}
