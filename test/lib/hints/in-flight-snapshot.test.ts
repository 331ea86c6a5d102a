import { describe, expect, test } from 'vitest'
import { decodeSnapshot, encodeSnapshot, publishable, skipsKey } from '../../../lib/hints/in-flight-snapshot.ts'
import type { KeyRange } from '../../../lib/hints/scan-cache/key-range.ts'
import { sortFrom, sortKey, sortRightBehind } from '../../../lib/model/segment-key.ts'
import { START } from '../../support/manual-clock.ts'
import fc from '../../support/properties.ts'

const NOW = START + 3_600_000
const NEVER = Number.POSITIVE_INFINITY
const key = (ms: number, priority = 0) => sortKey({ priority, dueAt: START + ms, unique: '0123456789abcd' })

/** Stretches of a priority in order: some touch, some don't; ends are before or behind keys. */
const rowOf = (priority: number) =>
  fc
    .array(
      fc.record({
        gap: fc.nat(3),
        length: fc.integer({ min: 1, max: 50 }),
        behind: fc.boolean(),
        headers: fc.nat(64),
        until: fc.oneof(fc.integer({ min: NOW - 10_000, max: NOW + 600_000 }), fc.constant(NEVER)),
      }),
      { minLength: 1, maxLength: 200 },
    )
    .map((parts) => {
      const row: KeyRange[] = []
      let at = 0
      let end = sortFrom(priority)
      for (const { gap, length, behind, headers, until } of parts) {
        const from = gap === 0 || row.length === 0 ? end : key(at + gap, priority)
        at += gap + length
        end = behind ? sortRightBehind(key(at, priority)) : key(at, priority)
        row.push({ from, end, until, headers })
      }
      return row
    })

describe('a hint', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(
        fc.nat(9).chain((priority) => fc.tuple(fc.constant(priority), rowOf(priority))),
        ([priority, keyRanges]) => {
          const read = decodeSnapshot(encodeSnapshot({ writtenAt: NOW, keyRanges }), priority)
          // Only the very first place, before all keys, is written as a key of zeros.
          const first = { ...keyRanges[0], from: sortFrom(priority).padEnd(27, '0') }
          expect(read).toEqual({ writtenAt: NOW, keyRanges: [first, ...keyRanges.slice(1)] })
        },
      ),
    )
  })

  test('of keyRanges that touch stays within a write unit, with the longest name of a queue', () => {
    const row = Array.from({ length: 300 }, (_, at) => ({
      from: at === 0 ? sortFrom(0) : sortRightBehind(key(at - 1)),
      end: sortRightBehind(key(at)),
      until: NOW + 60_000,
      headers: 64,
    }))
    const value = JSON.stringify(encodeSnapshot({ writtenAt: NOW, keyRanges: publishable(row, 0, NOW) }))
    expect(value.length).toBeLessThan(700)
  })

  test('never hides more, or for longer, than what it is made of', () => {
    fc.assert(
      fc.property(rowOf(0), fc.nat(12_000), fc.nat(700_000), (row, ms, later) => {
        const hint = { writtenAt: NOW, keyRanges: publishable(row, 0, NOW) }
        fc.pre(skipsKey(hint, key(ms), NOW + later))
        expect(skipsKey({ writtenAt: NOW, keyRanges: row }, key(ms), NOW + later)).toBe(true)
      }),
    )
  })

  test('leaves out headers of the last two seconds, and leases that end within the next second', () => {
    const keyRange = (from: number, end: number, until: number) => ({
      from: key(from),
      end: key(end),
      until,
      headers: 9,
    })
    const old = keyRange(0, 10, NOW + 1_001)
    const ending = keyRange(10, 20, NOW + 1_000)
    const young = keyRange(20, 3_600_000 - 1_999, NOW + 60_000)
    expect(publishable([old, ending, young], 0, NOW)).toEqual([old])
  })
})
