import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { Change, SlotCondition } from '../../model/segment-change.ts'
import { headerKey, type Item, slotName, slotValue, tokenBounds } from './header-item.ts'

/** A conditional write as UpdateItem or DeleteItem takes it. */
export interface Expression {
  readonly Key: Item
  readonly ConditionExpression: string
  /** Absent for a delete. */
  readonly UpdateExpression?: string
  /** Absent when the expressions name no value: DynamoDB refuses an empty one. */
  readonly ExpressionAttributeValues?: Record<string, AttributeValue>
}

/** A conditional write as a statement of a batch takes it. */
export interface Statement {
  readonly Statement: string
  readonly Parameters: AttributeValue[]
}

/** Without this condition an update would create a header where there is none. */
const HEADER_EXISTS = 'attribute_exists(e)'
const VERSION_AS_READ = 'e = :version'
const OTHERS_GONE = 'g = :gone'
const PUBLISHED_WITH = 'c = :count'

export const expressionFor = (change: Change): Expression => {
  const values: Record<string, AttributeValue> = {}
  const conditions = conditionsOf(change, values)
  const updates = change.slots ? { UpdateExpression: updateOf(change.slots, values) } : {}
  return {
    Key: headerKey(change.key),
    ConditionExpression: conditions.join(' AND '),
    ...updates,
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  }
}

const conditionsOf = ({ requires }: Change, values: Record<string, AttributeValue>): string[] => {
  if (requires.kind === 'version') {
    values[':version'] = { N: String(requires.version) }
    return [VERSION_AS_READ]
  }
  const conditions = requires.slots.map(([index, expected]) => slotCondition(slotName(index), expected, values))
  if (requires.gone !== undefined) {
    values[':gone'] = { N: String(requires.gone) }
    conditions.push(OTHERS_GONE)
  }
  if (requires.count !== undefined) {
    values[':count'] = { N: String(requires.count) }
    conditions.push(PUBLISHED_WITH)
  }
  return [HEADER_EXISTS, ...conditions]
}

const slotCondition = (name: string, expected: SlotCondition, values: Record<string, AttributeValue>): string => {
  switch (expected.kind) {
    case 'fresh':
      return `attribute_not_exists(${name})`
    case 'lease':
      values[`:${name}is`] = slotValue(expected.lease) as AttributeValue
      return `${name} = :${name}is`
    case 'token': {
      const [from, to] = tokenBounds(expected)
      values[`:${name}from`] = from
      values[`:${name}to`] = to
      return `${name} BETWEEN :${name}from AND :${name}to`
    }
  }
}

const updateOf = (slots: NonNullable<Change['slots']>, values: Record<string, AttributeValue>): string => {
  const sets: string[] = []
  const removes: string[] = []
  let gone = 0
  for (const [index, slot] of slots) {
    const name = slotName(index)
    const value = slotValue(slot)
    if (slot.kind === 'gone') gone++
    if (value) {
      values[`:${name}`] = value
      sets.push(`${name} = :${name}`)
    } else removes.push(name)
  }
  values[':one'] = { N: '1' }
  const adds = ['e :one']
  if (gone > 0) {
    values[':more'] = { N: String(gone) }
    adds.push('g :more')
  }
  return [
    ...(sets.length > 0 ? [`SET ${sets.join()}`] : []),
    ...(removes.length > 0 ? [`REMOVE ${removes.join()}`] : []),
    `ADD ${adds.join()}`,
  ].join(' ')
}

/**
 * The change as a PartiQL statement, in forms that DynamoDB, DynamoDB Local and the embedded engine all take: no
 * functions, no arithmetic, one SET. Undefined where the change can't be expressed in these forms.
 *
 * A DELETE succeeds although no item is stored, with any WHERE. Only the returned item shows that one was deleted.
 */
export const statementFor = (table: string, change: Change): Statement | undefined => {
  const { pk, sk } = headerKey(change.key)
  const key = [pk as AttributeValue, sk as AttributeValue]
  const { requires, slots } = change
  if (slots) {
    if (requires.kind !== 'version' || slots.some(([, slot]) => slot.kind !== 'lease')) return undefined
    const values = slots.map(([, slot]) => slotValue(slot) as AttributeValue)
    return {
      Statement: `UPDATE "${table}" SET "e"=?, ${slots.map(([index]) => `"${slotName(index)}"=?`).join(', ')} WHERE "pk"=? AND "sk"=? AND "e"=? RETURNING ALL NEW *`,
      Parameters: [{ N: String(requires.version + 1) }, ...values, ...key, { N: String(requires.version) }],
    }
  }
  const conditions: string[] = []
  const parameters: AttributeValue[] = []
  if (requires.kind === 'version') {
    conditions.push('"e"=?')
    parameters.push({ N: String(requires.version) })
  } else {
    for (const [index, expected] of requires.slots) {
      if (expected.kind !== 'token') return undefined
      conditions.push(`"${slotName(index)}" BETWEEN ? AND ?`)
      parameters.push(...tokenBounds(expected))
    }
    if (requires.gone !== undefined) {
      conditions.push('"g"=?')
      parameters.push({ N: String(requires.gone) })
    }
    if (requires.count !== undefined) {
      conditions.push('"c"=?')
      parameters.push({ N: String(requires.count) })
    }
  }
  return {
    Statement: `DELETE FROM "${table}" WHERE "pk"=? AND "sk"=? AND ${conditions.join(' AND ')} RETURNING ALL OLD *`,
    Parameters: [...key, ...parameters],
  }
}
