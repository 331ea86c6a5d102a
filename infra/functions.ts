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
  /** All that its role may do to the table. */
  readonly tableActions: readonly TableAction[]
  /** What it may do only to items of one kind, by the letter of their keys. */
  readonly kindActions?: Readonly<Record<string, readonly TableAction[]>>
  readonly timeoutSeconds: number
}

/**
 * API Gateway answers 503 after 30 s. A poll stops a second earlier, so that it never leases messages to a caller who
 * has already got that answer.
 */
const LONG_POLL_TIMEOUT_SECONDS = 29

/** Every Lambda function of a deployment: what it is, what it may do, how long it may take. */
export const FUNCTIONS = {
  publish: {
    entry: 'publish',
    description: 'Puts messages on a queue',
    tableActions: ['BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'],
    timeoutSeconds: 15,
  },
  poll: {
    entry: 'poll',
    description: 'Leases messages of a queue to a consumer, and takes them back',
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
    // Early releases: it can put nothing on a queue.
    kindActions: { [KEY_KINDS.earlyRelease.letter]: ['PutItem'] },
    timeoutSeconds: 15,
  },
  queues: {
    entry: 'queues',
    description: 'Creates, describes, changes, purges and deletes queues',
    tableActions: ['DeleteItem', 'GetItem', 'PutItem', 'Query'],
    timeoutSeconds: 15,
  },
  messages: {
    entry: 'messages',
    description: 'Looks at, cancels and reschedules messages by id',
    tableActions: ['BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'],
    timeoutSeconds: 15,
  },
  redrive: {
    entry: 'redrive',
    description: 'Starts, lists and cancels redrives of dead-letter queues',
    tableActions: ['DeleteItem', 'GetItem', 'PutItem', 'Query'],
    timeoutSeconds: 15,
  },
  // The same code as `redrive`, apart: moving messages needs minutes and many rights, answering requests needs neither.
  redriveRun: {
    entry: 'redrive',
    description: 'Moves the messages of running redrives',
    tableActions: ['BatchGetItem', 'ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'],
    timeoutSeconds: 900,
  },
  sqs: {
    entry: 'sqs',
    description: 'Answers the Amazon SQS protocol',
    tableActions: [
      'BatchGetItem',
      'ConditionCheckItem',
      'DeleteItem',
      'GetItem',
      'PartiQLDelete',
      'PartiQLUpdate',
      'PutItem',
      'Query',
      'UpdateItem',
    ],
    timeoutSeconds: LONG_POLL_TIMEOUT_SECONDS,
  },
  monitor: {
    entry: 'monitor',
    description: 'Measures every queue each minute',
    tableActions: ['GetItem', 'Query'],
    timeoutSeconds: 50,
  },
} as const satisfies Record<string, FunctionShape>

/** Creates the queues that a stack declares; deployed with the first of them only. */
export const DECLARE_FUNCTION = {
  entry: 'declared-queue',
  description: 'Creates, changes and deletes the queues that a stack declares',
  tableActions: ['DeleteItem', 'GetItem', 'PutItem'],
  timeoutSeconds: 60,
} as const satisfies FunctionShape

export type FunctionName = keyof typeof FUNCTIONS
export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as readonly FunctionName[]
/** The files to bundle. */
export const FUNCTION_ENTRIES = [...new Set([...Object.values(FUNCTIONS), DECLARE_FUNCTION].map(({ entry }) => entry))]
