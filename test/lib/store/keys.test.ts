import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  aliasKey,
  bodyPartition,
  deduplicationKey,
  earlyReleasePartition,
  fenceKey,
  idempotencyRecordKey,
  KEY_KINDS,
  kindKeyPattern,
  layoutKey,
  queueKey,
  queueKeyPattern,
  queueListKey,
  receiveAttemptKey,
  redriveKey,
  runningRedriveKey,
  segmentPartition,
  snapshotKey,
  ticketPartition,
} from '../../../lib/store/keys.ts'

const life = { name: 'orders', generation: 'mf1x2y3z' }
const shard = { queue: 'orders', generation: 'mf1x2y3z', shard: 40 }
const group = { ...shard, group: '0123456789abcd' }
const SORT = '9019ca9450a0000000000000001'

describe('keys', () => {
  test('start with the letter of their kind, and name their queue right behind it', () => {
    expect([
      segmentPartition(shard),
      segmentPartition(group),
      bodyPartition({ partition: shard, sort: SORT }),
      ticketPartition(group),
      fenceKey(life, '0123abcd'),
      deduplicationKey(life, 'hash'),
      idempotencyRecordKey(life, 'hash'),
      receiveAttemptKey(life, 'hash'),
      snapshotKey(shard, 2),
      earlyReleasePartition(group),
      aliasKey('orders', 'an-id'),
      queueKey('orders'),
      layoutKey('orders'),
      redriveKey('orders', 'a-task'),
      runningRedriveKey('orders'),
      queueListKey('orders'),
      queueListKey('111122223333/eu-west-1/orders'),
    ]).toEqual([
      's#orders#mf1x2y3z#14',
      's#orders#mf1x2y3z#g0123456789abcd',
      `b#orders#mf1x2y3z#14#${SORT}`,
      't#orders#mf1x2y3z#14',
      { partition: 'f#orders#mf1x2y3z#0123abcd', sort: 'f' },
      { partition: 'd#orders#mf1x2y3z#hash', sort: 'd' },
      { partition: 'u#orders#mf1x2y3z#hash', sort: 'u' },
      { partition: 'p#orders#mf1x2y3z#hash', sort: 'p' },
      { partition: 'h#orders#mf1x2y3z#14', sort: '7' },
      'e#orders#mf1x2y3z#g0123456789abcd',
      { partition: 'a#orders#an-id', sort: 'a' },
      { partition: 'q#orders', sort: 'q' },
      { partition: 'n#orders', sort: 'n' },
      { partition: 'r#orders', sort: 'a-task' },
      { partition: 'w#', sort: 'orders' },
      { partition: 'l#', sort: 'orders' },
      { partition: 'l#111122223333/eu-west-1', sort: 'orders' },
    ])
  })

  test('have one letter a kind', () => {
    const letters = Object.values(KEY_KINDS).map(({ letter }) => letter)
    expect(new Set(letters).size).toBe(letters.length)
    for (const letter of letters) expect(letter).toMatch(/^[a-z]$/)
  })

  test('of one queue do not match the pattern of a queue whose name begins alike', () => {
    expect(queueKeyPattern('queue', 'orders')).toBe('q#orders')
    expect(queueKeyPattern('redrive', 'orders')).toBe('r#orders')
    expect(queueKeyPattern('segment', 'orders')).toBe('s#orders#*')
    expect(queueKeyPattern('alias', 'orders')).toBe('a#orders#*')
    expect(kindKeyPattern('earlyRelease')).toBe('e#*')
  })

  test('are built nowhere else', () => {
    const letters = Object.values(KEY_KINDS).map(({ letter }) => letter)
    const prefix = new RegExp(`['"\`][${letters.join('')}]#`)
    const sources = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
    expect(sources.length).toBeGreaterThan(50)
    expect(sources.filter((file) => prefix.test(readFileSync(join('lib', file), 'utf8')))).toEqual([])
  })
})
