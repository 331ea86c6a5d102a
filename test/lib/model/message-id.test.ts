import { expect, test } from 'vitest'
import { decodeMessageId, encodeMessageId } from '../../../lib/model/message-id.ts'
import { sortKey } from '../../../lib/model/segment-key.ts'
import { START } from '../../support/manual-clock.ts'
import fc from '../../support/properties.ts'

const KEY = {
  partition: { queue: 'orders', generation: 'g', shard: 5 },
  sort: sortKey({ priority: 3, dueAt: START, unique: '0123456789abcd' }),
}

test('a message id is a UUID of version 8 that starts with the due time', () => {
  expect(encodeMessageId(KEY, 2)).toBe('019ca945-0a00-8185-8401-23456789abcd')
  expect(START.toString(16)).toBe('19ca9450a00')
})

test('an id gives back the address it was made of, whatever that is', () => {
  fc.assert(
    fc.property(
      fc.record({
        priority: fc.nat(9),
        dueAt: fc.nat(2 ** 48 - 1),
        unique: fc.nat(2 ** 48).map((n) => n.toString(16).padStart(14, '0')),
        shard: fc.nat(99),
        index: fc.nat(24),
      }),
      ({ shard, index, ...parts }) => {
        const sort = sortKey(parts)
        const id = encodeMessageId({ partition: { ...KEY.partition, shard }, sort }, index)
        expect(decodeMessageId(id)).toEqual({ shard, sort, index })
      },
    ),
  )
})

test.each([
  '',
  'orders',
  '019ca945-0a00-4185-8401-23456789abcd',
  '019ca945-0a00-8f85-c401-23456789abcd',
  '019CA945-0A00-8185-8401-23456789ABCD',
  '019ca945-0a00-8185-8401-23456789abcd ',
])('%j is no message id', (text) => {
  expect(decodeMessageId(text)).toBeUndefined()
})

test('a message has one id: a text that differs from it in the unused bit is none', () => {
  expect(decodeMessageId('019ca945-0a00-8185-8401-23456789abcd')).toMatchObject({ index: 2 })
  expect(decodeMessageId('019ca945-0a00-8185-8501-23456789abcd')).toBeUndefined()
})
