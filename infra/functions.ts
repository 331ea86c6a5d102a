import { KEY_KINDS } from '../lib/store/keys.ts'

/** IAM actions on the table. DynamoDB has one for each kind of PartiQL statement, and none for a transaction. */
export type TableAction =
  | 'BatchGetItem'
  | 'ConditionCheckItem'
  | 'DeleteItem'
  | 'GetItem'
  | 'PartiQLDelete'
  | 'PartiQLUpdate'
  | 'PutItem'
  | 'Query'
  | 'UpdateItem'

export interface FunctionShape {
  /** The file in `functions/`, without its ending. */
  readonly entry: string
  readonly description: string
  /** Actions on any item of the table that the function's role allows. */
  readonly tableActions: readonly TableAction[]
  /** Actions that the role allows on items of one kind alone, by the letter of their keys. */
  readonly kindActions?: Readonly<Record<string, readonly TableAction[]>>
  readonly timeoutSeconds: number
}

/**
 * API Gateway answers 503 after 30 s. A poll stops a second earlier, so that it never leases messages to a caller who
 * has already got that answer.
 */
const LONG_POLL_TIMEOUT_SECONDS = 29

/** The actions on the table of a function that both publishes and consumes. */
const PUBLISH_AND_CONSUME = [
  'BatchGetItem',
  'ConditionCheckItem',
  'DeleteItem',
  'GetItem',
  'PartiQLDelete',
  'PartiQLUpdate',
  'PutItem',
  'Query',
  'UpdateItem',
] as const satisfies readonly TableAction[]

/** Every Lambda function of a deployment, with its rights and its timeout. */
export const FUNCTIONS = {
  publish: {
    entry: 'publish',
    description: 'Puts messages on a queue',
    tableActions: ['BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'],
    timeoutSeconds: 15,
  },
  poll: {
    entry: 'poll',
    description: 'Leases messages of a queue to consumers, and takes them back',
    tableActions: [
      'BatchGetItem',
      'ConditionCheckItem',
      'DeleteItem',
      'GetItem',
      'PartiQLUpdate',
      'PutItem',
      'Query',
      'UpdateItem',
    ],
    timeoutSeconds: LONG_POLL_TIMEOUT_SECONDS,
  },
  ack: {
    entry: 'ack',
    description: 'Acks messages and extends leases',
    tableActions: ['DeleteItem', 'GetItem', 'PartiQLDelete', 'Query', 'UpdateItem'],
    // Early releases need this right on one kind of items: the function can't publish.
    kindActions: {
      [KEY_KINDS.earlyRelease.letter]: ['PutItem'],
      [KEY_KINDS.result.letter]: ['PutItem'],
      // A message that failed for good is kept with its failure.
      [KEY_KINDS.segment.letter]: ['BatchGetItem'],
      [KEY_KINDS.body.letter]: ['BatchGetItem'],
    },
    timeoutSeconds: 15,
  },
  queues: {
    entry: 'queues',
    description: 'Creates, describes, changes, purges and deletes queues, and lists triggers',
    tableActions: ['DeleteItem', 'GetItem', 'PutItem', 'Query'],
    timeoutSeconds: 15,
  },
  messages: {
    entry: 'messages',
    description: 'Reads, cancels and reschedules messages by id',
    tableActions: ['BatchGetItem', 'ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'],
    timeoutSeconds: 15,
  },
  results: {
    entry: 'results',
    description: 'Waits for results of messages',
    tableActions: ['BatchGetItem', 'GetItem', 'Query'],
    timeoutSeconds: LONG_POLL_TIMEOUT_SECONDS,
  },
  redrive: {
    entry: 'redrive',
    description: 'Starts, lists, cancels and undoes redrives of dead-letter queues',
    // BatchGetItem: it counts what an undo would do.
    tableActions: ['BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query'],
    timeoutSeconds: 15,
  },
  // The code of `redrive` in a second function: moving messages needs minutes and many rights, answering requests neither.
  redriveRun: {
    entry: 'redrive',
    description: 'Moves the messages of running redrives',
    tableActions: ['BatchGetItem', 'ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'],
    timeoutSeconds: 900,
  },
  sqs: {
    entry: 'sqs',
    description: 'Answers the Amazon SQS protocol',
    tableActions: PUBLISH_AND_CONSUME,
    timeoutSeconds: LONG_POLL_TIMEOUT_SECONDS,
  },
  monitor: {
    entry: 'monitor',
    description: 'Measures every queue each minute',
    tableActions: ['GetItem', 'Query'],
    timeoutSeconds: 50,
  },
} as const satisfies Record<string, FunctionShape>

/** Creates the queues that a stack declares; part of a deployment that declares any. */
export const DECLARE_FUNCTION = {
  entry: 'declared-queue',
  description: 'Creates, changes and deletes the queues that a stack declares',
  tableActions: ['DeleteItem', 'GetItem', 'PutItem'],
  timeoutSeconds: 60,
} as const satisfies FunctionShape

/** Functions that deliver queues to consumers; part of a deployment in which a queue has a consumer. */
export const TRIGGER_FUNCTIONS = {
  wake: {
    entry: 'wake',
    description: 'Starts the delivery of queues that have a consumer',
    tableActions: [],
    kindActions: {
      [KEY_KINDS.trigger.letter]: ['GetItem'],
      [KEY_KINDS.dueIndex.letter]: ['GetItem', 'PutItem', 'Query'],
      // Whether a queue is paused.
      [KEY_KINDS.queue.letter]: ['GetItem'],
    },
    timeoutSeconds: 60,
  },
  dispatch: {
    entry: 'dispatch',
    description: 'Delivers the messages of a queue to its consumer',
    tableActions: PUBLISH_AND_CONSUME,
    // Lambda's maximum: a run must outlive the function that it invokes.
    timeoutSeconds: 900,
  },
} as const satisfies Record<string, FunctionShape>

export type FunctionName = keyof typeof FUNCTIONS
export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as readonly FunctionName[]
/** Functions whose concurrency can be reserved. */
export const RESERVABLE_NAMES: readonly string[] = [...FUNCTION_NAMES, ...Object.keys(TRIGGER_FUNCTIONS)]
/** The files to bundle. */
export const FUNCTION_ENTRIES = [
  ...new Set(
    [...Object.values(FUNCTIONS), DECLARE_FUNCTION, ...Object.values(TRIGGER_FUNCTIONS)].map(({ entry }) => entry),
  ),
]
