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

/** The resources that deliver the queues of a deployment to their consumers. */
export interface TriggerFunctions {
  readonly wake: LambdaFunction
  readonly dispatch: LambdaFunction
  /** The topic to which Lambda sends a notice when it has given up records of the stream. */
  readonly lost: Topic
  /** Reads the stream for `wake`. */
  readonly mapping: CfnEventSourceMapping
  /** The right to invoke: the dispatcher itself, and the consumers that are added. */
  readonly invocations: PolicyStatement
  /** The policy with this statement, which must exist before a queue is delivered. */
  readonly policy: Policy
}

export interface TriggerParts {
  readonly table: Table
  readonly settings: Settings
  /** The names of the queues with a consumer; may grow until the template is made. */
  readonly queues: readonly string[]
}

/** The event at which `functions/wake.ts` starts the runs that are due. */
const TICK = { holdfast: 'tick-triggers' }

/** A start that Lambda can't carry out within this time is dropped: the next tick starts a run anyway. */
const START_AGE = Duration.seconds(60)

/**
 * Lambda retries records on which the function fails a few times, in halves, and gives them up at this age. Then every
 * trigger gets a run, which finds the messages without the lost records.
 */
const RETRIES = 3
const RECORD_AGE = Duration.minutes(5)
/** Maximum number of records of one invocation, which takes those that have come since the last one. */
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
      // A run whose time is over starts the next one, as long as there are messages.
      recursiveLoop: RecursiveLoop.ALLOW,
    },
  })
  // A policy of its own, because the function waits for its role and the role must not wait for the function.
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

/** ARN of the table's stream. If the settings turn the stream off, the table gets one with keys only, which `wake` needs. */
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
