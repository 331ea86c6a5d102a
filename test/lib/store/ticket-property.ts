import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { sequenceAfter, sequenceAt } from '../../../lib/model/group.ts'
import { applyToTicket, type Ticket, type TicketCommand, type TicketState } from '../../../lib/model/ticket.ts'
import type { Store, TicketKey } from '../../../lib/store/port.ts'
import { START } from '../../support/manual-clock.ts'
import fc from '../../support/properties.ts'
import { newPartition } from './samples.ts'
import type { Subject } from './subject.ts'

/** Few numbers and instants, so that conditions hold about as often as not. */
const anySequence = fc.integer({ min: 0, max: 6 }).map((n) => sequenceAfter(sequenceAt(START), n))
const anyInstant = fc.constantFrom(START - 1, START, START + 1, START + 2, START + 30_000)
const anyEnd = fc.oneof(anyInstant, fc.constantFrom(0, Number.POSITIVE_INFINITY))
const expiresAt = START + 86_400_000

const anyCommand: fc.Arbitrary<TicketCommand> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('lock' as const),
      now: anyInstant,
      lockedUntil: anyInstant,
      turn: anySequence,
      staleBefore: anySequence,
    },
    { requiredKeys: ['kind', 'now', 'lockedUntil', 'turn'] },
  ),
  fc.record(
    {
      kind: fc.constant('mark' as const),
      until: anyEnd,
      lastSequence: anySequence,
      lockedUntil: anyInstant,
      lockedAfter: fc.oneof(anyInstant, fc.constant(0)),
      lapses: fc.boolean(),
    },
    { requiredKeys: ['kind', 'until'] },
  ),
  fc.record({ kind: fc.constant('drop' as const), lastSequence: anySequence }),
  fc
    .record({ from: anySequence, count: fc.integer({ min: 1, max: 2 }), lockedUntil: anyEnd, turn: anySequence })
    .filter(({ lockedUntil }) => lockedUntil < Number.POSITIVE_INFINITY)
    .map(({ from, count, lockedUntil, turn }) => ({
      kind: 'advance' as const,
      from,
      to: sequenceAfter(from, count - 1),
      expiresAt,
      lockedUntil,
      turn,
    })),
  anySequence.map((mark) => ({ kind: 'touch' as const, mark, expiresAt })),
)

const perform = async (store: Store, key: TicketKey, command: TicketCommand): Promise<Ticket | boolean> => {
  switch (command.kind) {
    case 'lock':
      return (await store.lockTicket(key, command)) ?? false
    case 'mark': {
      const { kind: _, until, ...mark } = command
      return store.markTicket(key, until, mark)
    }
    case 'drop':
      return store.dropTicket(key, command.lastSequence)
    case 'advance':
    case 'touch':
      return (await store.transact([{ key, ...command }])).applied
  }
}

export const ticketProperty = (subject: () => Subject): void => {
  describe('a ticket', () => {
    test('becomes what the rule applyToTicket returns, after any command', async () => {
      const { store } = subject()
      await fc.assert(
        fc.asyncProperty(fc.array(anyCommand, { minLength: 1, maxLength: 8 }), async (commands) => {
          const key: TicketKey = { partition: newPartition(), group: randomUUID().replaceAll('-', '').slice(0, 14) }
          let state: TicketState | undefined
          const shown = (): Ticket[] => {
            if (!state) return []
            const { lastSequence, turn, lockedUntil } = state
            return [{ group: key.group, shard: 0, lastSequence, turn, lockedUntil }]
          }
          for (const command of commands) {
            const outcome = applyToTicket(state, command)
            if (outcome.applied) state = outcome.ticket
            const answer = await perform(store, key, command)
            expect(answer).toEqual(command.kind === 'lock' && outcome.applied ? shown()[0] : outcome.applied)
            const { partition } = key
            const { tickets } = await store.tickets({ partition, from: '0', to: '~', limit: 2, consistent: true })
            expect(tickets).toEqual(shown())
          }
        }),
        { seed: 11, numRuns: 150 },
      )
    })
  })
}
