import { expect, test } from 'vitest'
import { byteBudget, type Transfer } from '../../../functions/local/byte-budget.ts'
import { manualClock, settled } from '../../support/manual-clock.ts'

const { signal } = new AbortController()

const setUp = () => {
  const clock = manualClock()
  const budget = byteBudget(100, clock)
  const cut: string[] = []
  const transfer = (name: string, bytes: number, arriving = false): Transfer => ({
    bytes,
    isUnderWay: () => arriving,
    cut: () => cut.push(name),
  })
  /** What became of each transfer. */
  const outcomes: string[] = []
  const acquire = (name: string, given: Transfer, until = signal): Promise<void> =>
    budget.acquire(given, until).then((acquired) => void outcomes.push(`${name} ${acquired ? 'held' : 'refused'}`))
  return { clock, budget, transfer, acquire, outcomes, cut }
}

test('a transfer that does not fit waits, and gets its bytes in order of arrival as others release theirs', async () => {
  const { budget, transfer, acquire, outcomes } = setUp()
  const first = transfer('first', 70)
  void acquire('first', first)
  void acquire('second', transfer('second', 40))
  // It would fit, and may not overtake: a large one would wait forever.
  void acquire('third', transfer('third', 20))
  await settled()
  expect(outcomes).toEqual(['first held'])
  budget.release(first)
  await settled()
  expect(outcomes).toEqual(['first held', 'second held', 'third held'])
})

test('a transfer larger than the budget gets its bytes when no other has any', async () => {
  const { budget, transfer, acquire, outcomes } = setUp()
  const small = transfer('small', 1)
  void acquire('small', small)
  void acquire('large', transfer('large', 500))
  await settled()
  expect(outcomes).toEqual(['small held'])
  budget.release(small)
  await settled()
  expect(outcomes).toEqual(['small held', 'large held'])
})

test('a transfer that has waited for eight seconds is refused, and those behind it get their bytes when they fit', async () => {
  const { clock, transfer, acquire, outcomes } = setUp()
  void acquire('first', transfer('first', 70))
  void acquire('second', transfer('second', 40))
  await clock.advance(1_000)
  void acquire('third', transfer('third', 20))
  await clock.advance(6_999)
  expect(outcomes).toEqual(['first held'])
  await clock.advance(1)
  expect(outcomes).toEqual(['first held', 'second refused', 'third held'])
})

test('a transfer whose client goes while it waits is refused at once', async () => {
  const { transfer, acquire, outcomes } = setUp()
  const going = new AbortController()
  void acquire('first', transfer('first', 70))
  void acquire('second', transfer('second', 40), going.signal)
  going.abort()
  await settled()
  expect(outcomes).toEqual(['first held', 'second refused'])
})

test('a body that has not arrived after ten seconds is cut off while others wait, and only then', async () => {
  const { clock, transfer, acquire, cut } = setUp()
  void acquire('slow', transfer('slow', 50, true))
  void acquire('working', transfer('working', 50))
  await clock.advance(60_000)
  expect(cut).toEqual([])
  void acquire('waiting', transfer('waiting', 10))
  await clock.advance(1_000)
  expect(new Set(cut)).toEqual(new Set(['slow']))
})

test('a body is not cut off before ten seconds', async () => {
  const { clock, transfer, acquire, cut } = setUp()
  void acquire('slow', transfer('slow', 100, true))
  await clock.advance(2_000)
  void acquire('waiting', transfer('waiting', 10))
  await clock.advance(7_999)
  expect(cut).toEqual([])
})

test('a forced transfer makes the others wait until it releases its bytes, or is cut off', async () => {
  const { clock, budget, transfer, acquire, outcomes, cut } = setUp()
  const answer = transfer('answer', 500, true)
  budget.force(answer)
  void acquire('first', transfer('first', 0))
  await clock.advance(7_000)
  expect(outcomes).toEqual([])
  budget.release(answer)
  await settled()
  expect(outcomes).toEqual(['first held'])
  expect(cut).toEqual([])
})

test('a transfer that needs fewer bytes gives the rest back, and no more at its end', async () => {
  const { budget, transfer, acquire, outcomes } = setUp()
  const large = transfer('large', 90)
  void acquire('large', large)
  void acquire('second', transfer('second', 60))
  await settled()
  expect(outcomes).toEqual(['large held'])
  budget.shrink(large, 40)
  budget.shrink(large, 80)
  budget.shrink(transfer('nobody', 100), 0)
  await settled()
  expect(outcomes).toEqual(['large held', 'second held'])
  budget.release(large)
  void acquire('third', transfer('third', 41))
  await settled()
  expect(outcomes).toEqual(['large held', 'second held'])
})
