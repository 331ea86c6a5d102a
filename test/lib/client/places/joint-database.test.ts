import { expect, test } from 'vitest'
import { jointDatabase } from '../../../../lib/client/places/joint-database.ts'
import { memoryStore } from '../../../../lib/store/keyed/memory-store.ts'
import type { Store, TableStore } from '../../../../lib/store/port.ts'

const ENTRY = { Put: { TableName: 'accounts', Item: { id: { S: 'ada' } } } }
const NO_TABLE = 'entries of your own need the table: this store takes acks and publishes alone'

test("a store without a table commits acks and publishes, and refuses the caller's own entries", async () => {
  const database = jointDatabase(memoryStore())
  expect(database.commits(undefined, []).repeatable).toBe(false)
  expect(() => database.commits(undefined, [ENTRY])).toThrow(NO_TABLE)
  await expect(database.items([])).rejects.toThrow(NO_TABLE)
  expect(database.canceledActions(new Error('canceled'), [])).toEqual([])
})

test("a table's commits can be repeated, and its items are returned after their content is stored", async () => {
  const stored: string[] = []
  const table: TableStore['table'] = {
    name: 'holdfast',
    client: {},
    actions: () => ({
      actions: [ENTRY],
      storeContent: async () => {
        stored.push('content')
      },
    }),
  }
  const database = jointDatabase({ ...memoryStore(), table } as Store)
  expect(database.commits(undefined, [ENTRY]).repeatable).toBe(true)
  expect(await database.items([])).toEqual([ENTRY])
  expect(stored).toEqual(['content'])
})
