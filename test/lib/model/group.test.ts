import { describe, expect, test } from 'vitest'
import {
  groupSort,
  isNumberKept,
  judgeHead,
  lastSequenceOf,
  sequenceAfter,
  sequenceAt,
  sequenceNumber,
  sequenceOf,
} from '../../../lib/model/group.ts'
import { FRESH, GONE, type Lease, type Segment, type Slot } from '../../../lib/model/segment.ts'
import { START } from '../../support/manual-clock.ts'

const now = START
const lease = (change: Partial<Lease> = {}): Lease => ({
  kind: 'lease',
  token: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  until: now + 30_000,
  receiveCount: 1,
  firstReceivedAt: now - 1_000,
  backingOff: false,
  ...change,
})
const over = lease({ until: now })
const givenBack = lease({ until: now, backingOff: true })

const segment = (n: number, slots: readonly Slot[], change: Partial<Segment> = {}): Segment => ({
  key: {
    partition: { queue: 'orders.fifo', generation: 'g', shard: 0, group: '0123456789abcd' },
    sort: groupSort(sequenceAfter(sequenceAt(START), n * 100)),
  },
  version: 1,
  slots,
  publishedAt: START,
  dueAt: START,
  expiresAt: START + 100_000_000,
  bodyItems: 0,
  ...change,
})
/** What is taken, as `segment.place`. */
const shown = (segments: readonly Segment[], options: Partial<Parameters<typeof judgeHead>[1]> = {}) => {
  const head = judgeHead(segments, { now, want: 10, ...options })
  if (head.kind !== 'ready') return head
  return head.parts
    .flatMap(({ segment, indexes }) => indexes.map((index) => `${segments.indexOf(segment)}.${index}`))
    .join(' ')
}

describe('sequence numbers', () => {
  test('rise with time and within a millisecond, and have twenty digits', () => {
    const first = sequenceAt(START)
    expect(sequenceNumber(first)).toMatch(/^[0-9]{20}$/)
    expect([sequenceAfter(first, 1) > first, sequenceAt(START + 1) > sequenceAfter(first, 4_095)]).toEqual([true, true])
    expect(sequenceNumber(sequenceAfter(first, 1)) > sequenceNumber(first)).toBe(true)
  })

  test('are the sort keys of their segments, whose messages have those that follow', () => {
    const one = segment(1, [FRESH, FRESH, FRESH])
    expect(sequenceOf(one.key.sort)).toBe(sequenceAfter(sequenceAt(START), 100))
    expect(lastSequenceOf(one)).toBe(sequenceAfter(sequenceAt(START), 102))
  })

  test('are young for seconds', () => {
    expect([isNumberKept(sequenceAt(START), START + 4_999), isNumberKept(sequenceAt(START), START + 5_000)]).toEqual([
      true,
      false,
    ])
  })
})

describe('the head of a group', () => {
  test('is taken in order, over several segments, as far as wanted', () => {
    const segments = [segment(1, [GONE, FRESH]), segment(2, [FRESH]), segment(3, [FRESH, FRESH])]
    expect(shown(segments, { want: 3 })).toBe('0.1 1.0 2.0')
  })

  test('is taken up to the first message that is in flight, and nothing behind that', () => {
    const held = lease({ until: now + 5_000 })
    expect(shown([segment(1, [givenBack, over]), segment(2, [over, held, over, FRESH]), segment(3, [FRESH])])).toBe(
      '0.0 0.1 1.0',
    )
    expect(shown([segment(1, [over]), segment(2, [lease()]), segment(3, [held])])).toBe('0.0')
  })

  test('is not taken while it is in flight itself, until its own lease ends', () => {
    const [first, second] = [lease({ until: now + 5_000 }), lease({ until: now + 30_000 })]
    expect(shown([segment(1, [first, over]), segment(2, [second])])).toEqual({
      kind: 'in-flight',
      until: now + 5_000,
    })
    expect(shown([segment(1, [GONE, second, first])])).toEqual({ kind: 'in-flight', until: now + 30_000 })
  })

  test('holds up what follows while it backs off, though that could be received', () => {
    const backingOff = lease({ until: now + 1_000, backingOff: true })
    expect(shown([segment(1, [backingOff, FRESH])])).toEqual({ kind: 'backing-off', until: now + 1_000 })
    expect(shown([segment(1, [FRESH, backingOff, FRESH])])).toBe('0.0')
  })

  test('backs off until its own time, whatever is in flight behind it', () => {
    const backingOff = lease({ until: now + 60_000, backingOff: true })
    expect(shown([segment(1, [backingOff, lease()])])).toEqual({ kind: 'backing-off', until: now + 60_000 })
  })

  test('holds nothing up for longer than it is kept', () => {
    const backingOff = lease({ until: now + 60_000, backingOff: true })
    const expiring = segment(1, [backingOff], { expiresAt: now + 2_000 })
    expect(shown([expiring, segment(2, [FRESH])])).toEqual({ kind: 'backing-off', until: now + 2_000 })
  })

  test('waits for a delay, but not for the clock of a publisher that is ahead', () => {
    expect(shown([segment(1, [FRESH], { publishedAt: now + 9_000, dueAt: now + 9_000 })])).toBe('0.0')
    expect(shown([segment(1, [FRESH], { publishedAt: now, dueAt: now + 9_000 })])).toEqual({
      kind: 'backing-off',
      until: now + 9_000,
    })
  })

  test('is exhausted when its messages were received often enough, one segment at a time', () => {
    const exhausted = lease({ until: now, backingOff: true, receiveCount: 3 })
    const [first, second] = [segment(1, [GONE, exhausted, exhausted, FRESH]), segment(2, [exhausted])]
    expect(shown([first, second], { maxReceives: 3 })).toEqual({ kind: 'exhausted', segment: first, indexes: [1, 2] })
    expect(shown([segment(0, [FRESH]), first], { maxReceives: 3 })).toBe('0.0')
  })

  test('is exhausted up to the first message that is in flight', () => {
    const exhausted = lease({ until: now, receiveCount: 3 })
    const held = lease({ receiveCount: 3 })
    const one = segment(1, [exhausted, held, exhausted])
    expect(shown([one], { maxReceives: 3 })).toEqual({ kind: 'exhausted', segment: one, indexes: [0] })
    expect(shown([segment(1, [held, exhausted])], { maxReceives: 3 })).toEqual({
      kind: 'in-flight',
      until: now + 30_000,
    })
  })

  test('is empty when all is gone', () => {
    expect(shown([])).toEqual({ kind: 'empty' })
    expect(shown([segment(1, [GONE, GONE])])).toEqual({ kind: 'empty' })
  })
})
