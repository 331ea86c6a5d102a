import { describe, expect, test } from 'vitest'
import {
  decisive,
  type Ending,
  failureFrom,
  isPrompt,
  type ResultEntry,
  type ResultRecord,
  resultExpiry,
  resultsKeptMs,
  type WorkOutcome,
} from '../../../lib/model/result.ts'
import { decodeResults, encodeResults } from '../../../lib/model/result-codec.ts'
import { START } from '../../support/manual-clock.ts'
import fc from '../../support/properties.ts'

const json = fc.jsonValue() as fc.Arbitrary<never>
const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const failure = fc.record({ name: text, message: text, stack: text }, { requiredKeys: ['name', 'message'] })
const content = fc.record(
  {
    body: fc.oneof(text, fc.uint8Array({ maxLength: 20 })),
    json: fc.constant(true as const),
    groupId: text,
    publishedAt: fc.nat(),
    attributes: fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.record({
        dataType: fc.constantFrom('String', 'Binary'),
        value: fc.oneof(text, fc.uint8Array({ maxLength: 9 })),
      }),
      { noNullPrototype: true },
    ),
  },
  { requiredKeys: ['body'], noNullPrototype: true },
)
const outcome: fc.Arbitrary<WorkOutcome | Ending> = fc.oneof(
  fc.constant({ kind: 'done' as const }),
  fc.record({ kind: fc.constant('done' as const), result: fc.oneof(json, fc.uint8Array({ maxLength: 20 })) }),
  fc.record({ kind: fc.constant('unstored' as const), reason: text }),
  fc.record({ kind: fc.constant('failed' as const), failure, content }, { requiredKeys: ['kind', 'failure'] }),
  fc.constant({ kind: 'cancelled' as const }),
  fc.record({ kind: fc.constant('moved' as const), queue: text }),
  fc.record(
    { kind: fc.constant('deadLettered' as const), queue: text, reason: text, failure },
    { requiredKeys: ['kind', 'queue', 'reason'] },
  ),
)

test('a result item gives back what it was made of', () => {
  const entry = fc.record({ index: fc.nat(24), version: fc.nat(), outcome })
  const record = fc.record({ publishedAt: fc.nat(), at: fc.nat(), entries: fc.array(entry, { maxLength: 5 }) })
  fc.assert(
    fc.property(record, (given) => {
      const stored = JSON.parse(JSON.stringify(encodeResults(given as ResultRecord)))
      // As JSON: a minus in front of zero does not survive it.
      expect(decodeResults(stored)).toEqual(normal(given))
    }),
  )
})

/** Minus zero is zero in JSON. */
const normal = <T>(value: T): T => {
  if (Object.is(value, -0)) return 0 as T
  if (value instanceof Uint8Array || value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(normal) as T
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, normal(member)])) as T
}

describe('the expiry of results', () => {
  const HOUR = 3_600_000
  const claims = fc.record({
    retentionSeconds: fc.integer({ min: 60, max: 2_592_000 }),
    /** From the first receive to its last look at the lease, from there to the second receive, and to either ack. */
    held: fc.nat(100 * HOUR),
    toSecond: fc.nat(10 * HOUR),
    secondWork: fc.nat(100 * HOUR),
    late: fc.nat(1_000 * HOUR),
    kept: fc.nat(2_000 * HOUR),
  })

  /** As an ack decides: prompt ones count from the receive, later ones from a look at the lease. */
  const expiryOf = (
    settings: { retentionSeconds: number },
    receivedAt: number,
    ackedAt: number,
    heldAt: number,
    keptUntil: number,
  ) =>
    resultExpiry({
      ...settings,
      receivedAt,
      keptUntil,
      heldAt: isPrompt(settings, receivedAt, ackedAt) ? undefined : heldAt,
    })

  test('is in the order of the claims, however late the earlier consumer acks', () => {
    fc.assert(
      fc.property(claims, ({ retentionSeconds, held, toSecond, secondWork, late, kept }) => {
        const settings = { retentionSeconds }
        const keptUntil = START + kept
        const lookedAt = START + held
        const secondAt = lookedAt + toSecond
        const secondAck = secondAt + secondWork
        const first = expiryOf(settings, START, lookedAt + late, lookedAt, keptUntil)
        const second = expiryOf(settings, secondAt, secondAck, secondAck, keptUntil)
        expect(first).toBeLessThanOrEqual(second)
      }),
    )
  })

  test('is at least a retention after the ack, at most that of the header, and before that of an ending written later', () => {
    fc.assert(
      fc.property(claims, ({ retentionSeconds, secondWork: work, late, kept }) => {
        const settings = { retentionSeconds }
        const ackedAt = START + work
        const keptUntil = START + kept
        const expiry = expiryOf(settings, START, ackedAt, ackedAt, keptUntil)
        expect(expiry).toBeGreaterThanOrEqual(Math.min(keptUntil, ackedAt + retentionSeconds * 1_000))
        expect(expiry).toBeLessThanOrEqual(keptUntil)
        expect(expiry).toBeLessThanOrEqual(ackedAt + late + resultsKeptMs(settings))
      }),
    )
  })
})

describe('what became of a message', () => {
  const done = (version: number, result: string, at = START): ResultRecord => ({
    publishedAt: START,
    at,
    entries: [{ index: 3, version, outcome: { kind: 'done', result } } satisfies ResultEntry],
  })
  const cancelled: ResultRecord = {
    publishedAt: START,
    at: START,
    entries: [{ index: 3, version: 2, outcome: { kind: 'cancelled' } }],
  }
  const told = (...records: ResultRecord[]) => decisive(records, 3)?.entry.outcome

  test('is that of the latest claim, whatever the order of the items', () => {
    expect(told(done(5, 'a'), done(7, 'b'))).toEqual({ kind: 'done', result: 'b' })
    expect(told(done(7, 'b'), done(5, 'a'))).toEqual({ kind: 'done', result: 'b' })
  })
  test('is that of the first of two items of one claim', () => {
    expect(told(done(5, 'again', START + 1), done(5, 'first'))).toEqual({ kind: 'done', result: 'first' })
  })
  test('is that of a committed removal, whatever result a claim has', () => {
    expect(told(done(9, 'late'), cancelled, done(1, 'a'))).toEqual({ kind: 'cancelled' })
  })
  test('is not that of another message in the segment', () => {
    expect(decisive([done(5, 'a')], 2)).toBeUndefined()
  })
})

test.each([
  [new RangeError('too far'), { name: 'RangeError', message: 'too far' }],
  ['just text', { name: 'Error', message: 'just text' }],
  [{ code: 7 }, { name: 'Error', message: '{"code":7}' }],
  [undefined, { name: 'Error', message: 'undefined' }],
  [
    { name: 'x'.repeat(200), message: 'lone \ud800 half' },
    { name: `${'x'.repeat(127)}…`, message: 'lone \ufffd half' },
  ],
])('a failure of %j is told', (error, expected) => {
  expect(failureFrom(error)).toMatchObject(expected)
})
