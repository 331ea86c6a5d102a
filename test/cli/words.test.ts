import { expect, test } from 'vitest'
import { counted, duration, oneLine, relative, secondsIn } from '../../cli/output/words.ts'

test.each([
  ['30', 30],
  ['1.5', 1.5],
  ['30s', 30],
  ['5m', 300],
  ['1h30m', 5_400],
  ['2d', 172_800],
  ['1w', 604_800],
  ['0', 0],
  ['', undefined],
  ['5 m', undefined],
  ['m5', undefined],
  ['-5', undefined],
  ['5x', undefined],
  ['9'.repeat(306), undefined],
  ['9'.repeat(400), undefined],
  [`${'9'.repeat(400)}s`, undefined],
])('the duration %j has %j seconds', (text, seconds) => {
  expect(secondsIn(text)).toBe(seconds)
})

test.each([
  [0, '0 s'],
  [59_499, '59 s'],
  [60_000, '1 min'],
  [61_000, '1 min 1 s'],
  [3_540_000, '59 min'],
  [3_600_000, '1 h'],
  [9_000_000, '2 h 30 min'],
  [90_000_000, '1 d 1 h'],
])('%d ms are %s', (ms, words) => {
  expect(duration(ms)).toBe(words)
})

test('instants are told from now on', () => {
  const now = Date.parse('2030-01-01T00:00:00Z')
  expect(relative('2029-12-31T23:00:00Z', now)).toBe('1 h ago')
  expect(relative('2030-01-01T00:05:00Z', now)).toBe('in 5 min')
  expect(relative('2030-01-01T00:00:00.500Z', now)).toBe('now')
})

test('nouns have their plural', () => {
  expect([counted(0, 'message'), counted(1, 'message'), counted(12_345, 'message')]).toEqual([
    '0 messages',
    '1 message',
    '12,345 messages',
  ])
})

test('a line has no line ends, no more than its width, and nothing that steers the terminal', () => {
  expect(oneLine('a\n  b\tc', 80)).toBe('a b c')
  expect(oneLine('abcdef', 4)).toBe('abc…')
  expect(oneLine('\x1b[2Jgone\x07', 80)).toBe('\\x1b[2Jgone\\x07')
})
