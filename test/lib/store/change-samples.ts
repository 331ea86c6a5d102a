import fc from 'fast-check'
import { FRESH, GONE, type Segment, type Slot } from '../../../lib/model/segment.ts'
import {
  asRead,
  atVersion,
  type Change,
  type Requirement,
  type SlotCondition,
} from '../../../lib/model/segment-change.ts'
import { START } from '../../support/manual-clock.ts'
import { lease, token } from './samples.ts'

/** Few tokens and instants, so that conditions hold about as often as not. */
const anyToken = fc.integer({ min: 1, max: 3 })
const anyInstant = fc.constantFrom(0, START - 1, START, START + 1, START + 30_000, 2 ** 47)

const anyLease = fc
  .record({
    n: anyToken,
    until: anyInstant,
    receiveCount: fc.constantFrom(0, 1, 2, 32_767),
    firstReceivedAt: fc.constantFrom(0, START),
    backingOff: fc.boolean(),
  })
  .map(lease)

const anySlot: fc.Arbitrary<Slot> = fc.oneof(fc.constant(FRESH), fc.constant(GONE), anyLease)

export const anySlots = fc.array(anySlot, { minLength: 1, maxLength: 6 })

const anyCondition: fc.Arbitrary<SlotCondition> = fc.oneof(
  fc.constant({ kind: 'fresh' } as const),
  anyLease.map((read) => ({ kind: 'lease', lease: read }) as const),
  anyToken.map((n) => ({ kind: 'token', token: token(n) }) as const),
  fc.tuple(anyToken, anyInstant).map(([n, liveAt]) => ({ kind: 'token', token: token(n), liveAt }) as const),
  fc.tuple(anyToken, anyInstant).map(([n, endsBy]) => ({ kind: 'token', token: token(n), endsBy }) as const),
  fc
    .tuple(anyToken, anyInstant, anyInstant)
    // DynamoDB refuses a range whose upper bound is below its lower one.
    .filter(([, liveAt, endsBy]) => liveAt < endsBy)
    .map(([n, liveAt, endsBy]) => ({ kind: 'token', token: token(n), liveAt, endsBy }) as const),
)

/** What someone wants of a segment, whichever it turns out to be. */
export interface Wish {
  readonly picks: readonly number[]
  readonly requires:
    | 'version'
    | 'old version'
    | 'as read'
    | 'conditions'
    | 'conditions and one gone'
    | 'conditions and three in all'
  readonly conditions: readonly SlotCondition[]
  readonly slots: readonly Slot[]
  readonly deletes: boolean
}

export const anyWish: fc.Arbitrary<Wish> = fc.record({
  picks: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 4 }),
  requires: fc.constantFrom(
    'version',
    'old version',
    'as read',
    'conditions',
    'conditions and one gone',
    'conditions and three in all',
  ),
  conditions: fc.array(anyCondition, { minLength: 4, maxLength: 4 }),
  slots: fc.array(anySlot, { minLength: 4, maxLength: 4 }),
  deletes: fc.boolean(),
})

/** The wish as a change of this segment. What is gone is left so: no operation brings it back, and no store has to. */
export const changeFor = (segment: Segment, wish: Wish): Change => {
  const living = [...new Set(wish.picks.map((pick) => pick % segment.slots.length))].filter(
    (index) => segment.slots[index]?.kind !== 'gone',
  )
  return {
    key: segment.key,
    requires: requirementOf(segment, wish, living),
    slots: wish.deletes ? undefined : living.map((index, position) => [index, wish.slots[position] as Slot] as const),
  }
}

const requirementOf = (segment: Segment, wish: Wish, indexes: readonly number[]): Requirement => {
  const slots = indexes.map((index, position) => [index, wish.conditions[position] as SlotCondition] as const)
  switch (wish.requires) {
    case 'version':
      return atVersion(segment)
    case 'old version':
      return { kind: 'version', version: segment.version - 1 }
    case 'as read':
      return asRead(segment, indexes)
    case 'conditions':
      return { kind: 'slots', slots }
    case 'conditions and one gone':
      return { kind: 'slots', slots, gone: 1 }
    case 'conditions and three in all':
      return { kind: 'slots', slots, count: 3 }
  }
}
