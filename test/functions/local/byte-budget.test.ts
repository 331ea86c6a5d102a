import { expect, test } from 'vitest'
import { byteBudget, type Share } from '../../../functions/local/byte-budget.ts'
import { manualClock, settled } from '../../support/manual-clock.ts'

const { signal } = new AbortController()

const setUp = () => {
  const clock = manualClock()
  const budget = byteBudget(100, clock)
  const cut: string[] = []
  const share = (name: string, bytes: number, arriving = false): Share => ({
    bytes,
    isUnderWay: () => arriving,
    cut: () => cut.push(name),
  })
  /** Acquires shares, and records what becomes of each. */
  const fates: string[] = []
  const acquire = (name: string, given: Share, ending = signal): Promise<void> =>
    budget.acquire(given, ending).then((acquired) => void fates.push(`${name} ${acquired ? 'in' : 'refused'}`))
  return { clock, budget, share, acquire, fates, cut }
}

test('shares that do not fit wait, and are admitted in order of arrival as others are released', async () => {
  const { budget, share, acquire, fates } = setUp()
  const first = share('first', 70)
  void acquire('first', first)
  void acquire('second', share('second', 40))
  // It would fit, and may not overtake: a large one would wait forever.
  void acquire('third', share('third', 20))
  await settled()
  expect(fates).toEqual(['first in'])
  budget.release(first)
  await settled()
  expect(fates).toEqual(['first in', 'second in', 'third in'])
})

test('a share larger than the budget is admitted when there is no other', async () => {
  const { budget, share, acquire, fates } = setUp()
  const small = share('small', 1)
  void acquire('small', small)
  void acquire('large', share('large', 500))
  await settled()
  expect(fates).toEqual(['small in'])
  budget.release(small)
  await settled()
  expect(fates).toEqual(['small in', 'large in'])
})

test('a share that has waited for eight seconds is refused, and those behind it are admitted when they fit', async () => {
  const { clock, share, acquire, fates } = setUp()
  void acquire('first', share('first', 70))
  void acquire('second', share('second', 40))
  await clock.advance(1_000)
  void acquire('third', share('third', 20))
  await clock.advance(6_999)
  expect(fates).toEqual(['first in'])
  await clock.advance(1)
  expect(fates).toEqual(['first in', 'second refused', 'third in'])
})

test('a request that ends while it waits is refused at once', async () => {
  const { share, acquire, fates } = setUp()
  const going = new AbortController()
  void acquire('first', share('first', 70))
  void acquire('second', share('second', 40), going.signal)
  going.abort()
  await settled()
  expect(fates).toEqual(['first in', 'second refused'])
})

test('a body that has not arrived after ten seconds is cut off while others wait, and only then', async () => {
  const { clock, share, acquire, cut } = setUp()
  void acquire('slow', share('slow', 50, true))
  void acquire('working', share('working', 50))
  await clock.advance(60_000)
  expect(cut).toEqual([])
  void acquire('waiting', share('waiting', 10))
  await clock.advance(1_000)
  expect(new Set(cut)).toEqual(new Set(['slow']))
})

test('a body is not cut off before ten seconds', async () => {
  const { clock, share, acquire, cut } = setUp()
  void acquire('slow', share('slow', 100, true))
  await clock.advance(2_000)
  void acquire('waiting', share('waiting', 10))
  await clock.advance(7_999)
  expect(cut).toEqual([])
})

test('a share that is forced makes the others wait until it is released', async () => {
  const { clock, budget, share, acquire, fates, cut } = setUp()
  const answer = share('answer', 500, true)
  budget.force(answer)
  void acquire('first', share('first', 0))
  await clock.advance(7_000)
  expect(fates).toEqual([])
  budget.release(answer)
  await settled()
  expect(fates).toEqual(['first in'])
  expect(cut).toEqual([])
})

test('a share that shrinks gives the rest back at once, and no more at its end', async () => {
  const { budget, share, acquire, fates } = setUp()
  const large = share('large', 90)
  void acquire('large', large)
  void acquire('second', share('second', 60))
  await settled()
  expect(fates).toEqual(['large in'])
  budget.shrink(large, 40)
  budget.shrink(large, 80)
  budget.shrink(share('nobody', 100), 0)
  await settled()
  expect(fates).toEqual(['large in', 'second in'])
  budget.release(large)
  void acquire('third', share('third', 41))
  await settled()
  expect(fates).toEqual(['large in', 'second in'])
})
