import { describe, expect, test } from 'vitest'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { type RedriveRequest, runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { nack } from '../../../lib/settle/nack.ts'
import type { Rejection } from '../../../lib/settle/reject.ts'
import type { Store } from '../../../lib/store/port.ts'
import { bodies, FIFO, fifoEngine, handles, send, sendOne, take } from '../../support/fifo-engine.ts'
import { anotherProcess, type TestEngine, testEngine } from '../../support/test-engine.ts'

const DEAD = 'orders-dead.fifo'
const engineWithDeadLetters = (maxReceives: number) => fifoEngine({ deadLetter: { queue: DEAD, maxReceives } })
const fail = (engine: TestEngine, maxMessages = 10) => take(engine, { maxMessages, visibilityTimeoutSeconds: 0 })
const redrive = async (engine: TestEngine, request?: RedriveRequest) => {
  await engine.clock.advance(1)
  const { taskId } = await startRedrive(engine, DEAD, request)
  return runRedrive(engine, DEAD, taskId)
}
const rest = async (engine: TestEngine, queue = FIFO) => {
  const found: unknown[] = []
  for (let taken = await take(engine, {}, queue); taken.length > 0; taken = await take(engine, {}, queue)) {
    found.push(...bodies(taken))
    await ack(engine, queue, handles(taken))
  }
  return found
}

describe('a poisoned group', () => {
  test('goes on without the message at its head, and stops no other', async () => {
    const engine = await engineWithDeadLetters(2)
    await send(engine, 'poisoned', 'poison', '2')
    for (let receives = 0; receives < 2; ) {
      await send(engine, 'other', 'other')
      const [one] = await take(engine, { maxMessages: 1 })
      const receiptHandle = one?.receiptHandle as string
      if (one?.body !== 'poison') await ack(engine, FIFO, [receiptHandle])
      else receives += (await nack(engine, FIFO, [{ receiptHandle }])).length
    }
    await send(engine, 'other', 'other')
    expect(bodies(await take(engine)).sort()).toEqual(expect.arrayContaining(['2', 'other']))
    expect(bodies(await take(engine, {}, DEAD))).toEqual(['poison'])
  })

  test('that can not be dead-lettered for now stops no other either', async () => {
    const engine = await engineWithDeadLetters(1)
    await send(engine, 'poisoned', 'poison')
    await fail(engine)
    const store: Store = {
      ...engine.store,
      transact: () => Promise.reject(new HoldfastError('Throttled', 'by the test')),
    }
    for (const seed of [1, 2, 3, 4]) {
      await send(engine, 'other', `other ${seed}`)
      const taken = await take(testEngine({ clock: engine.clock, store, seed }))
      expect(bodies(taken)).toEqual([`other ${seed}`])
      await ack(engine, FIFO, handles(taken))
    }
  })

  test('gives the message at its head up while later ones are in flight, and none past these', async () => {
    const engine = await engineWithDeadLetters(1)
    await send(engine, 'a', '1', '2', '3')
    const [one, two, three] = handles(await take(engine, { visibilityTimeoutSeconds: 60 })) as [string, string, string]
    await nack(engine, FIFO, [{ receiptHandle: one }, { receiptHandle: three }])
    expect(await take(anotherProcess(engine))).toEqual([])
    expect(await rest(engine, DEAD)).toEqual(['1'])
    await nack(engine, FIFO, [{ receiptHandle: two }])
    expect(await take(anotherProcess(engine))).toEqual([])
    expect(await rest(engine, DEAD)).toEqual(['2', '3'])
  })

  test('keeps the order of its messages in the dead-letter queue', async () => {
    const engine = await engineWithDeadLetters(1)
    await publish(
      engine,
      FIFO,
      ['1', '2'].map((body) => ({ body, groupId: 'a' })),
    )
    await send(engine, 'a', '3', '4')
    expect(bodies(await fail(engine, 3))).toEqual(['1', '2', '3'])
    expect(bodies(await fail(engine, 1))).toEqual(['4'])
    expect(await take(engine)).toEqual([])
    const dead = await take(engine, {}, DEAD)
    expect(bodies(dead)).toEqual(['1', '2', '3', '4'])
    const numbers = dead.map(({ sequenceNumber }) => sequenceNumber)
    expect(numbers).toEqual([...numbers].sort())
    expect(dead[0]).toMatchObject({ groupId: 'a', deadLetter: { queue: FIFO, reason: 'MaxReceivesExceeded' } })
  })

  test('keeps the order of messages that one call rejects, whatever order that has', async () => {
    const engine = await engineWithDeadLetters(9)
    for (const body of ['1', '2', '3', '4']) await send(engine, 'poisoned', body)
    const rejected = handles(await take(engine)).map((receiptHandle) => ({ receiptHandle, deadLetter: true }))
    const [one, two, three, four] = rejected as [Rejection, Rejection, Rejection, Rejection]
    const results = await nack(engine, FIFO, [three, one, four, two])
    expect(results).toEqual(Array(4).fill({ ok: true }))
    expect(await rest(engine, DEAD)).toEqual(['1', '2', '3', '4'])
  })

  test('keeps behind a rejected message that could not be moved all later ones, which can be rejected again', async () => {
    const engine = await engineWithDeadLetters(9)
    for (const body of ['1', '2', '3', '4']) await send(engine, 'poisoned', body)
    const rejected = handles(await take(engine)).map((receiptHandle) => ({ receiptHandle, deadLetter: true }))
    let moves = 0
    const store: Store = {
      ...engine.store,
      transact: async (writes) => {
        if (++moves === 2) throw new HoldfastError('Throttled', 'by the test')
        return engine.store.transact(writes)
      },
    }
    const throttled = { ok: false, error: expect.objectContaining({ code: 'Throttled' }) }
    const results = await nack(testEngine({ clock: engine.clock, store }), FIFO, rejected)
    expect(results).toEqual([{ ok: true }, throttled, throttled, throttled])
    expect(await nack(engine, FIFO, rejected.slice(1))).toEqual(Array(3).fill({ ok: true }))
    expect(await rest(engine, DEAD)).toEqual(['1', '2', '3', '4'])
  })

  test('is moved once, however many come across it', async () => {
    const engine = await engineWithDeadLetters(1)
    await send(engine, 'a', '1', '2')
    await fail(engine, 1)
    // All of them at once: as if the ticket was never locked.
    const racing: Store = {
      ...engine.store,
      lockTicket: (key, lock) => engine.store.lockTicket(key, { ...lock, lockedUntil: 0 }),
    }
    const looks = [2, 3, 4].map((seed) => take(testEngine({ clock: engine.clock, store: racing, seed })))
    expect((await Promise.all(looks)).flatMap(bodies)).toEqual(['2'])
    expect(bodies(await take(engine, {}, DEAD))).toEqual(['1'])
  })

  test('is delivered once more where its dead-letter queue is gone', async () => {
    const engine = await engineWithDeadLetters(1)
    await send(engine, 'a', '1', '2')
    await fail(engine, 1)
    await deleteQueue(engine, DEAD)
    const taken = await take(anotherProcess(engine))
    expect(taken.map(({ body, receiveCount }) => [body, receiveCount])).toEqual([
      ['1', 2],
      ['2', 1],
    ])
  })
})

describe('a redrive of a FIFO dead-letter queue', () => {
  const withDead = async () => {
    const engine = await engineWithDeadLetters(1)
    for (const n of [1, 2, 3]) for (const group of ['a', 'b']) await send(engine, group, `${group}${n}`)
    await fail(engine)
    expect(await take(engine)).toEqual([])
    return engine
  }
  const of = (group: string, found: unknown[]) => found.filter((body) => String(body).startsWith(group))

  test('keeps the order of each group, and puts it behind what was published since', async () => {
    const engine = await withDead()
    const first = await sendOne(engine, { groupId: 'a', body: 'a4' })
    expect(await redrive(engine)).toMatchObject({ state: 'completed', moved: 6 })
    const found = await rest(engine)
    expect(of('a', found)).toEqual(['a4', 'a1', 'a2', 'a3'])
    expect(of('b', found)).toEqual(['b1', 'b2', 'b3'])
    expect(first.messageId).toBeDefined()
    expect(await rest(engine, DEAD)).toEqual([])
  })

  test('leaves a group where it is while messages of it are in flight, and moves the others', async () => {
    const engine = await withDead()
    const [held] = await take(engine, { maxMessages: 1 }, DEAD)
    const group = held?.groupId as string
    expect(await redrive(engine)).toMatchObject({ state: 'completed', moved: 3 })
    await ack(engine, DEAD, [held?.receiptHandle as string])
    expect(await rest(engine, DEAD)).toEqual([`${group}2`, `${group}3`])
  })

  test('moves what a filter names', async () => {
    const engine = await withDead()
    expect(await redrive(engine, { filter: { bodyContains: '2' } })).toMatchObject({ moved: 2 })
    expect((await rest(engine)).sort()).toEqual(['a2', 'b2'])
  })
})
