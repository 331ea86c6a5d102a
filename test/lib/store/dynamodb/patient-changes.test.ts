import { expect, test } from 'vitest'
import { HoldfastError, type ThrottleReason } from '../../../../lib/model/errors.ts'
import { GONE } from '../../../../lib/model/segment.ts'
import type { Change } from '../../../../lib/model/segment-change.ts'
import { changePatiently } from '../../../../lib/store/dynamodb/patient-changes.ts'
import type { ChangeOutcome } from '../../../../lib/store/port.ts'

const change = (sort: string): Change => ({
  key: { partition: { queue: 'orders', generation: 'a', shard: 0 }, sort },
  requires: { kind: 'version', version: 1 },
  slots: [[0, GONE]],
})
const DONE: ChangeOutcome = { applied: true, segment: undefined }
const LOST: ChangeOutcome = { applied: false, segment: undefined }
const throttled = (reason: ThrottleReason): ChangeOutcome => ({
  applied: false,
  segment: undefined,
  error: new HoldfastError('Throttled', 'by the test', { reason }),
})

/** Outcomes of each try of each change, by its sort key; the last one of a list stays. */
const run = async (outcomes: Readonly<Record<string, readonly ChangeOutcome[]>>) => {
  const tries: string[][] = []
  const waits: number[] = []
  const counts = new Map<string, number>()
  const answered = await changePatiently(Object.keys(outcomes).map(change), {
    change: async (changes) => {
      tries.push(changes.map(({ key }) => key.sort))
      return changes.map(({ key: { sort } }) => {
        const list = outcomes[sort] as readonly ChangeOutcome[]
        const done = counts.get(sort) ?? 0
        counts.set(sort, done + 1)
        return list[Math.min(done, list.length - 1)] as ChangeOutcome
      })
    },
    sleep: async (ms) => void waits.push(ms),
    fraction: () => 0,
  })
  return { answered, tries, waits }
}

test('a change that was throttled is made again until its partition takes it, and the others once', async () => {
  const hot = throttled('key-range')
  const { answered, tries, waits } = await run({ a: [DONE], b: [hot, hot, DONE], c: [LOST], d: [hot, LOST] })
  expect(tries).toEqual([['a', 'b', 'c', 'd'], ['b', 'd'], ['b']])
  expect(answered).toEqual([DONE, DONE, LOST, LOST])
  expect(waits).toEqual([25, 50])
})

test('a change that is throttled for more than a second and a half fails as throttled', async () => {
  const { answered, tries, waits } = await run({ a: [throttled('account-limit')] })
  expect(tries).toHaveLength(6)
  expect(waits).toEqual([25, 50, 100, 200, 400])
  expect(answered).toMatchObject([{ applied: false, error: { code: 'Throttled' } }])
})

test('a conflict with a transaction is not repeated here, nor is a request without an answer', async () => {
  const unanswered: ChangeOutcome = {
    applied: false,
    segment: undefined,
    error: new HoldfastError('StoreUnavailable', 'by the test'),
  }
  const { tries } = await run({ a: [throttled('contention')], b: [unanswered] })
  expect(tries).toEqual([['a', 'b']])
})
