import type { TransactWriteItem } from '@aws-sdk/client-dynamodb'
import type { Clock } from '../clock.ts'
import type { Store, Write } from '../store.ts'
import { documentItem, documentItemKey } from './documents.ts'
import { expressionFor } from './expressions.ts'
import { segmentItems } from './segment-items.ts'
import type { TableClient } from './table-client.ts'

/** A lone write needs no transaction, which costs double. */
export const transactOperation = (table: TableClient, clock: Clock): Pick<Store, 'transact'> => ({
  transact: async (writes) => {
    const items = writes.flatMap((write, position) => itemsOf(write, clock.now()).map((item) => ({ item, position })))
    const [only, another] = items
    if (only && !another) {
      const held = await single(table, only.item)
      return held ? { applied: true } : { applied: false, failed: only.position }
    }
    const outcome = await table.transact(items.map(({ item }) => named(table.table, item)))
    return outcome.applied ? outcome : { applied: false, failed: items[outcome.failed]?.position ?? 0 }
  },
})

/** A write of one item, without the table's name. */
type ItemWrite = {
  [K in 'Put' | 'Update' | 'Delete']?: Omit<NonNullable<TransactWriteItem[K]>, 'TableName'>
}

const itemsOf = (write: Write, now: number): ItemWrite[] => {
  switch (write.kind) {
    case 'insert': {
      const { header, bodies } = segmentItems(write.insert)
      const put = { Put: { Item: header, ConditionExpression: 'attribute_not_exists(pk)' } }
      return [put, ...bodies.map((Item) => ({ Put: { Item } }))]
    }
    case 'change': {
      const { UpdateExpression, ...expression } = expressionFor(write.change)
      return [UpdateExpression ? { Update: { ...expression, UpdateExpression } } : { Delete: expression }]
    }
    case 'put':
      return [putDocument(write, now)]
    case 'delete':
      return [{ Delete: { Key: documentItemKey(write.key), ...ifVersion(write.ifVersion, now) } }]
  }
}

const putDocument = (
  { key, value, expiresAt, ifVersion: version }: Extract<Write, { kind: 'put' }>,
  now: number,
): ItemWrite => ({
  Put: { Item: documentItem(key, (version ?? 0) + 1, value, expiresAt), ...ifVersion(version, now) },
})

const ifVersion = (version: number | undefined, now: number) => {
  if (version === undefined) return {}
  if (version === 0) {
    // What is past its time counts as absent, though TTL has not come by yet.
    return {
      ConditionExpression: 'attribute_not_exists(pk) OR x <= :now',
      ExpressionAttributeValues: { ':now': { N: String(Math.floor(now / 1_000)) } },
    }
  }
  return { ConditionExpression: 'e = :version', ExpressionAttributeValues: { ':version': { N: String(version) } } }
}

const single = async (table: TableClient, write: ItemWrite): Promise<boolean> => {
  if (write.Put) {
    const { Item, ConditionExpression, ExpressionAttributeValues } = write.Put
    const condition = ConditionExpression && {
      ConditionExpression,
      ...(ExpressionAttributeValues && { ExpressionAttributeValues }),
    }
    return (await table.put(Item ?? {}, condition || undefined)).held
  }
  if (write.Update) return (await table.update(write.Update as Parameters<TableClient['update']>[0])).held
  return (await table.delete(write.Delete as Parameters<TableClient['delete']>[0])).held
}

const named = (TableName: string, write: ItemWrite): TransactWriteItem => {
  if (write.Put) return { Put: { TableName, ...write.Put } as NonNullable<TransactWriteItem['Put']> }
  if (write.Update) return { Update: { TableName, ...write.Update } as NonNullable<TransactWriteItem['Update']> }
  return { Delete: { TableName, ...write.Delete } as NonNullable<TransactWriteItem['Delete']> }
}
