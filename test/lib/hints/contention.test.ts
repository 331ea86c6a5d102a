import { expect, test } from 'vitest'
import { contention } from '../../../lib/hints/contention.ts'

const after = (...looks: { won: number; lost: number }[]): number => {
  const { pressure, observe } = looks.reduce((learned, look) => {
    learned.observe(look)
    return learned
  }, contention())
  void observe
  return pressure
}
const times = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one)

test('a poller thinks itself alone until it loses', () => {
  expect(after()).toBe(1)
  expect(after(...times(50, { won: 10, lost: 0 }))).toBe(1)
})

test('losing raises the pressure with the share that was lost, and it has an end', () => {
  expect(after({ won: 0, lost: 4 })).toBeGreaterThan(after({ won: 3, lost: 1 }))
  expect(after({ won: 3, lost: 1 })).toBeGreaterThan(1)
  expect(after(...times(100, { won: 0, lost: 1 }))).toBe(after(...times(200, { won: 0, lost: 1 })))
})

test('winning lets it fall again, down to being alone', () => {
  const crowded = times(10, { won: 0, lost: 1 })
  expect(after(...crowded, { won: 5, lost: 0 })).toBeLessThan(after(...crowded))
  expect(after(...crowded, ...times(500, { won: 5, lost: 0 }))).toBe(1)
})

test('a look that claimed nothing teaches nothing', () => {
  expect(after({ won: 0, lost: 3 }, { won: 0, lost: 0 })).toBe(after({ won: 0, lost: 3 }))
})
