import { describe, expect, test } from 'vitest'
import { sequenceAfter, sequenceAt } from '../../../lib/model/group.ts'
import { applyToTicket, isLockStale, type TicketCommand, type TicketState } from '../../../lib/model/ticket.ts'
import { START } from '../../support/manual-clock.ts'

const IDLE = Number.POSITIVE_INFINITY
const n = (number: number) => sequenceAfter(sequenceAt(START), number)
const ticket = (change: Partial<TicketState> = {}): TicketState => ({
  lastSequence: n(5),
  turn: n(1),
  lockedUntil: START + 1_000,
  lapses: false,
  expiresAt: START + 86_400_000,
  ...change,
})
const open = ticket({ lockedUntil: 0 })
const idle = ticket({ lockedUntil: IDLE, turn: '' })
const lock = { kind: 'lock', now: START, lockedUntil: START + 2_000, turn: n(9) } as const
const advance = {
  kind: 'advance',
  from: n(6),
  to: n(8),
  expiresAt: START + 90_000_000,
  lockedUntil: START + 7,
  turn: n(6),
} as const
const touch = { kind: 'touch', mark: 'mark', expiresAt: START + 90_000_000 } as const
const REFUSED = { applied: false }
const made = (state: TicketState | undefined) => ({ applied: true, ticket: state })

describe('the rule of tickets', () => {
  test('a lock takes an open ticket and moves it to the end of the line', () => {
    expect(applyToTicket(open, lock)).toEqual(made(ticket({ lockedUntil: START + 2_000, turn: n(9) })))
    expect(applyToTicket(ticket({ lockedUntil: START, lapses: true }), lock)).toEqual(
      made(ticket({ lockedUntil: START + 2_000, turn: n(9) })),
    )
  })

  test('a lock is refused by a ticket that is locked, idle or absent', () => {
    for (const state of [ticket(), ticket({ lockedUntil: START + 1 }), idle, undefined])
      expect(applyToTicket(state, lock)).toEqual(REFUSED)
  })

  test('a lock sent again finds its own, and another of the same end does not', () => {
    const locked = ticket({ lockedUntil: START + 2_000, turn: n(9) })
    expect(applyToTicket(locked, lock)).toEqual(made(locked))
    expect(applyToTicket(locked, { ...lock, turn: n(10) })).toEqual(REFUSED)
  })

  test('a lock from before a purge is stale, and no later one', () => {
    const locked = { ...lock, staleBefore: n(1) }
    expect(applyToTicket(ticket(), locked)).toEqual(REFUSED)
    expect(applyToTicket(ticket(), { ...locked, staleBefore: n(2) })).toMatchObject({ applied: true })
    expect(applyToTicket(idle, { ...locked, staleBefore: n(2) })).toEqual(REFUSED)
    expect([isLockStale({ turn: '' }, n(9)), isLockStale({ turn: n(1) }, undefined)]).toEqual([false, false])
  })

  test('a mark is made only where all of its condition holds', () => {
    const cases: [Partial<Extract<TicketCommand, { kind: 'mark' }>>, boolean][] = [
      [{}, true],
      [{ lastSequence: n(5) }, true],
      [{ lastSequence: n(4) }, false],
      [{ lockedUntil: START + 1_000 }, true],
      [{ lockedUntil: START + 999 }, false],
      [{ lockedAfter: START + 999 }, true],
      [{ lockedAfter: START + 1_000 }, false],
      [{ lastSequence: n(4), lockedAfter: 0 }, false],
    ]
    for (const [condition, applied] of cases) {
      const outcome = applyToTicket(ticket(), { kind: 'mark', until: START + 3, ...condition })
      expect(outcome).toEqual(applied ? made(ticket({ lockedUntil: START + 3 })) : REFUSED)
    }
    expect(applyToTicket(undefined, { kind: 'mark', until: 0 })).toEqual(REFUSED)
    expect(applyToTicket(idle, { kind: 'mark', until: 0, lockedAfter: 0 })).toEqual(REFUSED)
  })

  test('an idle ticket loses its turn, and gets one with the next number', () => {
    expect(applyToTicket(ticket(), { kind: 'mark', until: IDLE, lapses: true })).toEqual(made(idle))
    expect(applyToTicket(idle, advance)).toEqual(
      made({ lastSequence: n(8), turn: n(6), lockedUntil: START + 7, lapses: false, expiresAt: START + 90_000_000 }),
    )
  })

  test('numbers rise: an advance from one that was given, or from below, is refused', () => {
    for (const from of [n(5), n(4)]) expect(applyToTicket(open, { ...advance, from })).toEqual(REFUSED)
    const after = { lastSequence: n(8), expiresAt: START + 90_000_000 }
    expect(applyToTicket(ticket(), advance)).toEqual(made(ticket(after)))
    expect(applyToTicket(ticket({ lapses: true }), advance)).toEqual(made(ticket({ ...after, lockedUntil: 0 })))
    expect(applyToTicket(undefined, advance)).toEqual(made(ticket({ ...after, turn: n(6), lockedUntil: START + 7 })))
  })

  test('a touch opens a ticket, or makes it', () => {
    const opened = { lastSequence: 'mark', turn: '', lockedUntil: 0, lapses: false, expiresAt: START + 90_000_000 }
    for (const state of [ticket(), ticket({ lapses: true }), idle, undefined])
      expect(applyToTicket(state, touch)).toEqual(made(opened))
  })

  test('a ticket is dropped unless something was published since', () => {
    expect(applyToTicket(ticket(), { kind: 'drop', lastSequence: n(4) })).toEqual(REFUSED)
    expect(applyToTicket(ticket(), { kind: 'drop', lastSequence: n(5) })).toEqual(made(undefined))
    expect(applyToTicket(undefined, { kind: 'drop', lastSequence: n(5) })).toEqual(made(undefined))
  })
})
