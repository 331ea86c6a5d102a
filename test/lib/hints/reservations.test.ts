import { expect, test } from 'vitest'
import { reservations } from '../../../lib/hints/reservations.ts'

test('messages set aside are not free until they are given back', () => {
  const reserved = reservations()
  reserved.add('a', [0, 2, 24])
  expect(reserved.free('a', [0, 1, 2, 3, 24])).toEqual([1, 3])
  expect(reserved.free('b', [0, 1, 2])).toEqual([0, 1, 2])
  reserved.remove('a', [0, 2, 24])
  expect(reserved.free('a', [0, 1, 2, 3, 24])).toEqual([0, 1, 2, 3, 24])
})

test('what one gives back leaves to another what is set aside for it', () => {
  const reserved = reservations()
  reserved.add('a', [0, 1])
  reserved.add('a', [5])
  reserved.remove('a', [0, 1])
  expect(reserved.free('a', [0, 1, 5])).toEqual([0, 1])
})
