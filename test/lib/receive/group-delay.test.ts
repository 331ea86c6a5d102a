import { describe, expect, test } from 'vitest'
import { browse } from '../../../lib/messages/browse.ts'
import { getMessage } from '../../../lib/messages/get-message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { bodies, countingStore, FIFO, fifoEngine, handles, send, take } from '../../support/fifo-engine.ts'
import { manualClock, START } from '../../support/manual-clock.ts'
import { anotherProcess, type TestEngine } from '../../support/test-engine.ts'

const setDelay = (engine: TestEngine, delaySeconds: number) => updateQueue(engine, FIFO, { settings: { delaySeconds } })

describe('a delay of a FIFO queue that is raised', () => {
  test('also delays the messages that are in the queue and were never received', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2')
    await engine.clock.advance(10_000)
    await setDelay(engine, 60)
    expect(await take(engine)).toEqual([])
    await engine.clock.advance(49_999)
    expect(await take(anotherProcess(engine))).toEqual([])
    await engine.clock.advance(1)
    expect(bodies(await take(anotherProcess(engine)))).toEqual(['1', '2'])
  })

  test('leaves messages alone that were received before', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2')
    const [one] = handles(await take(engine, { maxMessages: 1 })) as [string]
    await setDelay(engine, 60)
    await nack(engine, FIFO, [{ receiptHandle: one }])
    const again = await take(anotherProcess(engine))
    expect(bodies(again)).toEqual(['1'])
    await ack(engine, FIFO, handles(again))
    expect(await take(engine)).toEqual([])
    await engine.clock.advance(60_000)
    expect(bodies(await take(engine))).toEqual(['2'])
  })

  test("shows in a message's state and in counts", async () => {
    const engine = await fifoEngine()
    const [sent] = await send(engine, 'a', '1')
    const messageId = sent?.messageId as string
    const ready = { state: 'ready', dueAt: START, visibleAt: START }
    const delayed = { state: 'delayed', dueAt: START + 60_000, visibleAt: START + 60_000 }
    expect(await getMessage(engine, FIFO, messageId)).toMatchObject(ready)
    await setDelay(engine, 60)
    expect(await getMessage(engine, FIFO, messageId)).toMatchObject(delayed)
    expect((await browse(engine, FIFO)).messages).toMatchObject([delayed])
    expect(await counts(engine, FIFO)).toEqual({ ready: 0, delayed: 1, leased: 0, exact: true })
    await setDelay(engine, 0)
    expect(await getMessage(engine, FIFO, messageId)).toMatchObject(ready)
    expect(await counts(engine, FIFO)).toMatchObject({ ready: 1, delayed: 0, leased: 0 })
  })
})

describe('a delay of a FIFO queue that is lowered', () => {
  test('lets messages be received that would have waited longer, in order, at once', async () => {
    for (const looked of [false, true]) {
      const engine = await fifoEngine({ delaySeconds: 900 })
      await send(engine, 'a', '1', '2')
      // A look locks the group until its message is due.
      if (looked) expect(await take(engine)).toEqual([])
      await engine.clock.advance(10_000)
      await setDelay(engine, 15)
      expect(await take(anotherProcess(engine))).toEqual([])
      await engine.clock.advance(5_000)
      expect((await take(anotherProcess(engine))).map(({ body, dueAt }) => [body, dueAt])).toEqual([
        ['1', START + 15_000],
        ['2', START + 15_000],
      ])
    }
  })

  test('wakes a poll that waits', async () => {
    const engine = await fifoEngine({ delaySeconds: 900 })
    await send(engine, 'a', '1')
    const waiting = take(engine, { waitTimeSeconds: 20 })
    await engine.clock.advance(5_000)
    await setDelay(engine, 0)
    await engine.clock.advance(0)
    expect(bodies(await waiting)).toEqual(['1'])
  })

  test('applies to messages of publishers and to polls that still have the old settings', async () => {
    for (const late of ['publisher', 'poller']) {
      const engine = await fifoEngine({ delaySeconds: 900 })
      const slow = anotherProcess(engine)
      if (late === 'poller') await send(engine, 'a', '1')
      await slow.queues.get(FIFO)
      await engine.clock.advance(1_000)
      await setDelay(engine, 0)
      await engine.clock.advance(3_000)
      if (late === 'publisher') await send(slow, 'a', '1')
      else expect(await take(slow)).toEqual([])
      await engine.clock.advance(3_000)
      expect(bodies(await take(anotherProcess(engine)))).toEqual(['1'])
    }
  })

  test('costs a group that is in flight two looks that return nothing, and then none', async () => {
    const clock = manualClock()
    const { store, spent } = countingStore(memoryStore({ clock }))
    const engine = await fifoEngine({ delaySeconds: 5 }, { clock, store })
    await send(engine, 'a', '1')
    await clock.advance(5_000)
    expect(bodies(await take(engine, { visibilityTimeoutSeconds: 600 }))).toEqual(['1'])
    await clock.advance(1_000)
    await setDelay(engine, 0)
    const locks = []
    for (let polls = 0; polls < 20; polls++) {
      spent()
      expect(await take(engine, { visibilityTimeoutSeconds: 600 })).toEqual([])
      locks.push(spent().requests.lockTicket ?? 0)
      await clock.advance(1_000)
    }
    expect(locks.reduce((sum, count) => sum + count)).toBe(2)
  })
})

test('a delay of a standard queue that is changed leaves the messages in it as they are', async () => {
  const engine = await fifoEngine()
  await createQueue(engine, 'orders', { settings: { delaySeconds: 60 } })
  await publish(engine, 'orders', [{ body: '1', groupId: 'a' }])
  await updateQueue(engine, 'orders', { settings: { delaySeconds: 0 } })
  await publish(engine, 'orders', [{ body: '2', groupId: 'a' }])
  await updateQueue(engine, 'orders', { settings: { delaySeconds: 900 } })
  expect(bodies(await take(engine, {}, 'orders'))).toEqual(['2'])
  await engine.clock.advance(60_000)
  expect(bodies(await take(engine, {}, 'orders')).sort()).toEqual(['1', '2'])
})
