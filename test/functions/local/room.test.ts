import { expect, test } from 'vitest'
import { createRoom, type Guest } from '../../../functions/local/room.ts'
import { manualClock, settled } from '../../support/manual-clock.ts'

const { signal } = new AbortController()

const setUp = () => {
  const clock = manualClock()
  const room = createRoom(100, clock)
  const cut: string[] = []
  const guest = (name: string, bytes: number, arriving = false): Guest => ({
    bytes,
    isUnderWay: () => arriving,
    cut: () => cut.push(name),
  })
  /** Sends guests in, and tells what becomes of each. */
  const fates: string[] = []
  const enter = (name: string, given: Guest, given2 = signal): Promise<void> =>
    room.enter(given, given2).then((entered) => void fates.push(`${name} ${entered ? 'in' : 'refused'}`))
  return { clock, room, guest, enter, fates, cut }
}

test('who does not fit waits, and enters in order of arrival as others leave', async () => {
  const { room, guest, enter, fates } = setUp()
  const first = guest('first', 70)
  void enter('first', first)
  void enter('second', guest('second', 40))
  // It would fit, and may not overtake: a large one would wait forever.
  void enter('third', guest('third', 20))
  await settled()
  expect(fates).toEqual(['first in'])
  room.leave(first)
  await settled()
  expect(fates).toEqual(['first in', 'second in', 'third in'])
})

test('who is larger than the room enters when nobody else is in it', async () => {
  const { room, guest, enter, fates } = setUp()
  const small = guest('small', 1)
  void enter('small', small)
  void enter('large', guest('large', 500))
  await settled()
  expect(fates).toEqual(['small in'])
  room.leave(small)
  await settled()
  expect(fates).toEqual(['small in', 'large in'])
})

test('who has waited for eight seconds is refused, and those behind it enter when they fit', async () => {
  const { clock, guest, enter, fates } = setUp()
  void enter('first', guest('first', 70))
  void enter('second', guest('second', 40))
  await clock.advance(1_000)
  void enter('third', guest('third', 20))
  await clock.advance(6_999)
  expect(fates).toEqual(['first in'])
  await clock.advance(1)
  expect(fates).toEqual(['first in', 'second refused', 'third in'])
})

test('who goes while it waits is refused at once', async () => {
  const { guest, enter, fates } = setUp()
  const going = new AbortController()
  void enter('first', guest('first', 70))
  void enter('second', guest('second', 40), going.signal)
  going.abort()
  await settled()
  expect(fates).toEqual(['first in', 'second refused'])
})

test('a body that has not arrived after ten seconds is cut off while others wait, and only then', async () => {
  const { clock, guest, enter, cut } = setUp()
  void enter('slow', guest('slow', 50, true))
  void enter('working', guest('working', 50))
  await clock.advance(60_000)
  expect(cut).toEqual([])
  void enter('waiting', guest('waiting', 10))
  await clock.advance(1_000)
  expect(new Set(cut)).toEqual(new Set(['slow']))
})

test('a body is not cut off before ten seconds', async () => {
  const { clock, guest, enter, cut } = setUp()
  void enter('slow', guest('slow', 100, true))
  await clock.advance(2_000)
  void enter('waiting', guest('waiting', 10))
  await clock.advance(7_999)
  expect(cut).toEqual([])
})

test('who is forced in makes the others wait until it leaves, or is cut off', async () => {
  const { clock, room, guest, enter, fates, cut } = setUp()
  const answer = guest('answer', 500, true)
  room.force(answer)
  void enter('first', guest('first', 0))
  await clock.advance(7_000)
  expect(fates).toEqual([])
  room.leave(answer)
  await settled()
  expect(fates).toEqual(['first in'])
  expect(cut).toEqual([])
})

test('who needs less than it came for gives the rest back, and no more at its end', async () => {
  const { room, guest, enter, fates } = setUp()
  const large = guest('large', 90)
  void enter('large', large)
  void enter('second', guest('second', 60))
  await settled()
  expect(fates).toEqual(['large in'])
  room.shrink(large, 40)
  room.shrink(large, 80)
  room.shrink(guest('nobody', 100), 0)
  await settled()
  expect(fates).toEqual(['large in', 'second in'])
  room.leave(large)
  void enter('third', guest('third', 41))
  await settled()
  expect(fates).toEqual(['large in', 'second in'])
})
