import { describe, expect, test } from 'vitest'
import { FRESH, GONE, type Segment, type Slot } from '../../../lib/model/segment.ts'
import { applyChange, type Change, claim } from '../../../lib/model/segment-change.ts'
import type { Store } from '../../../lib/store/port.ts'
import { START } from '../../support/manual-clock.ts'
import fc from '../../support/properties.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { anySlots, anyWish, changeFor } from './change-samples.ts'
import { comparable, lease, newPartition, segmentIn, slotChanges, textContent, textSegment, token } from './samples.ts'
import type { Subject } from './subject.ts'

/** Writes a segment whose slots are these; one version later where they are not all fresh. */
export const place = async (
  store: Store,
  slots: readonly Slot[],
  n = 1,
  partition = newPartition(),
): Promise<Segment> => {
  const { segment, content } = textSegment(
    partition,
    slots.map((_, index) => `message ${index}`),
    { n },
  )
  await store.insert({ segment, content })
  const changes = slotChanges(slots)
  if (changes.length === 0) return segment
  const [outcome] = await store.change([
    { key: segment.key, requires: { kind: 'version', version: 1 }, slots: changes },
  ])
  expect(outcome).toEqual({ applied: true, segment: { ...segment, version: 2, slots } })
  return { ...segment, version: 2, slots }
}

const stored = async (store: Store, { key }: Segment): Promise<Segment | undefined> =>
  (await store.read([key]))[0]?.segment

export const changeContract = (subject: () => Subject): void => {
  describe('a change', () => {
    test('at the version read is made, answers the segment after it, and raises the version', async () => {
      const { store } = subject()
      const segment = await place(store, [FRESH, FRESH])
      const outcome = await store.change([
        { key: segment.key, requires: { kind: 'version', version: 1 }, slots: [[1, lease()]] },
      ])
      const after = { ...segment, version: 2, slots: [FRESH, lease()] }
      expect(outcome).toEqual([{ applied: true, segment: after }])
      expect(await stored(store, segment)).toEqual(after)
    })

    test('at another version is not made, and answers what it met', async () => {
      const { store } = subject()
      const segment = await place(store, [lease()])
      const outcome = await store.change([
        { key: segment.key, requires: { kind: 'version', version: 1 }, slots: [[0, GONE]] },
      ])
      expect(outcome).toEqual([{ applied: false, segment }])
      expect(await stored(store, segment)).toEqual(segment)
    })

    test('never makes a segment where there is none', async () => {
      const { store } = subject()
      const { key } = segmentIn(newPartition())
      const changes: Change[] = [
        { key, requires: { kind: 'version', version: 1 }, slots: [[0, lease()]] },
        { key, requires: { kind: 'slots', slots: [[0, { kind: 'fresh' }]] }, slots: [[0, lease()]] },
        { key, requires: { kind: 'slots', slots: [[0, { kind: 'token', token: token(1) }]] }, slots: undefined },
      ]
      for (const change of changes)
        expect(await store.change([change])).toEqual([{ applied: false, segment: undefined }])
      expect(await store.read([key])).toEqual([undefined])
    })

    test('without slots deletes the segment', async () => {
      const { store } = subject()
      const segment = await place(store, [lease()])
      const change: Change = {
        key: segment.key,
        requires: { kind: 'slots', slots: [[0, { kind: 'token', token: token(1) }]] },
        slots: undefined,
      }
      expect(await store.change([change])).toEqual([{ applied: true, segment: undefined }])
      expect(await store.change([change])).toEqual([{ applied: false, segment: undefined }])
      expect(await store.read([segment.key])).toEqual([undefined])
    })

    test.each([1, 2, 3])('that deletes a missing segment is not made, among %s', async (count) => {
      const { store } = subject()
      const partition = newPartition()
      const requirements: Change['requires'][] = [
        { kind: 'version', version: 1 },
        { kind: 'slots', slots: [[0, { kind: 'token', token: token(1) }]] },
        { kind: 'slots', slots: [[0, { kind: 'token', token: token(1), liveAt: START }]], gone: 1, count: 2 },
      ]
      const missing = requirements
        .slice(0, count)
        .map((requires, n): Change => ({ key: segmentIn(partition, { n }).key, requires, slots: undefined }))
      expect(await store.change(missing)).toEqual(missing.map(() => ({ applied: false, segment: undefined })))
    })

    test.each(['version', 'token'] as const)(
      'that deletes is made once, alone and among others, by %s',
      async (kind) => {
        const { store } = subject()
        const segments = [await place(store, [lease()]), await place(store, [lease()]), await place(store, [lease()])]
        const changes = segments.map(
          ({ key, version }): Change => ({
            key,
            requires:
              kind === 'version' ? { kind, version } : { kind: 'slots', slots: [[0, { kind, token: token(1) }]] },
            slots: undefined,
          }),
        )
        const [first, ...others] = changes as [Change, ...Change[]]
        expect(await store.change([first])).toEqual([{ applied: true, segment: undefined }])
        expect(await store.change(changes)).toEqual([
          { applied: false, segment: undefined },
          { applied: true, segment: undefined },
          { applied: true, segment: undefined },
        ])
        expect(await store.change(others)).toEqual(others.map(() => ({ applied: false, segment: undefined })))
      },
    )

    test.each<[string, Slot, boolean]>([
      ['is fresh', FRESH, true],
      ['was received', lease(), false],
      ['rests without ever having been received', lease({ receiveCount: 0, backingOff: true }), false],
      ['is gone', GONE, false],
    ])('that wants a fresh message, on one that %s: made %s', async (_, slot, made) => {
      const { store } = subject()
      const segment = await place(store, [slot, FRESH])
      const [outcome] = await store.change([
        {
          key: segment.key,
          requires: { kind: 'slots', slots: [[0, { kind: 'fresh' }]] },
          slots: [[0, lease({ n: 5 })]],
        },
      ])
      expect(outcome?.applied).toBe(made)
    })

    test.each<[string, Slot, boolean]>([
      ['is as it was', lease(), true],
      ['was extended', lease({ until: START + 30_001 }), false],
      ['was given to another', lease({ n: 2 }), false],
      ['is gone', GONE, false],
      ['is fresh again', FRESH, false],
    ])('that wants the lease it read, on one that %s: made %s', async (_, slot, made) => {
      const { store } = subject()
      const segment = await place(store, [slot, FRESH])
      const [outcome] = await store.change([
        {
          key: segment.key,
          requires: { kind: 'slots', slots: [[0, { kind: 'lease', lease: lease() }]] },
          slots: [[0, lease({ n: 5 })]],
        },
      ])
      expect(outcome?.applied).toBe(made)
    })

    test.each<[string, Slot, boolean]>([
      ['holds it', lease(), true],
      ['holds it and is over long since', lease({ until: 1 }), true],
      ['holds it and rests', lease({ backingOff: true }), true],
      ['holds the next higher one', lease({ token: Uint8Array.of(1, 1, 2, 3, 4, 5, 6, 8) }), false],
      ['holds the next lower one', lease({ token: Uint8Array.of(1, 1, 2, 3, 4, 5, 6, 6) }), false],
      ['is gone', GONE, false],
      ['is fresh', FRESH, false],
    ])('that wants a token, on a message that %s: made %s', async (_, slot, made) => {
      const { store } = subject()
      const segment = await place(store, [slot, FRESH])
      const requires = { kind: 'slots', slots: [[0, { kind: 'token', token: token(1) }]] } as const
      const [outcome] = await store.change([{ key: segment.key, requires, slots: [[0, GONE]] }])
      expect(outcome).toEqual(
        made
          ? { applied: true, segment: { ...segment, version: segment.version + 1, slots: [GONE, FRESH] } }
          : { applied: false, segment },
      )
    })

    test.each<[string, Slot, boolean]>([
      ['is over in a millisecond', lease({ until: START + 1 }), true],
      ['ends this very instant', lease({ until: START }), false],
      ['is over', lease({ until: START - 1 }), false],
      ['rests', lease({ until: START + 60_000, backingOff: true }), false],
      ['is of another', lease({ n: 2 }), false],
    ])('that wants a live lease, on one that %s: made %s', async (_, slot, made) => {
      const { store } = subject()
      const segment = await place(store, [slot])
      const [outcome] = await store.change([
        {
          key: segment.key,
          requires: { kind: 'slots', slots: [[0, { kind: 'token', token: token(1), liveAt: START }]] },
          slots: [[0, lease({ until: START + 99_000 })]],
        },
      ])
      expect(outcome?.applied).toBe(made)
    })

    test.each<[string, Slot, boolean]>([
      ['ends then', lease({ until: START + 5 }), true],
      ['ended before', lease({ until: 1 }), true],
      ['ends a millisecond later', lease({ until: START + 6 }), false],
      ['backs off for longer', lease({ until: START + 60_000, backingOff: true }), true],
      ['has had the most receives', lease({ until: START + 5, receiveCount: 0x7fff, firstReceivedAt: 2 ** 47 }), true],
      ['is of another', lease({ n: 2 }), false],
    ])('that wants a lease to end by an instant, on one that %s: made %s', async (_, slot, made) => {
      const { store } = subject()
      const segment = await place(store, [slot])
      const [outcome] = await store.change([
        {
          key: segment.key,
          requires: { kind: 'slots', slots: [[0, { kind: 'token', token: token(1), endsBy: START + 5 }]] },
          slots: [[0, lease({ until: START + 99_000 })]],
        },
      ])
      expect(outcome?.applied).toBe(made)
    })

    test.each<[number, boolean]>([
      [1, true],
      [2, false],
    ])('that wants %i others gone, where one is: made %s', async (gone, made) => {
      const { store } = subject()
      const segment = await place(store, [lease(), GONE, FRESH])
      const requires = { kind: 'slots', slots: [[0, { kind: 'token', token: token(1) }]], gone } as const
      const [outcome] = await store.change([{ key: segment.key, requires, slots: undefined }])
      expect(outcome?.applied).toBe(made)
    })

    test('is not disturbed by changes of other messages of its segment', async () => {
      const { store } = subject()
      const segment = await place(store, [lease({ n: 1 }), lease({ n: 2 }), FRESH])
      const ack = (index: number): Change => ({
        key: segment.key,
        requires: { kind: 'slots', slots: [[index, { kind: 'token', token: token(index + 1) }]] },
        slots: [[index, GONE]],
      })
      const outcomes = await Promise.all([
        store.change([ack(0)]),
        store.change([ack(1)]),
        store.change([claim(segment, [2], { token: token(9), now: START, until: START + 1_000 })]),
      ])
      expect(outcomes.flat().map(({ applied }) => applied)).toEqual([true, true, true])
      expect(await stored(store, segment)).toEqual({
        ...segment,
        version: 5,
        slots: [GONE, GONE, lease({ n: 9, until: START + 1_000 })],
      })
    })

    test('among many of one call succeeds or fails independently, in the order given', async () => {
      const { store } = subject()
      const partition = newPartition()
      const segments = await Promise.all(
        Array.from({ length: 25 }, (_, n) => place(store, [n % 5 === 4 ? lease({ n: 77 }) : lease()], n, partition)),
      )
      const outcomes = await store.change(
        segments.map(({ key }) => ({
          key,
          requires: { kind: 'slots', slots: [[0, { kind: 'token', token: token(1) }]] },
          slots: undefined,
        })),
      )
      expect(outcomes).toEqual(
        segments.map((segment, n) =>
          n % 5 === 4 ? { applied: false, segment } : { applied: true, segment: undefined },
        ),
      )
      const left = await store.headers({ partition, from: '0', to: '~', limit: 50, consistent: true })
      expect(left.segments).toEqual(segments.filter((_, n) => n % 5 === 4))
    })

    test('of none is none', async () => {
      const { store } = subject()
      expect(await store.change([])).toEqual([])
      expect(await store.claim([])).toEqual([])
    })

    test('returns and stores what the rule applyChange returns, for any segment and change', async () => {
      const { store } = subject()
      await fc.assert(
        fc.asyncProperty(anySlots, fc.array(anyWish, { minLength: 1, maxLength: 4 }), async (slots, wishes) => {
          const segment = await place(store, slots)
          let expected: Segment | undefined = segment
          for (const wish of wishes) {
            const change = changeFor(expected ?? segment, wish)
            const rule = applyChange(expected, change)
            expect(await store.change([change])).toEqual([rule.applied ? rule : { applied: false, segment: expected }])
            if (rule.applied) expected = rule.segment
          }
          expect(await stored(store, segment)).toEqual(expected)
        }),
        { numRuns: 150 },
      )
    })

    // A store may write the changes of one call in another way than a lone one.
    test('answers and leaves the same for changes of two segments in one call', async () => {
      const { store } = subject()
      await fc.assert(
        fc.asyncProperty(anySlots, fc.array(anyWish, { minLength: 1, maxLength: 4 }), async (slots, wishes) => {
          const segments = [await place(store, slots), await place(store, slots)]
          const expected: (Segment | undefined)[] = [...segments]
          for (const wish of wishes) {
            const changes = segments.map((segment, at) => changeFor(expected[at] ?? segment, wish))
            const rules = changes.map((change, at) => applyChange(expected[at], change))
            expect(await store.change(changes)).toEqual(
              rules.map((rule, at) => (rule.applied ? rule : { applied: false, segment: expected[at] })),
            )
            for (const [at, rule] of rules.entries()) if (rule.applied) expected[at] = rule.segment
          }
          expect(await Promise.all(segments.map((segment) => stored(store, segment)))).toEqual(expected)
        }),
        { numRuns: 150 },
      )
    })
  })

  describe('a claim', () => {
    const leased = { token: token(4), now: START, until: START + 30_000 }

    test('answers the segment after it with its content', async () => {
      const { store } = subject()
      const segment = await place(store, [FRESH, FRESH])
      const outcome = await store.claim([{ segment, change: claim(segment, [0, 1], leased) }])
      const after = { ...segment, version: 2, slots: [lease({ n: 4 }), lease({ n: 4 })] }
      expect(outcome).toEqual([{ applied: true, segment: after, content: textContent('message 0', 'message 1') }])
      expect(await stored(store, segment)).toEqual(after)
    })

    test('answers content that is kept apart from the header', async () => {
      const { store } = subject()
      const partition = newPartition()
      const content = { messages: [{ body: seededRandom(5).bytes(400_001) }] }
      await store.insert({ segment: segmentIn(partition), content })
      const { segments } = await store.headers({ partition, from: '0', to: '~', limit: 1, consistent: true })
      const [segment] = segments as [Segment]
      const [outcome] = await store.claim([{ segment, change: claim(segment, [0], leased) }])
      expect(outcome?.applied && comparable(outcome.content)).toStrictEqual(comparable(content))
    })

    test('that lost to another answers what it met', async () => {
      const { store } = subject()
      const before = await place(store, [FRESH])
      const [first] = await store.claim([{ segment: before, change: claim(before, [0], leased) }])
      const again = { ...leased, token: token(5) }
      expect(await store.claim([{ segment: before, change: claim(before, [0], again) }])).toEqual([
        { applied: false, segment: first?.segment },
      ])
    })

    test('of a part of a segment leaves the rest as it is', async () => {
      const { store } = subject()
      const segment = await place(store, [FRESH, lease({ n: 1 }), GONE, FRESH])
      const [outcome] = await store.claim([{ segment, change: claim(segment, [3], leased) }])
      expect(outcome?.segment?.slots).toEqual([FRESH, lease({ n: 1 }), GONE, lease({ n: 4 })])
    })

    test('among many of one call wins or loses independently, in the order given', async () => {
      const { store } = subject()
      const partition = newPartition()
      const segments = await Promise.all(Array.from({ length: 25 }, (_, n) => place(store, [FRESH], n, partition)))
      const rival = segments.filter((_, n) => n % 3 === 0)
      await store.claim(
        rival.map((segment) => ({ segment, change: claim(segment, [0], { ...leased, token: token(8) }) })),
      )
      const outcomes = await store.claim(segments.map((segment) => ({ segment, change: claim(segment, [0], leased) })))
      expect(outcomes.map((outcome) => outcome.applied)).toEqual(segments.map((_, n) => n % 3 !== 0))
      expect(outcomes.map(({ segment }) => segment?.slots)).toEqual(
        segments.map((_, n) => [lease({ n: n % 3 === 0 ? 8 : 4 })]),
      )
      for (const outcome of outcomes) if (outcome.applied) expect(outcome.content).toEqual(textContent('message 0'))
    })

    test('of one fresh message by many at once is won by exactly one', async () => {
      const { store } = subject()
      const segment = await place(store, [FRESH])
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          store.claim([{ segment, change: claim(segment, [0], { ...leased, token: token(n) }) }]),
        ),
      )
      expect(outcomes.flat().filter(({ applied }) => applied)).toHaveLength(1)
    })
  })
}
