import { describe, expect, test } from 'vitest'
import type { Message } from '../../../lib/model/message.ts'
import { DEFAULT_FIFO, type SettingsChange } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { awaitResult, messageStatus } from '../../../lib/results/await-result.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { faultyStore, scripted } from '../../support/faulty-store.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

const OK = { ok: true }
const results = { retentionSeconds: 600 }
const FAILURE = { name: 'CardDeclined', message: 'no money', stack: 'CardDeclined: no money\n    at pay' }

interface World {
  readonly engine: TestEngine
  readonly queue: string
  readonly dead: string
  send(): Promise<string>
  receive(queue?: string): Promise<Message>
}

type Kind = readonly [
  name: string,
  queue: string,
  dead: string,
  group: { readonly groupId?: string; readonly deduplicationId?: string },
]
const STANDARD: Kind = ['a standard queue', 'orders', 'dead', {}]
const kinds: readonly Kind[] = [
  STANDARD,
  ['a FIFO queue', 'orders.fifo', 'dead.fifo', { groupId: 'g', deduplicationId: 'd' }],
  ['a message group of a standard queue', 'orders', 'dead', { groupId: 'g' }],
]

const worldOf = async (
  [, queue, dead, group]: Kind,
  settings: SettingsChange = { deadLetter: { queue: dead, maxReceives: 2 } },
): Promise<World> => {
  const engine = testEngine()
  const fifo = queue.endsWith('.fifo') && { fifo: DEFAULT_FIFO }
  await createQueue(engine, dead, { settings: { ...fifo } })
  await createQueue(engine, queue, { settings: { ...fifo, results, ...settings } })
  return {
    engine,
    queue,
    dead,
    send: async () => {
      const [sent] = await publish(engine, queue, [{ body: 'pay', ...group }])
      if (!sent || 'error' in sent) throw sent?.error
      return sent.messageId
    },
    receive: async (from = queue) => {
      const [message] = await poll(engine, from, { visibilityTimeoutSeconds: 30 })
      if (!message) throw new Error('nothing was received')
      return message
    },
  }
}

describe.each(kinds)('on %s', (...kind) => {
  test('a result is what the producer gets', async () => {
    const { engine, queue, send, receive } = await worldOf(kind)
    const id = await send()
    await ack(engine, queue, [{ receiptHandle: (await receive()).receiptHandle, result: { paid: true } }])
    expect(await awaitResult(engine, queue, id)).toEqual({
      status: { state: 'done', at: engine.clock.now() },
      result: { paid: true },
    })
  })

  test('a rejected message is dead-lettered, and its status has the failure', async () => {
    const { engine, queue, dead, send, receive } = await worldOf(kind)
    const id = await send()
    const { receiptHandle } = await receive()
    const at = engine.clock.now()
    expect(
      await nack(engine, queue, [{ receiptHandle, deadLetter: true, error: 'declined', failure: FAILURE }]),
    ).toEqual([OK])
    expect(await awaitResult(engine, queue, id)).toEqual({
      status: { state: 'deadLettered', at, queue: dead, reason: 'declined' },
      failure: FAILURE,
    })
  })

  test('a failure at the last receive moves the message at once; one before does not', async () => {
    const { engine, queue, dead, send, receive } = await worldOf(kind)
    const id = await send()
    await nack(engine, queue, [{ receiptHandle: (await receive()).receiptHandle, delaySeconds: 0, failure: FAILURE }])
    expect(await messageStatus(engine, queue, id)).toEqual({ state: 'ready', receiveCount: 1 })
    await nack(engine, queue, [{ receiptHandle: (await receive()).receiptHandle, failure: FAILURE }])
    expect(await awaitResult(engine, queue, id)).toMatchObject({
      status: { state: 'deadLettered', queue: dead, reason: 'MaxReceivesExceeded' },
      failure: FAILURE,
    })
  })

  test('a message whose last consumer was killed has used up its attempts, and a late ack still counts', async () => {
    const { engine, queue, send, receive } = await worldOf(kind)
    const id = await send()
    await receive()
    await engine.clock.advance(30_000)
    const { receiptHandle } = await receive()
    expect((await messageStatus(engine, queue, id)).state).toBe('leased')
    await engine.clock.advance(30_000)
    expect(await messageStatus(engine, queue, id)).toEqual({ state: 'attemptsUsedUp', receiveCount: 2 })
    const [late] = await ack(engine, queue, [{ receiptHandle, result: 'late' }])
    // In a FIFO queue nothing is acked after its lease.
    if (queue.endsWith('.fifo')) expect(late).toMatchObject({ ok: false, error: { code: 'LeaseLost' } })
    else expect((await awaitResult(engine, queue, id)).result).toBe('late')
  })

  test('a message that is moved after its last lease is dead-lettered, whatever its consumer wrote before it died', async () => {
    const { engine, queue, dead, send, receive } = await worldOf(kind)
    const id = await send()
    await receive()
    await engine.clock.advance(30_000)
    const { receiptHandle } = await receive()
    const dying = testEngine({
      clock: engine.clock,
      store: faultyStore(engine.store, scripted(['change', 'crashed-before'])),
    })
    void ack(dying, queue, [{ receiptHandle, result: 'half' }])
    await engine.clock.advance(30_000)
    const at = engine.clock.now()
    expect(await poll(engine, queue)).toEqual([])
    expect(await awaitResult(engine, queue, id)).toEqual({
      status: { state: 'deadLettered', at, queue: dead, reason: 'MaxReceivesExceeded' },
    })
  })

  test('a redriven message starts anew, and no result of before counts', async () => {
    const { engine, queue, dead, send, receive } = await worldOf(kind)
    const id = await send()
    const { receiptHandle } = await receive()
    await nack(engine, queue, [{ receiptHandle, deadLetter: true }])
    await engine.clock.advance(1_000)
    const { taskId } = await startRedrive(engine, dead, {})
    await runRedrive(engine, dead, taskId)
    expect(await messageStatus(engine, queue, id)).toEqual({ state: 'ready', receiveCount: 0 })
    await ack(engine, queue, [{ receiptHandle, result: 'of before' }])
    expect((await messageStatus(engine, queue, id)).state).toBe('ready')
    await ack(engine, queue, [{ receiptHandle: (await receive()).receiptHandle, result: 'of now' }])
    expect((await awaitResult(engine, queue, id)).result).toBe('of now')
  })

  test('a message that failed for good without a dead-letter queue has the status failed', async () => {
    const { engine, queue, send, receive } = await worldOf(kind, {})
    const id = await send()
    const { receiptHandle } = await receive()
    expect(await ack(engine, queue, [{ receiptHandle, failure: FAILURE }])).toEqual([OK])
    expect(await awaitResult(engine, queue, id)).toEqual({
      status: { state: 'failed', at: engine.clock.now() },
      failure: FAILURE,
    })
    expect(await poll(engine, queue)).toEqual([])
  })

  test('a rejection without a dead-letter queue is a failure for good', async () => {
    const { engine, queue, send, receive } = await worldOf(kind, {})
    const id = await send()
    const { receiptHandle } = await receive()
    expect(await nack(engine, queue, [{ receiptHandle, deadLetter: true, error: 'declined' }])).toEqual([OK])
    expect(await awaitResult(engine, queue, id)).toMatchObject({
      status: { state: 'failed' },
      failure: { name: 'Rejected', message: 'declined' },
    })
  })

  test('a failure keeps a bounded part of what it is given', async () => {
    const { engine, queue, send, receive } = await worldOf(kind, {})
    const id = await send()
    const failure = { name: 'n'.repeat(500), message: 'm'.repeat(10_000), stack: 's'.repeat(100_000) }
    await ack(engine, queue, [{ receiptHandle: (await receive()).receiptHandle, failure }])
    const { failure: told } = await awaitResult(engine, queue, id)
    expect([told?.name.length, told?.message.length, told?.stack?.length]).toEqual([128, 2_048, 4_096])
  })
})

test('a failure at the last receive gives the message back where its dead-letter queue was deleted', async () => {
  const { engine, queue, dead, send, receive } = await worldOf(STANDARD, {
    deadLetter: { queue: 'dead', maxReceives: 1 },
  })
  const id = await send()
  await deleteQueue(engine, dead)
  expect(
    await nack(engine, queue, [{ receiptHandle: (await receive()).receiptHandle, delaySeconds: 0, failure: FAILURE }]),
  ).toEqual([OK])
  expect((await messageStatus(engine, queue, id)).state).toBe('attemptsUsedUp')
})

test('the status of a dead-lettered message of a queue without results names its dead-letter queue', async () => {
  const engine = testEngine()
  await createQueue(engine, 'dead')
  await createQueue(engine, 'orders', { settings: { deadLetter: { queue: 'dead', maxReceives: 2 } } })
  const [sent] = await publish(engine, 'orders', [{ body: 'x' }])
  const [message] = await poll(engine, 'orders')
  await nack(engine, 'orders', [{ receiptHandle: message?.receiptHandle as string, deadLetter: true, error: 'no' }])
  const id = sent && 'messageId' in sent ? sent.messageId : ''
  expect(await messageStatus(engine, 'orders', id)).toEqual({
    state: 'deadLettered',
    at: engine.clock.now(),
    queue: 'dead',
    reason: 'no',
  })
})

describe('a wait for a result', () => {
  test('ends when the message is acked in this process', async () => {
    const { engine, queue, send, receive } = await worldOf(STANDARD)
    const id = await send()
    const { receiptHandle } = await receive()
    const waiting = awaitResult(engine, queue, id, { waitTimeSeconds: 20 })
    await engine.clock.advance(100)
    await ack(engine, queue, [{ receiptHandle, result: 5 }])
    expect(await waiting).toMatchObject({ result: 5 })
  })

  test.each([
    ['its time', async ({ engine }: World) => engine.clock.advance(20_000)],
    ['its signal', async (_: World, stop: AbortController) => stop.abort()],
  ])('ends with %s, and says how things are', async (_, end) => {
    const world = await worldOf(STANDARD)
    const id = await world.send()
    const stop = new AbortController()
    const waiting = awaitResult(world.engine, world.queue, id, { waitTimeSeconds: 20, signal: stop.signal })
    await world.engine.clock.advance(1)
    await end(world, stop)
    expect(await waiting).toEqual({ status: { state: 'ready', receiveCount: 0 } })
  })

  test('goes on while a late ack may still come', async () => {
    const { engine, queue, send, receive } = await worldOf(STANDARD, { deadLetter: { queue: 'dead', maxReceives: 1 } })
    const id = await send()
    const { receiptHandle } = await receive()
    await engine.clock.advance(30_000)
    const waiting = awaitResult(engine, queue, id, { waitTimeSeconds: 20 })
    await engine.clock.advance(10_000)
    await ack(engine, queue, [{ receiptHandle, result: 'late' }])
    await engine.clock.advance(2_000)
    expect(await waiting).toMatchObject({ result: 'late' })
  })

  test('of 20 s reads one header 25 times or so', async () => {
    const { engine, queue, send } = await worldOf(STANDARD)
    const id = await send()
    let looks = 0
    const counting = testEngine({
      clock: engine.clock,
      store: {
        ...engine.store,
        headers: (range) => {
          looks++
          return engine.store.headers(range)
        },
      },
    })
    const waiting = awaitResult(counting, queue, id, { waitTimeSeconds: 20 })
    for (let second = 0; second < 20; second++) await engine.clock.advance(1_000)
    await waiting
    expect(looks).toBeGreaterThan(15)
    expect(looks).toBeLessThan(32)
  })
})
