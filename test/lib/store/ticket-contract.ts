import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { sequenceAfter, sequenceAt } from '../../../lib/model/group.ts'
import { claim } from '../../../lib/model/segment-change.ts'
import type { Store, TicketKey, Write } from '../../../lib/store/port.ts'
import { START } from '../../support/manual-clock.ts'
import { newPartition, textSegment, token } from './samples.ts'
import type { Subject } from './subject.ts'

const NEVER = Number.POSITIVE_INFINITY
const numberAt = (n: number) => sequenceAfter(sequenceAt(START), n)

export const ticketContract = (subject: () => Subject): void => {
  const newKey = (group = randomUUID().replaceAll('-', '').slice(0, 14)): TicketKey => ({
    partition: newPartition(),
    group,
  })
  const advance = (key: TicketKey, from: number, to = from, lockedUntil = 0): Write => ({
    kind: 'advance',
    key,
    from: numberAt(from),
    to: numberAt(to),
    expiresAt: START + 86_400_000,
    lockedUntil,
    turn: numberAt(from),
  })
  const ticketsOf = async (store: Store, { partition }: TicketKey, range = {}) =>
    (await store.tickets({ partition, from: '0', to: '~', limit: 10, ...range })).tickets
  const newTicket = async (store: Store, lockedUntil = 0) => {
    const key = newKey()
    await store.transact([advance(key, 1, 5, lockedUntil), { kind: 'put', key: other(), value: 1 }])
    return key
  }
  const other = () => ({ partition: `t#${randomUUID()}`, sort: 't' })
  const shownAs = (key: TicketKey, lockedUntil: number, last = 5) => [
    expect.objectContaining({ group: key.group, shard: 0, lastSequence: numberAt(last), lockedUntil }),
  ]

  describe('the ticket of a message group', () => {
    test('is made by the first number given, and advanced by those that follow', async () => {
      const { store } = subject()
      const key = await newTicket(store, START + 9)
      expect(await ticketsOf(store, key)).toEqual(shownAs(key, START + 9))
      expect(await store.transact([advance(key, 6, 8, START + 99)])).toEqual({ applied: true })
      // What it says of the group stays.
      expect(await ticketsOf(store, key)).toEqual(shownAs(key, START + 9, 8))
    })

    test('gives no sequence number twice and none below the last, and returns the last', async () => {
      const { store } = subject()
      const key = await newTicket(store)
      const document = other()
      for (const from of [5, 3, -100]) {
        const writes: Write[] = [advance(key, from, 7), { kind: 'put', key: document, value: 1, ifVersion: 0 }]
        expect(await store.transact(writes)).toEqual({
          applied: false,
          failures: [{ write: 0, lastSequence: numberAt(5) }],
        })
      }
      expect(await store.getDocument(document, { consistent: true })).toBeUndefined()
      expect(await ticketsOf(store, key)).toEqual(shownAs(key, 0))
    })

    test('is locked once, until the lock ends', async () => {
      const { store } = subject()
      const key = await newTicket(store)
      const lock = { now: START, lockedUntil: START + 2_000, turn: numberAt(40) }
      const [locked] = shownAs(key, START + 2_000)
      expect(await store.lockTicket(key, lock)).toEqual(locked)
      expect(
        await store.lockTicket(key, { now: START + 1_999, lockedUntil: START + 5_000, turn: numberAt(50) }),
      ).toBeUndefined()
      // Sent again after its answer was lost.
      expect(await store.lockTicket(key, lock)).toEqual(locked)
      // Another poller's, that ends at the same instant.
      expect(await store.lockTicket(key, { ...lock, turn: numberAt(41) })).toBeUndefined()
      expect(
        await store.lockTicket(key, { now: START + 2_000, lockedUntil: START + 5_000, turn: numberAt(50) }),
      ).toBeDefined()
    })

    test('is not made by a lock or a mark', async () => {
      const { store } = subject()
      const key = newKey()
      expect(await store.lockTicket(key, { now: START, lockedUntil: START + 1, turn: numberAt(50) })).toBeUndefined()
      for (const until of [0, NEVER]) expect(await store.markTicket(key, until)).toBe(false)
      expect(await ticketsOf(store, key)).toEqual([])
    })

    test('is marked on condition', async () => {
      const { store } = subject()
      const lockedUntil = START + 1_000
      const cases = [
        [undefined, true],
        [{ lastSequence: numberAt(5) }, true],
        [{ lastSequence: numberAt(4) }, false],
        [{ lockedUntil }, true],
        [{ lockedUntil: lockedUntil + 1 }, false],
        [{ lockedAfter: lockedUntil - 1 }, true],
        [{ lockedAfter: lockedUntil }, false],
        [{ lastSequence: numberAt(5), lockedAfter: lockedUntil }, false],
      ] as const
      for (const [condition, marked] of cases) {
        for (const until of [START + 7, NEVER]) {
          const key = await newTicket(store, lockedUntil)
          expect(await store.markTicket(key, until, condition)).toBe(marked)
          expect(await ticketsOf(store, key)).toEqual(shownAs(key, marked ? until : lockedUntil))
        }
      }
    })

    test('that is busy until something is published is neither locked nor hastened, and freed by a publish', async () => {
      const { store } = subject()
      const key = await newTicket(store)
      await store.markTicket(key, NEVER)
      expect(await store.lockTicket(key, { now: START, lockedUntil: START + 1, turn: numberAt(50) })).toBeUndefined()
      expect(await store.markTicket(key, 0, { lockedAfter: 0 })).toBe(false)
      await store.transact([advance(key, 6, 6, START + 3)])
      expect(await ticketsOf(store, key)).toEqual(shownAs(key, START + 3, 6))
    })

    test('waits for its turn since its first number or since it was locked, and anew once it was idle', async () => {
      const { store } = subject()
      const turnOf = async (key: TicketKey) => (await ticketsOf(store, key)).map(({ turn }) => turn)
      const key = await newTicket(store)
      await store.transact([advance(key, 6)])
      expect(await turnOf(key)).toEqual([numberAt(1)])
      await store.lockTicket(key, { now: START, lockedUntil: START + 1, turn: numberAt(30) })
      await store.markTicket(key, 0, { lockedAfter: 0 })
      await store.transact([advance(key, 7)])
      expect(await turnOf(key)).toEqual([numberAt(30)])
      await store.markTicket(key, NEVER)
      expect(await turnOf(key)).toEqual([''])
      await store.transact([advance(key, 60)])
      expect(await turnOf(key)).toEqual([numberAt(60)])
    })

    test('is locked over a lock from before a purge, and over no later one', async () => {
      const { store } = subject()
      const key = await newTicket(store)
      await store.lockTicket(key, { now: START, lockedUntil: START + 50, turn: numberAt(8) })
      const again = { now: START, lockedUntil: START + 60, turn: numberAt(9) }
      expect(await store.lockTicket(key, again)).toBeUndefined()
      expect(await store.lockTicket(key, { ...again, staleBefore: numberAt(8) })).toBeUndefined()
      expect(await store.lockTicket(key, { ...again, staleBefore: numberAt(9) })).toMatchObject({
        lockedUntil: START + 60,
      })
      const idle = await newTicket(store)
      await store.markTicket(idle, NEVER)
      expect(await store.lockTicket(idle, { ...again, staleBefore: numberAt(99) })).toBeUndefined()
    })

    test('ends a lock that lapses at the next number, unless the lock was set again', async () => {
      const { store } = subject()
      const key = await newTicket(store, START + 9)
      const later = { now: START, lockedUntil: START + 50, turn: numberAt(9) }
      await store.markTicket(key, START + 5, { lockedAfter: START + 5, lapses: true })
      expect(await ticketsOf(store, key)).toEqual(shownAs(key, START + 5))
      expect(await store.lockTicket(key, later)).toBeUndefined()
      await store.transact([advance(key, 6, 6, START + 99)])
      expect(await ticketsOf(store, key)).toEqual(shownAs(key, 0, 6))
      expect(await store.markTicket(key, START + 3, { lockedAfter: START + 3 })).toBe(false)
      expect(await store.markTicket(key, START + 3, { lockedUntil: START + 5 })).toBe(false)
      expect(await store.lockTicket(key, later)).toMatchObject({ lockedUntil: START + 50 })
      await store.transact([advance(key, 7)])
      expect(await ticketsOf(store, key)).toEqual(shownAs(key, START + 50, 7))
    })

    test('goes unless a number was given since', async () => {
      const { store } = subject()
      const key = await newTicket(store)
      expect(await store.dropTicket(key, numberAt(4))).toBe(false)
      expect(await ticketsOf(store, key)).toHaveLength(1)
      expect(await store.dropTicket(key, numberAt(5))).toBe(true)
      expect(await ticketsOf(store, key)).toEqual([])
      expect(await store.dropTicket(key, numberAt(5))).toBe(true)
    })

    test('is found by its hash, in order, page by page', async () => {
      const { store } = subject()
      const { partition } = newKey()
      for (const group of ['c0', 'a0', 'b0']) await store.transact([advance({ partition, group }, 1)])
      const page = async (from: string, limit: number) => {
        const { tickets, more } = await store.tickets({ partition, from, to: '~', limit })
        return [tickets.map(({ group }) => group), more]
      }
      expect(await page('0', 2)).toEqual([['a0', 'b0'], true])
      expect(await page('b0!', 2)).toEqual([['c0'], false])
    })
  })

  describe('claims made together', () => {
    /** Of one group, as all that are claimed together are. */
    const placed = async (store: Store) => {
      const partition = newPartition()
      const segments = [1, 2, 3].map((n) => textSegment(partition, [`message ${n}`, 'another'], { n }))
      for (const segment of segments) await store.insert(segment)
      return segments.map(({ segment }) => segment)
    }
    const lease = { token: token(7), now: START, until: START + 30_000 }
    const claimOf = (segment: Parameters<typeof claim>[0]) => ({
      segment,
      change: { ...claim(segment, [0], lease), requires: { kind: 'version', version: segment.version } as const },
    })

    test('are all made, with content, or none', async () => {
      const { store } = subject()
      for (const count of [1, 3]) {
        const segments = (await placed(store)).slice(0, count)
        const claimed = await store.claimTogether(segments.map(claimOf))
        expect(claimed).toHaveLength(count)
        const stored = await store.read(segments.map(({ key }) => key))
        expect(claimed).toMatchObject(stored)
        expect(stored.map((one) => [one?.segment.version, one?.segment.slots[0]])).toEqual(
          segments.map(({ version }) => [version + 1, expect.objectContaining({ kind: 'lease', token: token(7) })]),
        )
        expect(await store.claimTogether(segments.map(claimOf))).toBeUndefined()
      }
    })

    test('are not made when one of the segments changed or is gone', async () => {
      const { store } = subject()
      const [first, second, third] = await placed(store)
      if (!first || !second || !third) throw new Error('three were placed')
      await store.change([{ key: third.key, requires: { kind: 'version', version: third.version }, slots: undefined }])
      expect(await store.claimTogether([first, second, third].map(claimOf))).toBeUndefined()
      expect(await store.claimTogether([{ ...second, version: 9 }, first].map(claimOf))).toBeUndefined()
      const [one, two] = await store.read([first.key, second.key])
      expect([one?.segment, two?.segment]).toEqual([first, second])
    })

    test('are made together with a fence, on condition of its version', async () => {
      const { store } = subject()
      const key = other()
      const fence = (n: number, ifVersion: number) => ({ kind: 'put', key, value: n, ifVersion }) as const
      const [first, second, third] = await placed(store)
      if (!first || !second || !third) throw new Error('three were placed')
      expect(await store.claimTogether([claimOf(first)], fence(1, 0))).toMatchObject([{ content: expect.anything() }])
      expect(await store.claimTogether([claimOf(second)], fence(2, 0))).toBeUndefined()
      expect(await store.claimTogether([second, third].map(claimOf), fence(3, 1))).toHaveLength(2)
      expect(await store.claimTogether([claimOf(first)], fence(4, 2))).toBeUndefined()
      expect(await store.getDocument(key, { consistent: true })).toMatchObject({ version: 2, value: 3 })
      const [one, two] = await store.read([first.key, second.key])
      expect([one?.segment.version, two?.segment.version]).toEqual([first.version + 1, second.version + 1])
    })
  })
}
