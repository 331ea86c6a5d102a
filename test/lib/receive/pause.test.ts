import { describe, expect, test } from 'vitest'
import { QUEUE_CACHE_MS } from '../../../lib/model/limits.ts'
import type { Message } from '../../../lib/model/message.ts'
import { DEFAULT_FIFO } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { getQueue } from '../../../lib/queues/get-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { manualClock, settled } from '../../support/manual-clock.ts'
import { anotherProcess, engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'

const bodies = (messages: readonly Message[]): unknown[] => messages.map(({ body }) => body)
const handles = (messages: readonly Message[]): string[] => messages.map(({ receiptHandle }) => receiptHandle)
const pause = (engine: TestEngine, queue = 'orders') => updateQueue(engine, queue, { settings: { paused: true } })
const resume = (engine: TestEngine, queue = 'orders') => updateQueue(engine, queue, { settings: { paused: false } })

const FIFO = { fifo: { ...DEFAULT_FIFO, contentBasedDeduplication: true } }
const KINDS = [
  ['a standard queue', 'orders', undefined],
  ['a standard queue with groups', 'orders', 'red'],
  ['a FIFO queue', 'orders.fifo', 'red'],
] as const

describe.each(KINDS)('while it is paused, %s', (_, queue, groupId) => {
  const rig = async () => {
    const engine = testEngine()
    await createQueue(engine, queue, { settings: queue.endsWith('.fifo') ? FIFO : {} })
    const send = (body: string) => publish(engine, queue, [{ body, ...(groupId && { groupId }) }])
    return { engine, send }
  }

  test('takes publishes and gives nothing to polls; afterwards it gives everything', async () => {
    const { engine, send } = await rig()
    await send('before')
    await pause(engine, queue)
    await send('meanwhile')
    expect(await poll(engine, queue, { maxMessages: 10 })).toEqual([])
    expect(await counts(engine, queue)).toMatchObject({ ready: 2, leased: 0 })
    await resume(engine, queue)
    expect(bodies(await poll(engine, queue, { maxMessages: 10 }))).toEqual(['before', 'meanwhile'])
  })

  test('lets what is leased be extended, acked and nacked', async () => {
    const { engine, send } = await rig()
    for (const body of ['a', 'b', 'c']) await send(body)
    const [a, b, c] = handles(await poll(engine, queue, { maxMessages: 10 })) as [string, string, string]
    await pause(engine, queue)
    const done = [
      ...(await extend(engine, queue, [{ receiptHandle: a, visibilityTimeoutSeconds: 90 }])),
      ...(await ack(engine, queue, [a])),
      ...(await nack(engine, queue, [{ receiptHandle: b, delaySeconds: 0 }])),
      ...(await ack(engine, queue, [c])),
    ]
    expect(done).toEqual(done.map(() => ({ ok: true })))
    expect(await poll(engine, queue)).toEqual([])
    await resume(engine, queue)
    expect(bodies(await poll(engine, queue, { maxMessages: 10 }))).toEqual(['b'])
  })

  test('answers a poll that waits when it is resumed', async () => {
    const { engine, send } = await rig()
    await send('a')
    await pause(engine, queue)
    const waiting = poll(engine, queue, { waitTimeSeconds: 20 })
    await engine.clock.advance(9_000)
    await resume(engine, queue)
    await settled()
    expect(bodies(await waiting)).toEqual(['a'])
  })

  test('gives nothing to polls of another process five seconds after that read its record, and resumes likewise', async () => {
    const { engine, send } = await rig()
    const other = anotherProcess(engine)
    expect(await poll(other, queue)).toEqual([])
    await pause(engine, queue)
    await send('a')
    await engine.clock.advance(QUEUE_CACHE_MS)
    const waiting = poll(other, queue, { waitTimeSeconds: 20 })
    await engine.clock.advance(1_000)
    await resume(engine, queue)
    await engine.clock.advance(QUEUE_CACHE_MS + 1_300)
    expect(bodies(await waiting)).toEqual(['a'])
  })

  test('gives nothing to a poll that has waited since before', async () => {
    const { engine, send } = await rig()
    const waiting = poll(engine, queue, { waitTimeSeconds: 10 })
    await engine.clock.advance(1_000)
    await pause(engine, queue)
    await send('a')
    await engine.clock.advance(9_000)
    expect(await waiting).toEqual([])
  })
})

test('a repeated poll of a FIFO queue gets nothing while the queue is paused, and its messages after that', async () => {
  const engine = testEngine()
  await createQueue(engine, 'orders.fifo', { settings: FIFO })
  await publish(engine, 'orders.fifo', [{ body: 'a', groupId: 'red' }])
  const again = () => poll(engine, 'orders.fifo', { attemptId: 'one' })
  const [first] = await again()
  await pause(engine, 'orders.fifo')
  expect(await again()).toEqual([])
  await resume(engine, 'orders.fifo')
  expect(handles(await again())).toEqual([first?.receiptHandle])
})

test('a repeated poll of a FIFO queue that waits while the queue is paused gets its messages after the resume', async () => {
  const engine = testEngine()
  await createQueue(engine, 'orders.fifo', { settings: FIFO })
  await publish(engine, 'orders.fifo', [{ body: 'a', groupId: 'red' }])
  const again = (waitTimeSeconds: number) => poll(engine, 'orders.fifo', { attemptId: 'one', waitTimeSeconds })
  const [first] = await again(0)
  await pause(engine, 'orders.fifo')
  const waiting = again(5)
  await engine.clock.advance(1_000)
  await resume(engine, 'orders.fifo')
  await engine.clock.advance(5_000)
  expect(handles(await waiting)).toEqual([first?.receiptHandle])
})

test('the setting is true or absent, and stays where a change does not name it', async () => {
  const engine = await engineWithQueue({ paused: true })
  expect((await updateQueue(engine, 'orders', { settings: { delaySeconds: 1 } })).settings.paused).toBe(true)
  expect((await resume(engine)).settings).not.toHaveProperty('paused')
  await pause(engine)
  await updateQueue(engine, 'orders', { settings: { paused: null } })
  expect((await getQueue(engine, 'orders')).settings).not.toHaveProperty('paused')
  await expect(updateQueue(engine, 'orders', { settings: { paused: 'yes' as never } })).rejects.toThrow(
    'paused must be true or false, but is "yes"',
  )
})

test('a queue that is created again as it is has the same pause', async () => {
  const engine = await engineWithQueue()
  expect(await createQueue(engine, 'orders', { settings: { paused: false } })).toMatchObject({ created: false })
  await expect(createQueue(engine, 'orders', { settings: { paused: true } })).rejects.toMatchObject({
    code: 'QueueExists',
  })
})

test('a read of the record that began before a pause of this process does not hide it', async () => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  let hold: Promise<void> | undefined
  const slow: Store = {
    ...store,
    getDocument: async (...input) => {
      const document = await store.getDocument(...input)
      await hold
      return document
    },
  }
  const engine = await engineWithQueue({}, { clock, store: slow })
  await publish(engine, 'orders', [{ body: 'a' }])
  await clock.advance(QUEUE_CACHE_MS)
  let answer = () => {}
  hold = new Promise((resolve) => {
    answer = resolve
  })
  const polling = poll(engine, 'orders')
  await settled()
  hold = undefined
  await pause(engine)
  answer()
  expect(await polling).toEqual([])
  expect(await poll(engine, 'orders')).toEqual([])
})
