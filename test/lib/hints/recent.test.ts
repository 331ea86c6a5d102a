import { expect, test } from 'vitest'
import { recent } from '../../../lib/hints/recent.ts'

test('the latest entries are there, and those long before are not', () => {
  const map = recent<number>(3)
  for (let number = 0; number < 10; number++) map.set(String(number), number)
  expect([9, 8, 7].map((number) => map.get(String(number)))).toEqual([9, 8, 7])
  expect([0, 1, 2, 3].map((number) => map.get(String(number)))).toEqual([undefined, undefined, undefined, undefined])
})

test('of one key the latest value counts', () => {
  const map = recent<number>(2)
  map.set('a', 1)
  map.set('b', 1)
  map.set('c', 1)
  map.set('a', 2)
  expect(map.get('a')).toBe(2)
})

test('a deleted entry is gone, whether it is a new one or an old one', () => {
  const map = recent<number>(2)
  for (const key of ['a', 'b', 'c']) map.set(key, 1)
  map.delete('a')
  map.delete('c')
  expect(['a', 'b', 'c'].map((key) => map.get(key))).toEqual([undefined, 1, undefined])
})

test('where entries have weights, the latest that weigh the capacity are there, and at most twice as many', () => {
  const map = recent<string>(10, ({ length }) => length)
  const there = () => ['a', 'b', 'c', 'd'].filter((key) => map.get(key) !== undefined)
  map.set('a', 'xxxxx')
  map.set('b', 'xxxxx')
  map.set('c', 'xxxxxxxxxx')
  expect(there()).toEqual(['a', 'b', 'c'])
  map.set('d', 'x')
  expect(there()).toEqual(['c', 'd'])
  // A value set again, and one deleted, no longer weigh.
  for (let times = 0; times < 20; times++) map.set('d', 'xxxx')
  map.delete('d')
  map.set('d', 'xxxxxxxxx')
  map.set('a', 'x')
  expect(there()).toEqual(['a', 'c', 'd'])
})
