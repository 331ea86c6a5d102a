import {
  type DynamoDBClient,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  type TransactWriteItemsCommandInput,
} from '@aws-sdk/client-dynamodb'
import { HoldfastError } from '../../model/errors.ts'
import type { ActionFailure, JointCommits, JointOutcome } from '../joint.ts'
import type { SharedTable, Write } from '../port.ts'
import { documentOf } from './documents.ts'
import { fault, isConflict, isThrottle, perhapsDone } from './faults.ts'
import { headerOf, type Item } from './header-item.ts'
import { mayBeDone, UNKNOWN, watchLostAnswers } from './lost-answers.ts'
import { checkTransaction } from './transaction-rules.ts'

/**
 * Commits the engine's writes and the caller's entries in one TransactWriteItems, Holdfast's actions first.
 *
 * @param own the caller's entries
 * @param client the client that sends the transaction. @default the store's
 */
export const dynamodbCommits = (
  table: SharedTable,
  own: readonly TransactWriteItem[],
  client: DynamoDBClient = table.client as DynamoDBClient,
): JointCommits => {
  watchLostAnswers(client)
  return {
    repeatable: true,
    prepare: (writes) => {
      const { actions, storeContent } = table.actions(writes)
      checkTransaction(table.name, actions, own)
      return { writes, actions: [...actions, ...own], storeContent }
    },
    send: async ({ writes, actions }, ClientRequestToken) => {
      const input: TransactWriteItemsCommandInput = { TransactItems: [...actions], ClientRequestToken }
      try {
        await client.send(new TransactWriteItemsCommand(input))
        return { kind: 'applied' }
      } catch (error) {
        return outcomeOf(error, writes, table.name, mayBeDone(input, error))
      }
    },
  }
}

/** The fields of the SDK's errors of a transaction. */
interface TransactionFault {
  readonly name?: string
  readonly message?: string
  readonly CancellationReasons?: readonly { readonly Code?: string; readonly Message?: string; readonly Item?: Item }[]
}

/** Names of errors in the request itself: nothing was done. */
const REFUSALS = new Set(['ValidationException', 'ResourceNotFoundException'])

/** @param unsure whether an earlier sending of the request had no answer */
const outcomeOf = (error: unknown, writes: readonly Write[], table: string, unsure: boolean): JointOutcome => {
  const { name = '', message } = error as TransactionFault
  const failures = canceledActions(error, writes)
  if (failures) return { kind: 'canceled', failures, resent: unsure }
  if (UNKNOWN.has(name)) {
    const text = `DynamoDB's answer does not show whether the transaction was done: ${name}: ${message}`
    return { kind: 'unknown', error: new HoldfastError('StoreUnavailable', text, {}, { cause: error }) }
  }
  if (REFUSALS.has(name)) {
    const text = `DynamoDB refused the transaction: ${name}: ${message}`
    return {
      kind: 'refused',
      error: new HoldfastError('InvalidRequest', text, { field: 'transaction' }, { cause: error }),
    }
  }
  const translated = fault(error, table)
  if (translated.code === 'StoreUnavailable') return { kind: 'unknown', error: translated }
  // Whatever refused the last sending, such as a throttle or expired credentials, says nothing of an earlier one.
  if (unsure) return { kind: 'unknown', error: perhapsDone(error) }
  return { kind: 'refused', error: translated }
}

/** The failed actions for which DynamoDB cancelled a transaction; undefined where the error is no cancellation. */
export const canceledActions = (error: unknown, writes: readonly Write[]): ActionFailure[] | undefined => {
  const { name, CancellationReasons } = error as TransactionFault
  if (name !== 'TransactionCanceledException' || !CancellationReasons) return undefined
  return CancellationReasons.flatMap(({ Code = 'None', Message, Item }, action): ActionFailure[] =>
    Code === 'None'
      ? []
      : [{ action, cause: causeOf(Code), ...(Message && { text: Message }), ...metBy(writes[action], Item) }],
  )
}

const causeOf = (code: string): ActionFailure['cause'] => {
  if (code === 'ConditionalCheckFailed') return 'condition'
  if (isConflict(code)) return 'conflict'
  return isThrottle(code) ? 'throttled' : 'refused'
}

const metBy = (write: Write | undefined, item: Item | undefined): Partial<ActionFailure> => {
  if (!item) return {}
  switch (write?.kind) {
    case undefined:
      return { item }
    case 'change':
      return { segment: headerOf(write.change.key.partition, item, 0) }
    case 'advance':
    case 'touch':
      return { ...(item.l?.S !== undefined && { lastSequence: item.l.S }) }
    case 'insert':
      return {}
    default:
      return { ...(item.j && { document: documentOf(item) }) }
  }
}
