import { expect, test } from 'vitest'
import { answerBudget } from '../../../functions/local/answer-budget.ts'
import { byteBudget } from '../../../functions/local/byte-budget.ts'
import { manualClock, settled } from '../../support/manual-clock.ts'

/** Two answers of ten messages, of 5.5 MB at most each. */
const BUDGET_BYTES = 12_000_000
const MESSAGES = 10

const setUp = () => {
  const clock = manualClock()
  const budget = byteBudget(BUDGET_BYTES, clock)
  const disconnected = new AbortController()
  const fates: string[] = []
  const answer = (name: string, signal = disconnected.signal, ending = signal) => {
    const own = answerBudget(budget, signal)
    const acquire = (messages = MESSAGES): Promise<void> =>
      own.acquire(messages, ending).then(
        () => void fates.push(`${name} in`),
        (error) => void fates.push(`${name} ${error.code}`),
      )
    return { ...own, acquire }
  }
  const fatesNow = async () => {
    await settled()
    return fates.splice(0)
  }
  return { clock, answer, fatesNow, disconnect: () => disconnected.abort() }
}

const another = () => new AbortController().signal

test('answers wait while others are made, and are made when those are written', async () => {
  const { answer, fatesNow } = setUp()
  const first = answer('first')
  void first.acquire()
  void answer('second').acquire()
  void answer('third').acquire()
  expect(await fatesNow()).toEqual(['first in', 'second in'])
  first.release()
  expect(await fatesNow()).toEqual(['third in'])
})

test('few messages need fewer bytes', async () => {
  const { answer, fatesNow } = setUp()
  for (let n = 0; n < 12; n++) void answer(`${n}`).acquire(1)
  expect(await fatesNow()).toHaveLength(11)
})

test('a second call for the same answer needs no more bytes, and one that was refused stays refused', async () => {
  const { clock, answer, fatesNow } = setUp()
  const first = answer('first')
  await first.acquire()
  await first.acquire()
  void answer('second').acquire()
  expect(await fatesNow()).toEqual(['first in', 'first in', 'second in'])
  const third = answer('third')
  void third.acquire()
  await clock.advance(8_000)
  void third.acquire()
  expect(await fatesNow()).toEqual(['third Throttled', 'third Throttled'])
})

test('an answer whose poll found nothing acquires its bytes again', async () => {
  const { answer, fatesNow } = setUp()
  const first = answer('first')
  await first.acquire()
  first.release()
  await first.acquire()
  void answer('second').acquire()
  void answer('third').acquire()
  expect(await fatesNow()).toEqual(['first in', 'first in', 'second in'])
})

test('a client that disconnects gives the bytes of its answers back, and takes none', async () => {
  const { answer, fatesNow, disconnect } = setUp()
  for (const name of ['first', 'second', 'third']) void answer(name).acquire()
  expect(await fatesNow()).toEqual(['first in', 'second in'])
  disconnect()
  void answer('late').acquire()
  for (const name of ['a', 'b', 'c']) void answer(name, another()).acquire()
  expect(new Set(await fatesNow())).toEqual(new Set(['third in', 'late in', 'a in', 'b in']))
})

test('a poll that its caller ends while it waits takes no bytes', async () => {
  const { answer, fatesNow } = setUp()
  const first = answer('first')
  void first.acquire()
  void answer('second').acquire()
  const ending = new AbortController()
  void answer('third', another(), ending.signal).acquire()
  ending.abort()
  first.release()
  void answer('fourth').acquire()
  expect(await fatesNow()).toEqual(['first in', 'second in', 'third in', 'fourth in'])
})

test('an answer that was written while its poll still waited for bytes takes none', async () => {
  const { answer, fatesNow } = setUp()
  const first = answer('first')
  void first.acquire()
  void answer('second').acquire()
  const third = answer('third')
  void third.acquire()
  await settled()
  third.release()
  first.release()
  void answer('fourth').acquire()
  expect(await fatesNow()).toEqual(['first in', 'second in', 'third in', 'fourth in'])
})
