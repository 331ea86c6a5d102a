import { describe, expect, test } from 'vitest'
import { type QueueJson, sourcesByQueue, type TroubleParts, troublesOf } from '../../cli/trouble.ts'

const NOW = Date.parse('2030-01-01T12:00:00Z')
const ago = (ms: number) => new Date(NOW - ms).toISOString()

const queueWith = (queue: Partial<QueueJson> & Record<string, unknown>): QueueJson =>
  ({ name: 'orders', retentionSeconds: 345_600, tags: {}, ...queue }) as QueueJson

const counts = (held: Partial<NonNullable<QueueJson['counts']>>) => ({
  counts: { ready: 0, delayed: 0, leased: 0, exact: true, ...held },
})

const codesOf = (queue: QueueJson, parts: Partial<TroubleParts> = {}) =>
  troublesOf({ queue, names: new Set(['orders', 'dead']), sources: [], now: NOW, ...parts }).map(
    ({ code, level }) => `${level}: ${code}`,
  )

describe('what is wrong with a queue', () => {
  test('is nothing where it is empty, or where its messages have just arrived', () => {
    expect(codesOf(queueWith(counts({})))).toEqual([])
    expect(codesOf(queueWith(counts({ ready: 1_000, oldestReadyAt: ago(59_000) })))).toEqual([])
  })

  test('is that nobody consumes it, from a minute on', () => {
    expect(codesOf(queueWith(counts({ ready: 1, oldestReadyAt: ago(60_000) })))).toEqual(['bad: no-consumers'])
  })

  test('is that consumers are slower than publishers, from five minutes on', () => {
    const held = (ms: number) => queueWith(counts({ ready: 9, leased: 1, oldestReadyAt: ago(ms) }))
    expect(codesOf(held(299_000))).toEqual([])
    expect(codesOf(held(300_000))).toEqual(['warning: behind'])
  })

  test('is that messages expire soon, from half of its retention on; that comes first', () => {
    const held = (ms: number) =>
      queueWith({ retentionSeconds: 7_200, ...counts({ ready: 9, leased: 1, oldestReadyAt: ago(ms) }) })
    expect(codesOf(held(3_599_000))).toEqual(['warning: behind'])
    expect(codesOf(held(3_600_000))).toEqual(['bad: expiring', 'warning: behind'])
  })

  test('advises a copy of what is about to expire: another retention would not keep it', () => {
    const queue = queueWith({ retentionSeconds: 100, ...counts({ ready: 1, leased: 1, oldestReadyAt: ago(60_000) }) })
    const [trouble] = troublesOf({ queue, names: undefined, sources: [], now: NOW })
    expect(trouble?.cures[0]?.command).toBe('export orders -o orders.ndjson')
  })

  test('is that dead letters expire soon, as a warning, and that a paused queue loses messages too', () => {
    const held = (parts: Partial<QueueJson>, ms: number) =>
      queueWith({ retentionSeconds: 7_200, ...parts, ...counts({ ready: 1, oldestReadyAt: ago(ms) }) })
    const ofDead = (ms: number) => codesOf(held({ name: 'dead' }, ms), { sources: ['orders'] })
    expect(ofDead(3_599_000)).toEqual(['warning: dead-letters'])
    expect(ofDead(3_600_000)).toEqual(['warning: expiring', 'warning: dead-letters'])
    const paused = held({ paused: true }, 3_600_000)
    expect(codesOf(paused)).toEqual(['bad: expiring', 'warning: paused'])
    const [trouble] = troublesOf({ queue: paused, names: undefined, sources: [], now: NOW })
    expect(trouble?.cures.map(({ command }) => command)).toEqual(['export orders -o orders.ndjson', 'resume orders'])
  })

  test('is a dead-letter queue that does not exist, where the other queues are known', () => {
    const queue = queueWith({ deadLetter: { queue: 'gone', maxReceives: 3 }, ...counts({}) })
    expect(codesOf(queue)).toEqual(['bad: dead-letter-queue-missing'])
    expect(codesOf(queue, { names: undefined })).toEqual([])
    expect(codesOf(queueWith({ deadLetter: { queue: 'dead', maxReceives: 3 }, ...counts({}) }))).toEqual([])
  })

  test('is that it contains dead letters; nobody is expected to consume those', () => {
    const dead = queueWith({ name: 'dead', ...counts({ ready: 1, oldestReadyAt: ago(86_400_000) }) })
    const [trouble, ...others] = troublesOf({ queue: dead, names: undefined, sources: ['orders'], now: NOW })
    expect(others).toEqual([])
    expect(trouble).toMatchObject({
      code: 'dead-letters',
      level: 'warning',
      what: 'it contains 1 dead letter of orders',
      cures: [{ command: 'dead dead --group-by reason' }, { command: 'redrive dead' }],
    })
  })

  test('is that it is paused, and then not that nobody consumes it', () => {
    const queue = queueWith({ paused: true, ...counts({ ready: 1, oldestReadyAt: ago(86_400_000) }) })
    expect(codesOf(queue)).toEqual(['warning: paused'])
  })
})

test('the sources of a dead-letter queue are the queues that name it', () => {
  const deadLetter = { queue: 'dead', maxReceives: 1 }
  expect(sourcesByQueue([{ name: 'a', deadLetter }, { name: 'b' }, { name: 'c', deadLetter }])).toEqual(
    new Map([['dead', ['a', 'c']]]),
  )
})
