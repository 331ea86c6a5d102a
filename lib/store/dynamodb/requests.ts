import type { TransactWriteItem } from '@aws-sdk/client-dynamodb'
import type { Statement } from './expressions.ts'
import type { Item } from './header-item.ts'

/** The partition key is the first parameter that is a string: states of messages are bytes, and versions numbers. */
export const keyOfStatement = ({ Parameters }: Statement): Item => {
  const pk = Parameters.find(({ S }) => S !== undefined)
  return pk ? { pk } : {}
}

export const keyOfWrite = ({ Put, Update, Delete, ConditionCheck }: TransactWriteItem): Item =>
  Put?.Item ?? (Update ?? Delete ?? ConditionCheck)?.Key ?? {}

interface Reason {
  readonly Code?: string
  readonly Item?: Item
}

/** The reasons of a cancelled transaction: all, those that are failed conditions, and the code of the first one. */
export const cancellationOf = (error: unknown) => {
  const { CancellationReasons: reasons = [] } = error as { CancellationReasons?: readonly Reason[] }
  const failures = reasons.flatMap(({ Code, Item }, position) =>
    Code === 'ConditionalCheckFailed' ? [{ position, ...(Item && { item: Item }) }] : [],
  )
  return { reasons, failures, code: reasons.find(({ Code }) => Code !== undefined && Code !== 'None')?.Code }
}
