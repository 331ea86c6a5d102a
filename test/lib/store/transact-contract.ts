import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { FRESH, GONE } from '../../../lib/model/segment.ts'
import { removeMessages } from '../../../lib/model/segment-change.ts'
import type { DocumentKey, Write } from '../../../lib/store/port.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { place } from './change-contract.ts'
import { comparable, failedAt, lease, newPartition, segmentIn, textSegment } from './samples.ts'
import type { Subject } from './subject.ts'

export const transactContract = (subject: () => Subject): void => {
  const newKey = (): DocumentKey => ({ partition: `t#${randomUUID()}`, sort: 't' })

  describe('a transaction', () => {
    test('makes all of its writes', async () => {
      const { store } = subject()
      const source = await place(store, [lease(), FRESH])
      const moved = textSegment(newPartition(), ['moved'])
      const key = newKey()
      expect(
        await store.transact([
          { kind: 'change', change: removeMessages(source, [0]) },
          { kind: 'insert', insert: moved },
          { kind: 'put', key, value: { to: 'there' }, ifVersion: 0 },
        ]),
      ).toEqual({ applied: true })
      const [left, arrived] = await store.read([source.key, moved.segment.key])
      expect(left?.segment).toEqual({ ...source, version: source.version + 1, slots: [GONE, FRESH] })
      expect(arrived).toEqual(moved)
      expect(await store.getDocument(key, { consistent: true })).toEqual({ ...key, version: 1, value: { to: 'there' } })
    })

    test('makes none of its writes when one condition fails, and names the first that did', async () => {
      const { store } = subject()
      const source = await place(store, [lease()])
      const kept = newKey()
      await store.transact([{ kind: 'put', key: kept, value: 'kept' }])
      const checked = newKey()
      await store.transact([{ kind: 'put', key: checked, value: 'checked' }])
      const fresh = textSegment(newPartition(), ['moved'])
      const taken = textSegment(newPartition(), ['taken'])
      await store.insert(taken)
      const fine: Record<string, Write> = {
        change: { kind: 'change', change: removeMessages(source, [0]) },
        insert: { kind: 'insert', insert: fresh },
        put: { kind: 'put', key: newKey(), value: 1 },
        delete: { kind: 'delete', key: kept },
        check: { kind: 'check', key: checked, ifVersion: 1 },
      }
      const failing: Write[] = [
        { kind: 'change', change: removeMessages({ ...source, version: 9 }, [0]) },
        { kind: 'insert', insert: taken },
        { kind: 'put', key: kept, value: 'other', ifVersion: 7 },
        { kind: 'delete', key: kept, ifVersion: 7 },
        { kind: 'check', key: checked, ifVersion: 7 },
      ]
      for (const write of failing) {
        const others = Object.entries(fine).filter(([kind]) => kind !== (write.kind === 'put' ? 'delete' : write.kind))
        const writes = [...others.map(([, other]) => other), write]
        expect(await store.transact(writes)).toEqual(failedAt(writes.length - 1))
        expect(await store.transact([write, ...others.map(([, other]) => other)])).toEqual(failedAt(0))
      }
      const [left, arrived] = await store.read([source.key, fresh.segment.key])
      expect(left?.segment).toEqual(source)
      expect(arrived).toBeUndefined()
      expect(await store.getDocument(kept, { consistent: true })).toMatchObject({ version: 1, value: 'kept' })
    })

    test('of one write is that write, with its condition', async () => {
      const { store } = subject()
      const source = await place(store, [lease(), FRESH])
      const moved = textSegment(newPartition(), ['alone'])
      const change: Write = { kind: 'change', change: removeMessages(source, [0]) }
      expect(await store.transact([change])).toEqual({ applied: true })
      expect(await store.transact([change])).toEqual(failedAt(0))
      expect(await store.transact([{ kind: 'insert', insert: moved }])).toEqual({ applied: true })
      expect(await store.transact([{ kind: 'insert', insert: moved }])).toEqual(failedAt(0))
    })

    test('takes away a whole segment', async () => {
      const { store } = subject()
      const source = await place(store, [lease(), GONE])
      const key = newKey()
      await store.transact([
        { kind: 'change', change: removeMessages(source, [0]) },
        { kind: 'put', key, value: 1 },
      ])
      expect(await store.read([source.key])).toEqual([undefined])
    })

    test('carries large content', async () => {
      const { store } = subject()
      const segment = segmentIn(newPartition())
      const content = { messages: [{ body: seededRandom(9).bytes(1_000_000) }] }
      await store.transact([
        { kind: 'insert', insert: { segment, content } },
        { kind: 'put', key: newKey(), value: 1 },
      ])
      const [stored] = await store.read([segment.key])
      expect(comparable(stored?.content)).toStrictEqual(comparable(content))
    })

    test('of as many writes as dead-lettering a full segment takes is made', async () => {
      const { store } = subject()
      const full = textSegment(
        newPartition(),
        Array.from({ length: 25 }, (_, n) => `message ${n}`),
      )
      const keys = Array.from({ length: 25 }, newKey)
      expect(
        await store.transact([
          { kind: 'insert', insert: full },
          ...keys.map((key, n): Write => ({ kind: 'put', key, value: n })),
        ]),
      ).toEqual({ applied: true })
    })

    test('is won by one of several that want the same thing', async () => {
      const { store } = subject()
      const source = await place(store, [lease()])
      const outcomes = await Promise.all(
        Array.from({ length: 5 }, () =>
          store.transact([
            { kind: 'change', change: removeMessages(source, [0]) },
            { kind: 'put', key: newKey(), value: 1 },
          ]),
        ),
      )
      expect(outcomes.filter(({ applied }) => applied)).toHaveLength(1)
    })
  })
}
