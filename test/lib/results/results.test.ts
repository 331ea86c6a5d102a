import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { cancelMessage } from '../../../lib/messages/cancel-message.ts'
import { rescheduleMessage } from '../../../lib/messages/reschedule-message.ts'
import type { Message } from '../../../lib/model/message.ts'
import type { SettingsChange } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { type PollOptions, poll } from '../../../lib/receive/poll.ts'
import { awaitResult, messageStatus } from '../../../lib/results/await-result.ts'
import { type AckEntry, ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { unreceive } from '../../../lib/settle/unreceive.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { faultyStore, scripted } from '../../support/faulty-store.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { anotherProcess, engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'

const OK = { ok: true }
const failed = (code: string) => ({ ok: false, error: expect.objectContaining({ code }) })
const RESULTS: SettingsChange = { results: { retentionSeconds: 600 } }

const queueWithResults = (settings: SettingsChange = {}, parts: Parameters<typeof testEngine>[0] = {}) =>
  engineWithQueue({ ...RESULTS, ...settings }, parts)

const send = async (engine: TestEngine, ...bodies: string[]): Promise<string[]> => {
  const results = await publish(
    engine,
    'orders',
    bodies.map((body) => ({ body })),
  )
  return results.map((result) => ('error' in result ? String(result.error) : result.messageId))
}
const sendOne = async (engine: TestEngine, body = 'work'): Promise<string> => (await send(engine, body))[0] as string
const receive = async (engine: TestEngine, options: PollOptions = {}): Promise<Message> => {
  const [message] = await poll(engine, 'orders', options)
  if (!message) throw new Error('nothing was received')
  return message
}
const ackOne = async (engine: TestEngine, entry: Omit<AckEntry, 'receiptHandle'> & { receiptHandle: string }) =>
  (await ack(engine, 'orders', [entry]))[0]
const resultOf = (engine: TestEngine, id: string) => awaitResult(engine, 'orders', id)
const stateOf = async (engine: TestEngine, id: string) => (await messageStatus(engine, 'orders', id)).state
/** A process that shares the table and dies at its next removal of a message: what it wrote before stays. */
const dyingAtRemoval = (engine: TestEngine): TestEngine =>
  testEngine({ clock: engine.clock, store: faultyStore(engine.store, scripted(['change', 'crashed-before'])), seed: 7 })

describe('a result', () => {
  test.each([
    ['an object', { total: 12, lines: ['a', 'b'] }],
    ['a number', 0],
    ['text', 'done'],
    ['nothing of value', null],
    ['bytes', Uint8Array.of(0, 255, 7)],
  ])('of %s is what the producer gets', async (_, result) => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    const at = engine.clock.now()
    expect(await ackOne(engine, { receiptHandle, result })).toEqual(OK)
    expect(await resultOf(anotherProcess(engine), id)).toEqual({ status: { state: 'done', at }, result })
  })

  test('is empty where the ack gave none', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    await ack(engine, 'orders', [(await receive(engine)).receiptHandle])
    expect(await resultOf(engine, id)).toEqual({ status: { state: 'done', at: engine.clock.now() } })
  })

  test('of each message of a batch is its own', async () => {
    const engine = await queueWithResults()
    const ids = await send(engine, 'a', 'b', 'c')
    const messages = await poll(engine, 'orders', { maxMessages: 3 })
    const entries = messages.map(({ receiptHandle, body }) => ({ receiptHandle, result: `result of ${body}` }))
    expect(await ack(engine, 'orders', entries)).toEqual([OK, OK, OK])
    const results = await Promise.all(ids.map((id) => resultOf(engine, id)))
    expect(results.map(({ result }) => result)).toEqual(['result of a', 'result of b', 'result of c'])
  })

  test('of 32 KB is kept, and a larger one is refused with what to do, while the message stays', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    const refused = await ackOne(engine, { receiptHandle, result: 'x'.repeat(32_767) })
    expect(refused).toEqual(failed('MessageTooLarge'))
    expect(String(refused && !refused.ok && refused.error.message)).toMatch(/32769 bytes.*32768.*elsewhere/)
    expect(await stateOf(engine, id)).toBe('leased')
    const result = 'x'.repeat(32_766)
    expect(await ackOne(engine, { receiptHandle, result })).toEqual(OK)
    expect((await resultOf(engine, id)).result).toBe(result)
  })

  test('too large for a batch leaves the others of the batch alone', async () => {
    const engine = await queueWithResults()
    const ids = await send(engine, 'a', 'b')
    const [a, b] = (await poll(engine, 'orders', { maxMessages: 2 })) as [Message, Message]
    expect(
      await ack(engine, 'orders', [
        { receiptHandle: a.receiptHandle, result: 'x'.repeat(40_000) },
        { receiptHandle: b.receiptHandle, result: 'small' },
      ]),
    ).toEqual([failed('MessageTooLarge'), OK])
    expect(await Promise.all(ids.map((id) => stateOf(engine, id)))).toEqual(['leased', 'done'])
  })

  test('is kept for its retention from the ack, and then the message is gone without a trace', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const { receiptHandle } = await receive(engine, { visibilityTimeoutSeconds: 7_200 })
    await engine.clock.advance(500_000)
    await ackOne(engine, { receiptHandle, result: 1 })
    await engine.clock.advance(599_000)
    expect(await resultOf(engine, id)).toMatchObject({ result: 1 })
    await engine.clock.advance(601_000)
    expect(await resultOf(engine, id)).toEqual({ status: { state: 'gone' } })
  })

  test('of work that took longer than the retention is kept for the retention too', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const { receiptHandle } = await receive(engine, { visibilityTimeoutSeconds: 36_000 })
    await engine.clock.advance(20_000_000)
    await ackOne(engine, { receiptHandle, result: 1 })
    await engine.clock.advance(599_000)
    expect(await resultOf(engine, id)).toMatchObject({ result: 1 })
  })

  test('given twice by one consumer is the first one', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    await ackOne(engine, { receiptHandle, result: 'first' })
    expect(await ackOne(engine, { receiptHandle, result: 'second' })).toEqual(OK)
    expect((await resultOf(engine, id)).result).toBe('first')
  })

  test('can not be given to a queue that keeps none, unless the consumer does not mind', async () => {
    const engine = await engineWithQueue()
    await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    const refusal = expect.objectContaining({
      code: 'InvalidRequest',
      message: expect.stringMatching(/retentionSeconds/),
    })
    await expect(ackOne(engine, { receiptHandle, result: 1 })).rejects.toEqual(refusal)
    await expect(ackOne(engine, { receiptHandle, failure: { name: 'E', message: 'm' } })).rejects.toEqual(refusal)
    expect(await ackOne(engine, { receiptHandle, result: 1, ifKept: true })).toEqual(OK)
  })

  test('can be given to a queue whose results another process has just switched on', async () => {
    const engine = await engineWithQueue()
    await engine.queues.get('orders')
    await updateQueue(anotherProcess(engine), 'orders', { settings: RESULTS })
    await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    expect(await ackOne(engine, { receiptHandle, result: 1 })).toEqual(OK)
  })

  test('can not be asked of a queue that keeps none', async () => {
    const engine = await engineWithQueue()
    const id = await sendOne(engine)
    await expect(resultOf(engine, id)).rejects.toMatchObject({ code: 'InvalidRequest' })
  })

  test('and a failure exclude each other', async () => {
    const engine = await queueWithResults()
    await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    const both = { receiptHandle, result: 1, failure: { name: 'E', message: 'm' } }
    await expect(ackOne(engine, both)).rejects.toMatchObject({ code: 'InvalidRequest' })
  })

  test.each([59, 2_592_001, 1.5])('retention of %d seconds is refused', async (retentionSeconds) => {
    const engine = testEngine()
    const creating = createQueue(engine, 'orders', { settings: { results: { retentionSeconds } } })
    await expect(creating).rejects.toMatchObject({
      code: 'InvalidRequest',
      fields: { field: 'results.retentionSeconds' },
    })
  })
})

describe('of two consumers of a message', () => {
  test('the result is that of the one who acked, not of an earlier one whose ack died half-way', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const first = await receive(engine, { visibilityTimeoutSeconds: 30 })
    void ack(dyingAtRemoval(engine), 'orders', [{ receiptHandle: first.receiptHandle, result: 'first' }])
    await engine.clock.advance(30_000)
    expect(await stateOf(engine, id)).toBe('ready')
    const second = await receive(engine)
    expect(await stateOf(engine, id)).toBe('leased')
    await ackOne(engine, { receiptHandle: second.receiptHandle, result: 'second' })
    expect((await resultOf(engine, id)).result).toBe('second')
  })

  test('the earlier one changes nothing by a late ack, before or after that of the later one', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const first = await receive(engine, { visibilityTimeoutSeconds: 30 })
    await engine.clock.advance(30_000)
    const second = await receive(engine)
    const late = { receiptHandle: first.receiptHandle, result: 'first' }
    expect(await ackOne(engine, late)).toEqual(failed('LeaseLost'))
    expect(await stateOf(engine, id)).toBe('leased')
    await ackOne(engine, { receiptHandle: second.receiptHandle, result: 'second' })
    expect(await ackOne(engine, late)).toEqual(OK)
    expect((await resultOf(engine, id)).result).toBe('second')
  })

  test('the failure of the earlier one is refused, although a poller gives back its claim before the message is removed', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const first = await receive(engine, { visibilityTimeoutSeconds: 30 })
    await engine.clock.advance(30_000)
    // Another poller claims the message for a caller who goes away, and gives it back once the ack has read the message.
    const caller = new AbortController()
    const reader = new AbortController()
    const [claimed, read] = [caller, reader].map(({ signal }) => once(signal, 'abort'))
    const other = testEngine({
      clock: engine.clock,
      store: {
        ...engine.store,
        claim: async (claims) => {
          const outcomes = await engine.store.claim(claims)
          caller.abort()
          return outcomes
        },
        change: async (changes) => {
          await read
          return engine.store.change(changes)
        },
      },
      seed: 5,
    })
    const polling = poll(other, 'orders', { signal: caller.signal })
    await claimed
    const slow = testEngine({
      clock: engine.clock,
      store: {
        ...engine.store,
        read: async (keys) => {
          const segments = await engine.store.read(keys)
          reader.abort()
          await polling
          return segments
        },
      },
      seed: 7,
    })
    const failure = { receiptHandle: first.receiptHandle, failure: { name: 'E', message: 'broken' } }
    expect(await ackOne(slow, failure)).toEqual(failed('LeaseLost'))
    expect(await ackOne(engine, failure)).toEqual(OK)
    expect(await resultOf(engine, id)).toMatchObject({ status: { state: 'failed' }, failure: { message: 'broken' } })
  })

  test('the one who gave the message back unreceived is the earlier one, though both have the same receive count', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const first = await receive(engine)
    await unreceive(engine, 'orders', [first.receiptHandle])
    const second = await receive(engine)
    expect([first.receiveCount, second.receiveCount]).toEqual([1, 1])
    await ackOne(engine, { receiptHandle: second.receiptHandle, result: 'second' })
    await ackOne(engine, { receiptHandle: first.receiptHandle, result: 'first' })
    expect((await resultOf(engine, id)).result).toBe('second')
  })

  test('a poller that read the message before it was received and given back can not claim it as it was', async () => {
    const engine = await queueWithResults()
    await send(engine, 'a', 'b')
    // Reads both messages fresh, and claims one of them after it was received elsewhere and given back.
    let between = async () => {}
    const slow = testEngine({
      clock: engine.clock,
      store: {
        ...engine.store,
        claim: async (claims) => {
          await between()
          return engine.store.claim(claims)
        },
      },
      seed: 3,
    })
    between = async () => {
      const first = await receive(engine)
      await unreceive(engine, 'orders', [first.receiptHandle])
    }
    expect(await poll(slow, 'orders', { maxMessages: 1 })).toEqual([])
  })

  test('an earlier one that acks when the result of the later one has expired does not take its place', async () => {
    const engine = await queueWithResults({ results: { retentionSeconds: 60 } })
    const id = await sendOne(engine)
    const first = await receive(engine, { visibilityTimeoutSeconds: 1 })
    await engine.clock.advance(1_000)
    const second = await receive(engine)
    await ackOne(engine, { receiptHandle: second.receiptHandle, result: 'second' })
    for (let second = 0; second < 150; second++) {
      await engine.clock.advance(1_000)
      await ackOne(engine, { receiptHandle: first.receiptHandle, result: 'first' })
      expect((await resultOf(engine, id)).result).not.toBe('first')
    }
    expect(await stateOf(engine, id)).toBe('gone')
  })

  test('a late ack of the only one counts', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const { receiptHandle } = await receive(engine, { visibilityTimeoutSeconds: 30 })
    await engine.clock.advance(100_000)
    expect(await stateOf(engine, id)).toBe('ready')
    expect(await ackOne(engine, { receiptHandle, result: 'late' })).toEqual(OK)
    expect((await resultOf(engine, id)).result).toBe('late')
  })
})

describe('an ack', () => {
  test('whose result could not be written leaves the message where it is', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    const failing = testEngine({
      clock: engine.clock,
      store: faultyStore(engine.store, scripted(['transact', 'unreachable'])),
    })
    expect(await ackOne(failing, { receiptHandle, result: 1 })).toEqual(failed('StoreUnavailable'))
    expect(await stateOf(engine, id)).toBe('leased')
    expect(await ackOne(failing, { receiptHandle, result: 1 })).toEqual(OK)
    expect((await resultOf(engine, id)).result).toBe(1)
  })

  test('whose result was written and whose answer was lost succeeds when it is repeated', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    const failing = testEngine({
      clock: engine.clock,
      store: faultyStore(engine.store, scripted(['transact', 'unanswered'])),
    })
    expect(await ackOne(failing, { receiptHandle, result: 1 })).toEqual(failed('StoreUnavailable'))
    expect(await ackOne(failing, { receiptHandle, result: 1 })).toEqual(OK)
    expect((await resultOf(engine, id)).result).toBe(1)
  })

  test('by hand of a batch that is retried in part keeps the results of the others', async () => {
    const engine = await queueWithResults()
    const ids = await send(engine, 'a', 'b', 'c')
    const messages = await poll(engine, 'orders', { maxMessages: 3 })
    const entries = messages.map(({ receiptHandle, body }) => ({ receiptHandle, result: `${body}!` }))
    await ack(engine, 'orders', entries)
    await ack(engine, 'orders', entries.slice(0, 1))
    await ack(engine, 'orders', entries.slice(0, 2))
    const results = await Promise.all(ids.map((id) => resultOf(engine, id)))
    expect(results.map(({ result }) => result)).toEqual(['a!', 'b!', 'c!'])
  })
})

describe('the status of a message', () => {
  test('follows it from its delay to its end', async () => {
    const engine = await queueWithResults({
      retryPolicy: { initialSeconds: 5, factor: 1, maximumSeconds: 5, jitter: 'none' },
    })
    const [sent] = await publish(engine, 'orders', [{ body: 'x', delaySeconds: 10 }])
    const id = sent && 'messageId' in sent ? sent.messageId : ''
    const status = () => messageStatus(engine, 'orders', id)
    const start = engine.clock.now()
    expect(await status()).toEqual({ state: 'delayed', visibleAt: start + 10_000, receiveCount: 0 })
    await engine.clock.advance(10_000)
    expect(await status()).toEqual({ state: 'ready', receiveCount: 0 })
    const first = await receive(engine, { visibilityTimeoutSeconds: 30 })
    expect(await status()).toEqual({ state: 'leased', until: start + 40_000, receiveCount: 1 })
    await extend(engine, 'orders', [{ receiptHandle: first.receiptHandle, visibilityTimeoutSeconds: 60 }])
    expect(await status()).toEqual({ state: 'leased', until: start + 70_000, receiveCount: 1 })
    await nack(engine, 'orders', [{ receiptHandle: first.receiptHandle }])
    expect(await status()).toEqual({ state: 'backingOff', visibleAt: start + 15_000, receiveCount: 1 })
    await engine.clock.advance(5_000)
    expect(await status()).toEqual({ state: 'ready', receiveCount: 1 })
    const second = await receive(engine)
    await unreceive(engine, 'orders', [second.receiptHandle])
    expect(await status()).toEqual({ state: 'ready', receiveCount: 1 })
    await ackOne(engine, { receiptHandle: (await receive(engine)).receiptHandle })
    expect(await status()).toEqual({ state: 'done', at: engine.clock.now() })
  })

  test('is not leased from the instant at which the lease ends', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    await receive(engine, { visibilityTimeoutSeconds: 30 })
    await engine.clock.advance(29_999)
    expect(await stateOf(engine, id)).toBe('leased')
    await engine.clock.advance(1)
    expect(await stateOf(engine, id)).toBe('ready')
  })

  test('is known without results too, but for how it ended', async () => {
    const engine = await engineWithQueue()
    const id = await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    expect(await stateOf(engine, id)).toBe('leased')
    await ack(engine, 'orders', [receiptHandle])
    expect(await messageStatus(engine, 'orders', id)).toEqual({ state: 'gone' })
  })

  test('of what is no message id is refused', async () => {
    const engine = await queueWithResults()
    await expect(messageStatus(engine, 'orders', 'no-id')).rejects.toMatchObject({ code: 'MessageNotFound' })
  })

  test('is cancelled, whatever result a consumer that died had stored', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const first = await receive(engine, { visibilityTimeoutSeconds: 30 })
    void ack(dyingAtRemoval(engine), 'orders', [{ receiptHandle: first.receiptHandle, result: 'first' }])
    await engine.clock.advance(30_000)
    const at = engine.clock.now()
    await cancelMessage(engine, 'orders', id)
    expect(await resultOf(engine, id)).toEqual({ status: { state: 'cancelled', at } })
    expect(await ackOne(engine, { receiptHandle: first.receiptHandle, result: 'first' })).toEqual(OK)
    expect(await resultOf(engine, id)).toEqual({ status: { state: 'cancelled', at } })
  })

  test('of a message that was rescheduled is that of where it is now', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    await rescheduleMessage(engine, 'orders', id, { delaySeconds: 50 })
    expect(await stateOf(engine, id)).toBe('delayed')
    await engine.clock.advance(50_000)
    const { receiptHandle, messageId } = await receive(engine)
    expect(messageId).toBe(id)
    expect(await stateOf(engine, id)).toBe('leased')
    await ackOne(engine, { receiptHandle, result: 'moved and done' })
    expect((await resultOf(engine, id)).result).toBe('moved and done')
  })

  test('of one that was received for nothing can be rescheduled anywhere', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    await unreceive(engine, 'orders', [(await receive(engine)).receiptHandle])
    await rescheduleMessage(engine, 'orders', id, { delaySeconds: 864_000 })
    expect(await stateOf(engine, id)).toBe('delayed')
  })

  test('is purged for a purged message, also after a consumer acked it', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    await engine.clock.advance(1_000)
    // It knows of the purge only five seconds later.
    const other = anotherProcess(engine)
    await other.queues.get('orders')
    await purgeQueue(engine, 'orders')
    const purged = { status: { state: 'gone', reason: 'purged' } }
    expect(await resultOf(engine, id)).toEqual(purged)
    await engine.clock.advance(1_000)
    await ackOne(other, { receiptHandle, result: 'too late' })
    expect(await resultOf(engine, id)).toEqual(purged)
  })

  test('stays done for what was acked before a purge', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    await ackOne(engine, { receiptHandle: (await receive(engine)).receiptHandle, result: 1 })
    await engine.clock.advance(1_000)
    await purgeQueue(engine, 'orders')
    expect(await resultOf(engine, id)).toMatchObject({ status: { state: 'done' }, result: 1 })
  })

  test('is expired for an expired message, and stays so', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const engine = await queueWithResults({ retentionSeconds: 100 }, { clock, store })
    const id = await sendOne(engine)
    const first = await receive(engine, { visibilityTimeoutSeconds: 30 })
    void ack(dyingAtRemoval(engine), 'orders', [{ receiptHandle: first.receiptHandle, result: 'first' }])
    const at = engine.clock.now() + 100_000
    await engine.clock.advance(100_000)
    const expired = { status: { state: 'gone', reason: 'expired', at } }
    for (let minute = 0; minute < 15; minute++) {
      expect(await resultOf(engine, id)).toEqual(expired)
      expect(await poll(engine, 'orders')).toEqual([])
      await store.reclaim(1_000)
      await engine.clock.advance(60_000)
    }
    // Acked when it is too late, it stays gone.
    await ackOne(engine, { receiptHandle: first.receiptHandle, result: 'first' })
    await engine.clock.advance(600_000)
    expect((await resultOf(engine, id)).result).toBeUndefined()
  })

  test('is expired for a message whose queue has got a shorter retention since', async () => {
    const engine = await queueWithResults()
    const id = await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    await updateQueue(engine, 'orders', { settings: { retentionSeconds: 60 } })
    await engine.clock.advance(60_000)
    expect(await messageStatus(engine, 'orders', id)).toMatchObject({ state: 'gone', reason: 'expired' })
    await ackOne(engine, { receiptHandle, result: 1 })
    expect(await stateOf(engine, id)).toBe('gone')
  })
})

describe('results that are switched on later', () => {
  test('are kept for messages that are received after every process has the setting', async () => {
    const engine = await engineWithQueue()
    const ids = await send(engine, 'a', 'b')
    const other = anotherProcess(engine)
    await other.queues.get('orders')
    await updateQueue(engine, 'orders', { settings: RESULTS })
    const early = await receive(engine, { visibilityTimeoutSeconds: 5 })
    // Its consumer dies in its ack; the next one acks through a process that does not know of results yet.
    void ack(dyingAtRemoval(engine), 'orders', [{ receiptHandle: early.receiptHandle, result: 'early' }])
    await engine.clock.advance(4_999)
    await nack(engine, 'orders', [{ receiptHandle: early.receiptHandle, delaySeconds: 0 }])
    const [next] = await poll(other, 'orders')
    await ack(other, 'orders', [next?.receiptHandle as string])
    expect(await Promise.all(ids.map((id) => stateOf(engine, id)))).toEqual(['gone', 'ready'])
    await engine.clock.advance(2_001)
    await ackOne(other, { receiptHandle: (await receive(other)).receiptHandle, result: 'kept' })
    expect(await resultOf(engine, ids[1] as string)).toMatchObject({ result: 'kept' })
  })

  test('cost nothing and store nothing where they are off', async () => {
    const engine = await engineWithQueue()
    await sendOne(engine)
    const { receiptHandle } = await receive(engine)
    const transacts: unknown[] = []
    const watched = testEngine({
      clock: engine.clock,
      store: {
        ...engine.store,
        transact: (writes) => {
          transacts.push(writes)
          return engine.store.transact(writes)
        },
      },
    })
    await ack(watched, 'orders', [receiptHandle])
    expect(transacts).toEqual([])
  })
})
