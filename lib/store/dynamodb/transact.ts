import type { TransactWriteItem } from '@aws-sdk/client-dynamodb'
import type { Clock } from '../../clock.ts'
import type { SharedTable, Store, Write, WriteFailure } from '../port.ts'
import { documentItemKey, documentOf, ifVersion, putDocument, versionIs } from './documents.ts'
import { expressionFor } from './expressions.ts'
import type { Item } from './header-item.ts'
import { segmentItems } from './segment-items.ts'
import type { TableClient } from './table-client.ts'
import { advanceExpression, touchExpression } from './tickets.ts'

/**
 * writes: all writes in one transaction; a lone write in a plain request
 * cost: 2 WRU for each started KB of an item, 1 WRU for a lone write
 */
export const transactOperation = (table: TableClient, clock: Clock): Pick<Store, 'transact'> => ({
  transact: async (writes) => {
    const now = clock.now()
    const made = writes.map((write) => itemsOf(write, now))
    // Bodies are written before the header that refers to them. TTL deletes the bodies of a failed transaction.
    await Promise.all(made.flatMap(({ bodies }) => bodies.map((body) => table.put(body))))
    const items = made.map(({ item }, position) => ({ item, position }))
    const [only, another] = items
    if (only && !another) {
      const held = await single(table, only.item)
      return held ? { applied: true } : { applied: false, failures: [{ write: only.position }] }
    }
    const outcome = await table.transact(items.map(({ item }) => named(table.table, item)))
    if (outcome.applied) return outcome
    return {
      applied: false,
      failures: outcome.failures.map(({ position, item }) => failureOf(items[position]?.position ?? 0, item)),
    }
  },
})

/** Turns writes into actions of a transaction that another module sends, with the caller's own writes. */
export const sharedTable = (table: TableClient, client: unknown, clock: Clock): SharedTable => ({
  name: table.table,
  client,
  actions: (writes) => {
    const now = clock.now()
    const made = writes.map((write) => itemsOf(write, now))
    return {
      actions: made.map(({ item }) => named(table.table, item)),
      storeContent: async () => {
        await Promise.all(made.flatMap(({ bodies }) => bodies.map((body) => table.put(body))))
      },
    }
  },
})

const failureOf = (write: number, item: Item | undefined): WriteFailure => ({
  write,
  ...(item?.j && { document: documentOf(item) }),
  ...(item?.l?.S !== undefined && { lastSequence: item.l.S }),
})

/** A write of one item, without the table's name. */
type ItemWrite = {
  [K in 'Put' | 'Update' | 'Delete' | 'ConditionCheck']?: Omit<NonNullable<TransactWriteItem[K]>, 'TableName'>
}

const itemsOf = (write: Write, now: number): { item: ItemWrite; bodies: readonly Item[] } => {
  if (write.kind !== 'insert') return { item: itemOf(write, now), bodies: [] }
  const { header, bodies } = segmentItems(write.insert)
  return { item: { Put: { Item: header, ConditionExpression: 'attribute_not_exists(pk)' } }, bodies }
}

const itemOf = (write: Exclude<Write, { kind: 'insert' }>, now: number): ItemWrite => {
  switch (write.kind) {
    case 'change': {
      const { UpdateExpression, ...expression } = expressionFor(write.change)
      return UpdateExpression ? { Update: { ...expression, UpdateExpression } } : { Delete: expression }
    }
    case 'put':
      return { Put: putDocument(write, now) }
    case 'delete':
      return { Delete: { Key: documentItemKey(write.key), ...ifVersion(write.ifVersion, now) } }
    case 'check':
      return { ConditionCheck: { Key: documentItemKey(write.key), ...versionIs(write.ifVersion) } }
    case 'advance':
      return { Update: advanceExpression(write) }
    case 'touch':
      return { Update: touchExpression(write) }
  }
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

const named = (TableName: string, { Put, Update, Delete, ConditionCheck }: ItemWrite): TransactWriteItem => {
  // A failed condition returns the item that it met, so that the caller need not read it.
  const common = { TableName, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const }
  if (Put) return { Put: { ...common, ...Put } as NonNullable<TransactWriteItem['Put']> }
  if (Update) return { Update: { ...common, ...Update } as NonNullable<TransactWriteItem['Update']> }
  if (ConditionCheck) {
    return { ConditionCheck: { ...common, ...ConditionCheck } as NonNullable<TransactWriteItem['ConditionCheck']> }
  }
  return { Delete: { ...common, ...Delete } as NonNullable<TransactWriteItem['Delete']> }
}
