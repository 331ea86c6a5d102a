import { describe, expect, test } from 'vitest'
import { FRESH, GONE, goneCount, nextVisibleAt, receivable, type Slot } from '../../../lib/model/segment.ts'
import { applyChange, claim, removeMessages, removeSegment, unclaim } from '../../../lib/model/segment-change.ts'
import { sortKey } from '../../../lib/model/segment-key.ts'
import { START } from '../../support/manual-clock.ts'
import { lease, newPartition, segmentIn, token, unique } from '../store/samples.ts'

const LEASE = { token: token(9), now: START, until: START + 30_000 }
const claimed = lease({ n: 9 })
const withSlots = (...slots: Slot[]) => segmentIn(newPartition(), { slots, version: 4 })

describe('receivable', () => {
  test('are the fresh ones that are due, and those whose lease or rest is over', () => {
    const segment = withSlots(
      FRESH,
      GONE,
      lease({ until: START + 1 }),
      lease({ until: START }),
      lease({ until: START - 1, backingOff: true }),
      lease({ until: START + 1, backingOff: true }),
    )
    expect(receivable(segment, START)).toEqual([0, 3, 4])
    expect(receivable(segment, START + 1)).toEqual([0, 2, 3, 4, 5])
  })

  test('is nothing before the due time', () => {
    const partition = newPartition()
    const key = { partition, sort: sortKey({ priority: 0, dueAt: START + 10, unique: unique(1) }) }
    const segment = segmentIn(partition, { key })
    expect(receivable(segment, START + 9)).toEqual([])
    expect(receivable(segment, START + 10)).toEqual([0])
    expect(nextVisibleAt(segment)).toBe(START + 10)
  })

  test('is never anything of a segment whose messages are gone', () => {
    expect(nextVisibleAt(withSlots(GONE, GONE))).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('a claim', () => {
  test('of all that is left requires the version', () => {
    expect(claim(withSlots(FRESH, GONE), [0], LEASE)).toMatchObject({
      requires: { kind: 'version', version: 4 },
      slots: [[0, claimed]],
    })
  })

  test('of a part requires each message as it was read', () => {
    const before = lease({ until: START - 1, receiveCount: 2 })
    expect(claim(withSlots(FRESH, before, FRESH), [0, 1], LEASE)).toMatchObject({
      requires: {
        kind: 'slots',
        slots: [
          [0, { kind: 'fresh' }],
          [1, { kind: 'lease', lease: before }],
        ],
      },
      slots: [
        [0, claimed],
        [1, { ...claimed, receiveCount: 3 }],
      ],
    })
  })

  test('keeps the time of the first receive, and counts on', () => {
    const segment = withSlots(lease({ until: START - 1, receiveCount: 6, firstReceivedAt: START - 900 }))
    expect(claim(segment, [0], LEASE).slots).toEqual([
      [0, { ...claimed, receiveCount: 7, firstReceivedAt: START - 900 }],
    ])
  })

  test('of a message that was put off before it was ever received is its first receive', () => {
    const segment = withSlots(lease({ until: START - 1, receiveCount: 0, firstReceivedAt: 0, backingOff: true }))
    expect(claim(segment, [0], LEASE).slots).toEqual([[0, claimed]])
  })

  test('does not count beyond what is stored', () => {
    const segment = withSlots(lease({ until: START - 1, receiveCount: 32_767 }))
    expect(claim(segment, [0], LEASE).slots).toEqual([[0, { ...claimed, receiveCount: 32_767 }]])
  })

  test('undone leaves each message as it was, receives included', () => {
    const before = withSlots(FRESH, lease({ until: START - 1, receiveCount: 2 }), FRESH)
    const taken = applyChange(before, claim(before, [0, 1], LEASE))
    const undone = applyChange(taken.applied ? taken.segment : undefined, unclaim(before, claim(before, [0, 1], LEASE)))
    expect(undone).toEqual({ applied: true, segment: { ...before, version: 6 } })
  })

  test('undone too late, when another has it, changes nothing', () => {
    const before = withSlots(FRESH)
    const others = withSlots(lease({ n: 2 }))
    expect(applyChange({ ...others, key: before.key }, unclaim(before, claim(before, [0], LEASE)))).toEqual({
      applied: false,
    })
  })
})

describe('taking away', () => {
  test('the last message deletes the segment, at its version', () => {
    expect(removeMessages(withSlots(GONE, lease()), [1])).toMatchObject({
      requires: { kind: 'version', version: 4 },
      slots: undefined,
    })
  })

  test('some leaves the others', () => {
    const segment = withSlots(lease(), FRESH)
    const after = applyChange(segment, removeMessages(segment, [0]))
    expect(after).toEqual({ applied: true, segment: { ...segment, version: 5, slots: [GONE, FRESH] } })
    expect(after.applied && after.segment && goneCount(after.segment)).toBe(1)
  })

  test('what has changed since it was read does nothing', () => {
    const segment = withSlots(lease(), FRESH)
    const extended = { ...segment, version: 5, slots: [lease({ until: START + 60_000 }), FRESH] }
    expect(applyChange(extended, removeMessages(segment, [0]))).toEqual({ applied: false })
    expect(applyChange(extended, removeSegment(segment))).toEqual({ applied: false })
    expect(applyChange(undefined, removeSegment(segment))).toEqual({ applied: false })
  })
})
