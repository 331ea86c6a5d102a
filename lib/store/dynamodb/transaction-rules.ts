import type { AttributeValue, TransactWriteItem } from '@aws-sdk/client-dynamodb'
import { HoldfastError, invalid } from '../../model/errors.ts'
import { LIMITS } from '../../model/limits.ts'
import { TABLE_SHAPE } from '../keys.ts'
import type { Item } from './header-item.ts'

type Kind = 'Put' | 'Update' | 'Delete' | 'ConditionCheck'
const KINDS = ['Put', 'Update', 'Delete', 'ConditionCheck'] as const satisfies readonly Kind[]

/** One action of a transaction: the item that it writes or checks, and its bytes. */
interface Action {
  readonly name: string
  readonly table: string
  /** Absent for a put into a table whose keys are not known. */
  readonly key: Item | undefined
  readonly item: Item | undefined
  readonly bytes: number
}

/**
 * Refuses what DynamoDB would refuse, before anything is sent and with an error that names the entry: more than 100 actions
 * or 4 MB, and two actions on one item, whether they are Holdfast's or the caller's own.
 *
 * Where all of the caller's entries for a table are puts, the table's key is not known here, and DynamoDB refuses two on one
 * item.
 */
export const checkTransaction = (
  table: string,
  ours: readonly TransactWriteItem[],
  own: readonly TransactWriteItem[],
): void => {
  const count = ours.length + own.length
  if (count > LIMITS.transactionActions) {
    const parts = `${ours.length} of Holdfast's and ${own.length} of your own`
    throw new HoldfastError(
      'InvalidRequest',
      `the transaction has ${count} actions, ${parts}, but DynamoDB takes up to ${LIMITS.transactionActions}: split it`,
      { field: 'transaction', value: count },
    )
  }
  const keyNames = new Map<string, readonly string[]>([[table, [TABLE_SHAPE.partitionKey, TABLE_SHAPE.sortKey]]])
  const actions = [
    ...ours.map((action, index) => actionOf(action, `action ${index} of Holdfast's`)),
    ...own.map((entry, index) => ownAction(entry, `entries[${index}]`)),
  ]
  for (const { table: name, key } of actions) if (key) keyNames.set(name, Object.keys(key).sort())
  checkBytes(actions)
  checkItems(actions, keyNames)
}

const checkBytes = (actions: readonly Action[]): void => {
  const bytes = actions.reduce((sum, action) => sum + action.bytes, 0)
  if (bytes <= LIMITS.transactionBytes) return
  throw new HoldfastError(
    'MessageTooLarge',
    `the transaction's items have ${bytes} bytes together, but DynamoDB takes up to ${LIMITS.transactionBytes}: split it`,
    { field: 'transaction', value: bytes },
  )
}

const checkItems = (actions: readonly Action[], keyNames: ReadonlyMap<string, readonly string[]>): void => {
  const seen = new Map<string, string>()
  for (const { name, table, key, item } of actions) {
    const names = keyNames.get(table)
    if (!names) continue
    const values = names.map((attribute) => (key ?? item)?.[attribute])
    if (values.some((value) => value === undefined)) continue
    const address = JSON.stringify([table, ...values.map(canonical)])
    const before = seen.get(address)
    if (before !== undefined) {
      throw invalid(name, address, `must not write an item that ${before} writes: a transaction has one action an item`)
    }
    seen.set(address, name)
  }
}

const ownAction = (entry: TransactWriteItem, name: string): Action => {
  const kinds = KINDS.filter((kind) => entry?.[kind] !== undefined)
  if (kinds.length !== 1) {
    throw invalid(name, kinds.join(' and ') || 'neither', `must be one of ${KINDS.join(', ')}`)
  }
  return actionOf(entry, name)
}

const actionOf = (entry: TransactWriteItem, name: string): Action => {
  const { Put, Update, Delete, ConditionCheck } = entry
  const keyed = Update ?? Delete ?? ConditionCheck
  const action = Put ?? keyed
  const key = keyed?.Key
  const item = Put?.Item
  for (const [attribute, value] of Object.entries(key ?? item ?? {})) {
    if (isAttributeValue(value)) continue
    throw invalid(
      `${name}.${attribute}`,
      value,
      "must be in DynamoDB's own form, such as { S: 'text' }: marshall() of @aws-sdk/util-dynamodb writes it",
    )
  }
  const values = action?.ExpressionAttributeValues
  return {
    name,
    table: tableName(action?.TableName ?? ''),
    key,
    item,
    bytes: itemBytes(key ?? item ?? {}) + (values ? itemBytes(values) : 0),
  }
}

/** A table can be named by its ARN as well. */
const tableName = (name: string): string => name.slice(name.lastIndexOf('/') + 1)

const TYPES = new Set(['S', 'N', 'B', 'SS', 'NS', 'BS', 'M', 'L', 'NULL', 'BOOL'])
const isAttributeValue = (value: unknown): value is AttributeValue =>
  typeof value === 'object' && value !== null && Object.keys(value).some((type) => TYPES.has(type))

/** A key attribute as text: values that DynamoDB takes for equal have equal texts. */
const canonical = (value: AttributeValue | undefined): string => {
  // A number of JavaScript holds 15 digits exactly; longer numbers are compared as they are written.
  if (value?.N !== undefined) return `N${value.N.replace(/\D/g, '').length > 15 ? value.N : Number(value.N)}`
  if (value?.B !== undefined) return `B${Buffer.from(value.B).toString('base64')}`
  return `S${value?.S}`
}

/** An item's size. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html */
const itemBytes = (item: Item): number =>
  Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value), 0)

const valueBytes = (value: AttributeValue): number => {
  if (value.S !== undefined) return Buffer.byteLength(value.S)
  if (value.N !== undefined) return numberBytes(value.N)
  if (value.B !== undefined) return value.B.length
  if (value.SS) return value.SS.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (value.NS) return value.NS.reduce((sum, number) => sum + numberBytes(number), 0)
  if (value.BS) return value.BS.reduce((sum, bytes) => sum + bytes.length, 0)
  if (value.L) return value.L.reduce((sum, one) => sum + 1 + valueBytes(one), 3)
  if (value.M) return Object.keys(value.M).length + 3 + itemBytes(value.M)
  return 1
}

const numberBytes = (number: string): number => Math.ceil(number.length / 2) + 1
