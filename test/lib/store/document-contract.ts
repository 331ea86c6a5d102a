import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { JsonValue } from '../../../lib/model/message.ts'
import type { DocumentKey, Store, Write } from '../../../lib/store/port.ts'
import { failedAt } from './samples.ts'
import type { Subject } from './subject.ts'

const newKey = (sort = 'a'): DocumentKey => ({ partition: `d#${randomUUID()}`, sort })

const put = (store: Store, key: DocumentKey, value: JsonValue, more: Partial<Extract<Write, { kind: 'put' }>> = {}) =>
  store.transact([{ kind: 'put', key, value, ...more }])

const APPLIED = { applied: true }
const FAILED = failedAt(0)

export const documentContract = (subject: () => Subject): void => {
  describe('a document', () => {
    test('comes back as it was written', async () => {
      const { store } = subject()
      const key = newKey()
      const value = { text: 'ü🙂', list: [1, 2.5, null, true], nested: { empty: {} }, '': 'no name' }
      expect(await put(store, key, value)).toEqual(APPLIED)
      expect(await store.getDocument(key, { consistent: true })).toEqual({ ...key, version: 1, value })
    })

    test('that was never written is not there', async () => {
      const { store } = subject()
      expect(await store.getDocument(newKey())).toBeUndefined()
    })

    test('is written only at the version asked for, and the version rises', async () => {
      const { store } = subject()
      const key = newKey()
      expect(await put(store, key, 1, { ifVersion: 1 })).toEqual(FAILED)
      expect(await put(store, key, 1, { ifVersion: 0 })).toEqual(APPLIED)
      expect(await put(store, key, 2, { ifVersion: 0 })).toEqual(FAILED)
      expect(await put(store, key, 2, { ifVersion: 1 })).toEqual(APPLIED)
      expect(await put(store, key, 3, { ifVersion: 1 })).toEqual(FAILED)
      expect(await store.getDocument(key, { consistent: true })).toEqual({ ...key, version: 2, value: 2 })
    })

    test('is won by one of several writers at the same version', async () => {
      const { store } = subject()
      const key = newKey()
      const outcomes = await Promise.all([1, 2, 3, 4].map((value) => put(store, key, value, { ifVersion: 0 })))
      expect(outcomes.filter(({ applied }) => applied)).toHaveLength(1)
    })

    test('is deleted only at the version asked for', async () => {
      const { store } = subject()
      const key = newKey()
      await put(store, key, 'here')
      expect(await store.transact([{ kind: 'delete', key, ifVersion: 2 }])).toEqual(FAILED)
      expect(await store.transact([{ kind: 'delete', key, ifVersion: 1 }])).toEqual(APPLIED)
      expect(await store.getDocument(key, { consistent: true })).toBeUndefined()
      expect(await store.transact([{ kind: 'delete', key }])).toEqual(APPLIED)
    })

    test('past its time is not there, is not listed, and gives way to a new one', async () => {
      const { store, clock } = subject()
      const key = newKey()
      // DynamoDB's TTL counts whole seconds.
      const expiresAt = Math.ceil(clock.now() / 1_000) * 1_000 + 2_000
      await put(store, key, 'old', { expiresAt })
      expect(await store.getDocument(key, { consistent: true })).toMatchObject({ value: 'old' })
      await clock.advance(expiresAt - clock.now())
      expect(await store.getDocument(key, { consistent: true })).toBeUndefined()
      expect(await store.listDocuments({ partition: key.partition, limit: 10, consistent: true })).toEqual([])
      expect(await put(store, key, 'new', { ifVersion: 0 })).toEqual(APPLIED)
      expect(await store.getDocument(key, { consistent: true })).toEqual({ ...key, version: 1, value: 'new' })
    })

    test('begins with the version that the write gives it, and goes on from there', async () => {
      const { store } = subject()
      const key = newKey()
      const firstVersion = 1_764_000_000_000
      const write = { kind: 'put', key, value: 'one', ifVersion: 0, firstVersion } as const
      expect(await store.transact([write])).toEqual(APPLIED)
      expect(await store.transact([write])).toEqual(FAILED)
      const next = { ...write, value: 'two', ifVersion: firstVersion }
      expect(await store.transact([next])).toEqual(APPLIED)
      expect(await store.getDocument(key, { consistent: true })).toEqual({
        ...key,
        version: firstVersion + 1,
        value: 'two',
      })
    })

    test('stays for ever after a write that gives it no time, whatever time it had', async () => {
      const { store, clock } = subject()
      const key = newKey()
      const expiresAt = Math.ceil(clock.now() / 1_000) * 1_000 + 2_000
      await put(store, key, 'old', { expiresAt })
      expect(await put(store, key, 'new', { ifVersion: 1 })).toEqual(APPLIED)
      await clock.advance(expiresAt + 1_000 - clock.now())
      expect(await store.getDocument(key, { consistent: true })).toEqual({ ...key, version: 2, value: 'new' })
    })

    test('does not change with the object that it was written from or read into', async () => {
      const { store } = subject()
      const key = newKey()
      const value = { list: [1] }
      await put(store, key, value)
      value.list.push(2)
      const read = (await store.getDocument(key, { consistent: true })) as unknown as { value: typeof value }
      read.value.list.push(3)
      expect(await store.getDocument(key, { consistent: true })).toMatchObject({ value: { list: [1] } })
    })
  })

  describe('a list of documents', () => {
    const names = ['a', 'ab', 'ab-c', 'b', 'b_1', 'B', '10', 'zz']

    const filled = async (): Promise<{ store: Store; partition: string }> => {
      const { store } = subject()
      const { partition } = newKey()
      for (const sort of names) await put(store, { partition, sort }, {})
      return { store, partition }
    }
    const sortsOf = async (store: Store, query: Omit<Parameters<Store['listDocuments']>[0], 'consistent'>) =>
      (await store.listDocuments({ ...query, consistent: true })).map(({ sort }) => sort)

    test('is in the order of code points', async () => {
      const { store, partition } = await filled()
      expect(await sortsOf(store, { partition, limit: 50 })).toEqual(['10', 'B', 'a', 'ab', 'ab-c', 'b', 'b_1', 'zz'])
    })

    test.each<[Parameters<typeof sortsOf>[1], string[]]>([
      [{ partition: '', prefix: 'ab', limit: 50 }, ['ab', 'ab-c']],
      [{ partition: '', prefix: 'x', limit: 50 }, []],
      [{ partition: '', limit: 3 }, ['10', 'B', 'a']],
      [{ partition: '', after: 'a', limit: 2 }, ['ab', 'ab-c']],
      [{ partition: '', after: 'aa', limit: 2 }, ['ab', 'ab-c']],
      [{ partition: '', after: 'zz', limit: 2 }, []],
      [{ partition: '', prefix: 'b', after: 'b', limit: 5 }, ['b_1']],
      [{ partition: '', prefix: 'b', after: 'a', limit: 5 }, ['b', 'b_1']],
      [{ partition: '', prefix: 'a', after: 'zz', limit: 5 }, []],
      // Bounds that DynamoDB takes no key for.
      ...[1_021, 1_024, 3_000].flatMap((length): [Parameters<typeof sortsOf>[1], string[]][] => [
        [{ partition: '', prefix: 'a'.repeat(length), limit: 5 }, []],
        [{ partition: '', after: 'a'.repeat(length), limit: 2 }, ['ab', 'ab-c']],
        [
          { partition: '', prefix: 'b', after: 'b'.repeat(length), limit: 2 },
          ['b_1'].filter((name) => name > 'b'.repeat(length)),
        ],
      ]),
    ])('for %j is %j', async (query, expected) => {
      const { store, partition } = await filled()
      expect(await sortsOf(store, { ...query, partition })).toEqual(expected)
    })

    test('holds the whole documents', async () => {
      const { store } = subject()
      const key = newKey('name')
      await put(store, key, { colour: 'red' })
      expect(await store.listDocuments({ partition: key.partition, limit: 5, consistent: true })).toEqual([
        { ...key, version: 1, value: { colour: 'red' } },
      ])
    })
  })
}
