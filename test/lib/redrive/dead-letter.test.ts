import { describe, expect, test } from 'vitest'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { faultyStore, scripted } from '../../support/faulty-store.ts'
import { type ManualClock, manualClock, START } from '../../support/manual-clock.ts'
import { anotherProcess, testEngine } from '../../support/test-engine.ts'

const engineWithDeadLetters = async (maxReceives: number, parts: { clock?: ManualClock; store?: Store } = {}) => {
  const engine = testEngine(parts)
  await createQueue(engine, 'dead')
  await createQueue(engine, 'orders', { settings: { priorities: 2, deadLetter: { queue: 'dead', maxReceives } } })
  return engine
}
type TestEngine = Awaited<ReturnType<typeof engineWithDeadLetters>>
const receiveAndFail = (engine: TestEngine) => poll(engine, 'orders', { maxMessages: 25, visibilityTimeoutSeconds: 0 })

test('a message is received maxReceives times, then it is in the dead-letter queue', async () => {
  const engine = await engineWithDeadLetters(3)
  const [published] = await publish(engine, 'orders', [
    { body: { n: 1 }, priority: 1, attributes: { a: { dataType: 'String', value: 'x' } } },
  ])
  await engine.clock.advance(5)
  for (const receiveCount of [1, 2, 3]) expect(await receiveAndFail(engine)).toMatchObject([{ receiveCount }])
  expect(await poll(engine, 'dead')).toEqual([])
  await engine.clock.advance(5)
  expect(await receiveAndFail(engine)).toEqual([])
  expect(engine.events).toEqual([
    { type: 'dead-lettered', queue: 'orders', target: 'dead', count: 1, reason: 'MaxReceivesExceeded' },
  ])
  expect(await poll(engine, 'dead', { maxMessages: 9 })).toEqual([
    {
      messageId: published?.ok ? published.messageId : '',
      body: { n: 1 },
      attributes: { a: { dataType: 'String', value: 'x' } },
      publishedAt: START,
      dueAt: START + 10,
      priority: 0,
      deadLetter: { queue: 'orders', reason: 'MaxReceivesExceeded', at: START + 10, receiveCount: 3 },
      receiptHandle: expect.any(String),
      receiveCount: 1,
      firstReceivedAt: START + 10,
      leasedUntil: START + 30_010,
    },
  ])
  expect(await receiveAndFail(engine)).toEqual([])
})

test('the receives of every queue it was in are counted on the way', async () => {
  const engine = testEngine()
  await createQueue(engine, 'last')
  await createQueue(engine, 'dead', { settings: { deadLetter: { queue: 'last', maxReceives: 2 } } })
  await createQueue(engine, 'orders', { settings: { deadLetter: { queue: 'dead', maxReceives: 3 } } })
  await publish(engine, 'orders', [{ body: 'x' }])
  for (const queue of ['orders', 'dead']) {
    for (let receive = 0; receive < 4; receive++) await poll(engine, queue, { visibilityTimeoutSeconds: 0 })
  }
  expect(await poll(engine, 'last')).toMatchObject([
    { receiveCount: 1, deadLetter: { queue: 'dead', receiveCount: 5 } },
  ])
})

test('only those of a segment that used up their receives are moved', async () => {
  const engine = await engineWithDeadLetters(2)
  await publish(engine, 'orders', [{ body: 'a' }, { body: 'b' }, { body: 'c' }])
  const [a, b] = await poll(engine, 'orders', { maxMessages: 2 })
  await nack(engine, 'orders', [{ receiptHandle: a?.receiptHandle as string }])
  const [again] = await poll(engine, 'orders', { maxMessages: 1 })
  expect(again).toMatchObject({ body: 'a', receiveCount: 2 })
  await nack(
    engine,
    'orders',
    [a, b, again].map((one) => ({ receiptHandle: one?.receiptHandle as string })),
  )
  expect((await poll(engine, 'orders', { maxMessages: 9 })).map(({ body }) => body)).toEqual(['b', 'c'])
  expect((await poll(engine, 'dead', { maxMessages: 9 })).map(({ body }) => body)).toEqual(['a'])
})

test('where the dead-letter queue is gone the message is delivered once more rather than lost', async () => {
  const engine = await engineWithDeadLetters(1)
  await publish(engine, 'orders', [{ body: 'a' }])
  await receiveAndFail(engine)
  await deleteQueue(engine, 'dead')
  expect(await receiveAndFail(engine)).toMatchObject([{ body: 'a', receiveCount: 2 }])
  expect(engine.events).toEqual([{ type: 'dead-letter-queue-missing', queue: 'orders', target: 'dead' }])
})

test('a dead letter is kept for the retention of its queue, from when it came', async () => {
  const engine = await engineWithDeadLetters(1)
  await publish(engine, 'orders', [{ body: 'a', timeToLiveSeconds: 100 }])
  await engine.clock.advance(99_000)
  await receiveAndFail(engine)
  await receiveAndFail(engine)
  await engine.clock.advance(345_599_000)
  expect(await poll(engine, 'dead')).toHaveLength(1)
})

test('a dead letter that comes right after a purge by a faster clock is there', async () => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const engine = await engineWithDeadLetters(1, { clock, store })
  await publish(engine, 'orders', [{ body: 'a' }])
  await receiveAndFail(engine)
  await purgeQueue(testEngine({ clock: manualClock(START + 2_000), store, seed: 2 }), 'dead')
  const other = testEngine({ clock, store, seed: 3 })
  await receiveAndFail(other)
  await clock.advance(2_001)
  expect(await poll(other, 'dead')).toHaveLength(1)
})

describe('the move is made once', () => {
  test.each([
    ['though its answer was lost', 'unanswered'],
    ['though it was sent twice', 'repeated'],
  ] as const)('%s', async (_, fate) => {
    const engine = await engineWithDeadLetters(1)
    await publish(engine, 'orders', [{ body: 'a' }, { body: 'b' }])
    await receiveAndFail(engine)
    const faulty = testEngine({
      clock: engine.clock,
      store: faultyStore(engine.store, scripted(['transact', fate])),
      seed: 2,
    })
    await receiveAndFail(faulty).catch(() => [])
    expect(await receiveAndFail(engine)).toEqual([])
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 0, leased: 0 })
    expect((await poll(engine, 'dead', { maxMessages: 9 })).map(({ body }) => body)).toEqual(['a', 'b'])
  })

  test('by whichever of several pollers is first', async () => {
    const engine = await engineWithDeadLetters(1)
    await publish(engine, 'orders', [{ body: 'a' }, { body: 'b' }])
    await receiveAndFail(engine)
    const pollers = [2, 3, 4].map((seed) => testEngine({ clock: engine.clock, store: engine.store, seed }))
    for (const received of await Promise.all(pollers.map(receiveAndFail))) expect(received).toEqual([])
    expect(await poll(engine, 'dead', { maxMessages: 9 })).toHaveLength(2)
  })

  test('or not at all when it was refused', async () => {
    const engine = await engineWithDeadLetters(1)
    await publish(engine, 'orders', [{ body: 'a' }])
    await receiveAndFail(engine)
    const faulty = testEngine({
      clock: engine.clock,
      store: faultyStore(engine.store, scripted(['transact', 'refused'])),
      seed: 2,
    })
    await expect(receiveAndFail(faulty)).rejects.toMatchObject({ code: 'Throttled' })
    expect(await counts(engine, 'dead')).toMatchObject({ ready: 0 })
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 1 })
  })
})

describe('a dead-letter queue that is deleted', () => {
  /** The queue goes between the look at it and the move into it. */
  const deletedBeforeMove = async (then: (engine: TestEngine) => Promise<unknown>) => {
    const engine = await engineWithDeadLetters(1)
    await publish(engine, 'orders', [{ body: 'a' }])
    await receiveAndFail(engine)
    let deleted = false
    const store: Store = {
      ...engine.store,
      transact: async (writes) => {
        if (!deleted && writes.some(({ kind }) => kind === 'insert')) {
          deleted = true
          await then(engine)
        }
        return engine.store.transact(writes)
      },
    }
    const received = await receiveAndFail(testEngine({ clock: engine.clock, store, seed: 2 }))
    expect(deleted).toBe(true)
    return { engine, received }
  }

  test('while a message is on its way there takes no message down with it', async () => {
    const { engine } = await deletedBeforeMove((first) => deleteQueue(first, 'dead'))
    await engine.clock.advance(600_000)
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 1 })
  })

  test('and made anew gets the message that was on its way', async () => {
    const { engine } = await deletedBeforeMove(async (first) => {
      await deleteQueue(first, 'dead')
      await first.clock.advance(1)
      await createQueue(first, 'dead')
    })
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 0, leased: 0 })
    expect(await counts(anotherProcess(engine), 'dead')).toMatchObject({ ready: 1 })
  })
})

test('messages too large for one transaction are moved with several polls', async () => {
  const engine = await engineWithDeadLetters(1)
  const body = 'x'.repeat(1_000_000)
  await publish(
    engine,
    'orders',
    [1, 2, 3, 4].map((n) => ({ body: `${n}${body}` })),
  )
  await receiveAndFail(engine)
  expect(await receiveAndFail(engine)).toEqual([])
  expect(await counts(engine, 'dead')).toMatchObject({ ready: 2 })
  expect(await receiveAndFail(engine)).toEqual([])
  expect(await counts(engine, 'dead')).toMatchObject({ ready: 4 })
})
