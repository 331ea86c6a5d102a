import { Duration, Lazy, Stack } from 'aws-cdk-lib'
import { type CfnTable, StreamViewType, type Table } from 'aws-cdk-lib/aws-dynamodb'
import { type IRole, Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { CfnEventSourceMapping, type Function as LambdaFunction, RecursiveLoop } from 'aws-cdk-lib/aws-lambda'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { LambdaSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import type { Construct } from 'constructs'
import { addFunction } from './function.ts'
import { TRIGGER_FUNCTIONS } from './functions.ts'
import { invokeEveryMinute } from './service-functions.ts'
import type { Settings } from './settings.ts'
import { streamPatterns } from './stream-filter.ts'

/** What delivers the queues of a deployment to their consumers. */
export interface TriggerFunctions {
  readonly wake: LambdaFunction
  readonly dispatch: LambdaFunction
  /** Where Lambda says that it has given up records of the stream. */
  readonly lost: Topic
  /** Reads the stream for `wake`. */
  readonly mapping: CfnEventSourceMapping
  /** What the dispatcher may invoke: itself, and the consumers that are added. */
  readonly invocations: PolicyStatement
  /** The policy with these, which must be there before a queue is delivered. */
  readonly policy: Policy
}

export interface TriggerParts {
  readonly table: Table
  readonly settings: Settings
  /** The names of the queues with a consumer; may grow until the template is made. */
  readonly queues: readonly string[]
}

/** The event at which `functions/wake.ts` starts what is due. */
const TICK = { holdfast: 'tick-triggers' }

/** A start that Lambda can't carry out within this time is dropped: the next tick starts a run anyway. */
const START_AGE = Duration.seconds(60)

/**
 * Records that the function fails on are tried again a few times, in halves, and given up when they are this old. Then
 * every trigger gets a run, so it matters little which they were.
 */
const RETRIES = 3
const RECORD_AGE = Duration.minutes(5)
/** One invocation takes what has come since the last one. */
const RECORDS = 1_000

/** The two functions behind the table's stream, the mapping between, and the tick. */
export const addTriggerFunctions = (scope: Construct, { table, settings, queues }: TriggerParts): TriggerFunctions => {
  const { wake: ofWake, dispatch: ofDispatch } = settings.reservedConcurrency
  const dispatch = addFunction(scope, 'Dispatch', TRIGGER_FUNCTIONS.dispatch, {
    table,
    settings,
    reservedConcurrency: ofDispatch,
    environment: { HOLDFAST_ACCOUNT: Stack.of(scope).account },
    options: {
      memorySize: settings.dispatcherMemoryMb,
      retryAttempts: 0,
      maxEventAge: START_AGE,
      // A run whose time is over starts the next one, for as long as there are messages.
      recursiveLoop: RecursiveLoop.ALLOW,
    },
  })
  // Apart from the role, which the function waits for.
  const invocations = new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [dispatch.functionArn] })
  const policy = new Policy(scope, 'Invocations', { roles: [roleOf(dispatch)], statements: [invocations] })
  const lost = new Topic(scope, 'LostRecords', {
    displayName: 'Holdfast: records of the stream that were given up',
    enforceSSL: true,
  })
  const streamArn = streamOf(table)
  const wake = addFunction(scope, 'Wake', TRIGGER_FUNCTIONS.wake, {
    table,
    settings,
    reservedConcurrency: ofWake,
    environment: { HOLDFAST_DISPATCH_FUNCTION: dispatch.functionName },
    statements: [
      new PolicyStatement({ actions: STREAM_ACTIONS, resources: [streamArn] }),
      new PolicyStatement({ actions: ['sns:Publish'], resources: [lost.topicArn] }),
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [dispatch.functionArn] }),
    ],
  })
  lost.addSubscription(new LambdaSubscription(wake))
  invokeEveryMinute(scope, 'TickTriggers', wake, TICK)
  const mapping = addMapping(scope, { wake, streamArn, lost, queues })
  return { wake, dispatch, lost, mapping, invocations, policy }
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/iam-policy-example-lamda-process-dynamodb-streams.html */
const STREAM_ACTIONS = [
  'dynamodb:DescribeStream',
  'dynamodb:GetRecords',
  'dynamodb:GetShardIterator',
  'dynamodb:ListStreams',
]

export const roleOf = ({ role, node }: LambdaFunction): IRole => {
  if (!role) throw new Error(`${node.path} has no role`)
  return role
}

/** ARN of the table's stream. Where the settings want none, it has one with keys alone, which is all that is needed. */
const streamOf = (table: Table): string => {
  if (table.tableStreamArn !== undefined) return table.tableStreamArn
  const resource = table.node.defaultChild as CfnTable
  resource.streamSpecification = { streamViewType: StreamViewType.KEYS_ONLY }
  return resource.attrStreamArn
}

const addMapping = (
  scope: Construct,
  {
    wake,
    streamArn,
    lost,
    queues,
  }: Pick<TriggerFunctions, 'wake' | 'lost'> & Pick<TriggerParts, 'queues'> & { readonly streamArn: string },
): CfnEventSourceMapping =>
  new CfnEventSourceMapping(scope, 'Stream', {
    functionName: wake.functionName,
    eventSourceArn: streamArn,
    // `LATEST` may miss records while the mapping is made or changed.
    startingPosition: 'TRIM_HORIZON',
    batchSize: RECORDS,
    maximumBatchingWindowInSeconds: 0,
    maximumRetryAttempts: RETRIES,
    maximumRecordAgeInSeconds: RECORD_AGE.toSeconds(),
    bisectBatchOnFunctionError: true,
    destinationConfig: { onFailure: { destination: lost.topicArn } },
    filterCriteria: Lazy.any({ produce: () => ({ filters: streamPatterns(queues).map((pattern) => ({ pattern })) }) }),
  })
