import { expect, test } from 'vitest'
import { createRoom } from '../../../functions/local/room.ts'
import { roomForAnswer } from '../../../functions/local/room-for-answer.ts'
import { manualClock, settled } from '../../support/manual-clock.ts'

/** Room for two answers of ten messages, of 5.5 MB at most each. */
const ROOM_BYTES = 12_000_000
const MESSAGES = 10

const setUp = () => {
  const clock = manualClock()
  const room = createRoom(ROOM_BYTES, clock)
  const disconnected = new AbortController()
  const fates: string[] = []
  const answer = (name: string, signal = disconnected.signal, ending = signal) => {
    const delivery = roomForAnswer(room, signal)
    const enter = (messages = MESSAGES): Promise<void> =>
      delivery.enter(messages, ending).then(
        () => void fates.push(`${name} in`),
        (error) => void fates.push(`${name} ${error.code}`),
      )
    return { ...delivery, enter }
  }
  const fatesNow = async () => {
    await settled()
    return fates.splice(0)
  }
  return { clock, answer, fatesNow, disconnect: () => disconnected.abort() }
}

const another = () => new AbortController().signal

test('answers wait while others are made, and enter when those are written', async () => {
  const { answer, fatesNow } = setUp()
  const first = answer('first')
  void first.enter()
  void answer('second').enter()
  void answer('third').enter()
  expect(await fatesNow()).toEqual(['first in', 'second in'])
  first.leave()
  expect(await fatesNow()).toEqual(['third in'])
})

test('few messages need less room', async () => {
  const { answer, fatesNow } = setUp()
  for (let n = 0; n < 12; n++) void answer(`${n}`).enter(1)
  expect(await fatesNow()).toHaveLength(11)
})

test('a second entry of the same answer needs no more room, and one that was refused stays refused', async () => {
  const { clock, answer, fatesNow } = setUp()
  const first = answer('first')
  await first.enter()
  await first.enter()
  void answer('second').enter()
  expect(await fatesNow()).toEqual(['first in', 'first in', 'second in'])
  const third = answer('third')
  void third.enter()
  await clock.advance(8_000)
  void third.enter()
  expect(await fatesNow()).toEqual(['third Throttled', 'third Throttled'])
})

test('an answer that left, because its poll found nothing, enters again', async () => {
  const { answer, fatesNow } = setUp()
  const first = answer('first')
  await first.enter()
  first.leave()
  await first.enter()
  void answer('second').enter()
  void answer('third').enter()
  expect(await fatesNow()).toEqual(['first in', 'first in', 'second in'])
})

test('a client that disconnects gives the room of its answers back, and takes none', async () => {
  const { answer, fatesNow, disconnect } = setUp()
  for (const name of ['first', 'second', 'third']) void answer(name).enter()
  expect(await fatesNow()).toEqual(['first in', 'second in'])
  disconnect()
  void answer('late').enter()
  for (const name of ['a', 'b', 'c']) void answer(name, another()).enter()
  expect(new Set(await fatesNow())).toEqual(new Set(['third in', 'late in', 'a in', 'b in']))
})

test('a poll that its caller ends while it waits takes no room', async () => {
  const { answer, fatesNow } = setUp()
  const first = answer('first')
  void first.enter()
  void answer('second').enter()
  const ending = new AbortController()
  void answer('third', another(), ending.signal).enter()
  ending.abort()
  first.leave()
  void answer('fourth').enter()
  expect(await fatesNow()).toEqual(['first in', 'second in', 'third in', 'fourth in'])
})

test('an answer that was written while its poll still waited for room takes none', async () => {
  const { answer, fatesNow } = setUp()
  const first = answer('first')
  void first.enter()
  void answer('second').enter()
  const third = answer('third')
  void third.enter()
  await settled()
  third.leave()
  first.leave()
  void answer('fourth').enter()
  expect(await fatesNow()).toEqual(['first in', 'second in', 'third in', 'fourth in'])
})
