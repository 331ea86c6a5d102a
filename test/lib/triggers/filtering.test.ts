import { describe, expect, test } from 'vitest'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { newQueueSettings } from '../../../lib/model/given-settings.ts'
import { bodyText, type Message } from '../../../lib/model/message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { findResult } from '../../../lib/results/find-result.ts'
import type { InvokeOutcome, TriggerEvent } from '../../../lib/triggers/invoker.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { type GivenTrigger, setTrigger } from '../../../lib/triggers/trigger.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

const ANSWERED: InvokeOutcome = { kind: 'answered', failed: new Set() }
const ORDERS = { body: { kind: ['order'] } }
const order = (id: number, groupId?: string) => ({ body: { kind: 'order', id }, ...(groupId && { groupId }) })
const other = (id: number, groupId?: string) => ({ body: { kind: 'other', id }, ...(groupId && { groupId }) })

/** A queue with a filter, and a function that answers as it is told, `ANSWERED` in the end. */
const rig = async (given: Partial<GivenTrigger> = {}, answers: InvokeOutcome[] = []) => {
  const engine = testEngine()
  const queue = given.queue ?? 'orders'
  for (const name of [queue, queue.replace('orders', 'others')])
    await createQueue(engine, name, { settings: newQueueSettings(name, {}) })
  await setTrigger(engine, {
    queue,
    functionName: 'handler',
    functionTimeoutSeconds: 10,
    filter: ORDERS,
    unmatched: 'delete',
    ...given,
  })
  const invocations: (readonly Message[])[] = []
  const events: TriggerEvent[] = []
  const records = async (_: unknown, messages: readonly Message[]) =>
    messages.map(({ body }) => ({ body: bodyText(body) }))
  const run = async (of: TestEngine = engine, judging = records) => {
    const running = dispatch(of, {
      queue,
      invoker: {
        fitting: async (_, messages) => messages.length,
        records: judging,
        invoke: async (_, messages) => {
          invocations.push(messages)
          return answers.shift() ?? ANSWERED
        },
      },
      endsAt: engine.clock.now() + 900_000,
      startRun: async () => {},
      observe: (event) => events.push(event),
    })
    await engine.clock.advance(10_000)
    return running
  }
  return { engine, queue, run, invocations, events }
}

const ids = (messages: readonly Message[] | undefined) => messages?.map(({ body }) => (body as { id: number }).id)
const EMPTY = { ready: 0, leased: 0, delayed: 0 }
const ofType = (events: readonly TriggerEvent[], type: TriggerEvent['type']) =>
  events.filter((one) => one.type === type)

describe('a filter', () => {
  test('has the function get what matches, in one batch, and deletes the rest with it', async () => {
    const { engine, queue, run, invocations, events } = await rig()
    await publish(engine, queue, [order(1), other(2), order(3), other(4)])
    expect(await run()).toBe('idle')
    expect(invocations.map(ids)).toEqual([[1, 3]])
    expect(await counts(engine, queue)).toMatchObject(EMPTY)
    expect(ofType(events, 'unmatched')).toEqual([{ type: 'unmatched', queue, messages: 2 }])
  })

  test('that matches nothing invokes nothing, and empties the queue', async () => {
    const { engine, queue, run, invocations } = await rig()
    for (let page = 0; page < 4; page++)
      await publish(
        engine,
        queue,
        Array.from({ length: 25 }, (_, id) => other(id)),
      )
    expect(await run()).toBe('idle')
    expect(invocations).toEqual([])
    expect(await counts(engine, queue)).toMatchObject(EMPTY)
  })

  test('fills a batch with what matches alone, past what does not', async () => {
    const { engine, queue, run, invocations } = await rig({ batchSize: 30, batchingWindowSeconds: 1 })
    for (let page = 0; page < 4; page++) {
      await publish(
        engine,
        queue,
        Array.from({ length: 25 }, (_, at) => (at % 5 === 0 ? order(page * 25 + at) : other(at))),
      )
    }
    expect(await run()).toBe('idle')
    expect(invocations.map((messages) => messages.length)).toEqual([20])
    expect(await counts(engine, queue)).toMatchObject(EMPTY)
  })

  test.each<[string, InvokeOutcome]>([
    ['fails', { kind: 'failed', error: 'no' }],
    ['did not run', { kind: 'not-run', reason: 'throttled', error: 'no' }],
    ['may have run', { kind: 'unknown', error: 'no' }],
  ])('deletes what it does not match also where the function %s, and keeps what it matches', async (_, outcome) => {
    const { engine, queue, run } = await rig(
      {},
      Array.from({ length: 20 }, () => outcome),
    )
    await publish(engine, queue, [order(1), other(2)])
    void run()
    await engine.clock.advance(3_000)
    const { ready, leased, delayed } = await counts(engine, queue)
    expect(ready + leased + delayed).toBe(1)
    await engine.clock.advance(120_000)
    const [left] = await poll(engine, queue, {})
    expect(left?.body).toEqual({ kind: 'order', id: 1 })
  })

  test('burns no receive of what matches, however often the function is throttled', async () => {
    const throttled: InvokeOutcome = { kind: 'not-run', reason: 'throttled', error: 'no' }
    const { engine, queue, run, invocations } = await rig({}, [throttled, throttled])
    await publish(engine, queue, [other(1), order(2)])
    void run()
    await engine.clock.advance(20_000)
    expect(invocations.map((messages) => messages.map(({ receiveCount }) => receiveCount))).toEqual([[1], [1], [1]])
  })

  test('gives the function what it can not judge', async () => {
    const { engine, queue, run, invocations, events } = await rig()
    await publish(engine, queue, [other(1)])
    const broken = async () => [
      {
        get body(): string {
          throw new Error('no body')
        },
      },
    ]
    await run(engine, broken)
    expect(invocations.map(ids)).toEqual([[1]])
    expect(ofType(events, 'filter-failed')).toHaveLength(1)
  })

  test('whose records can not be made for the moment gives everything back unreceived', async () => {
    const { engine, queue, run, invocations, events } = await rig()
    await publish(engine, queue, [order(1)])
    let refusals = 2
    await run(engine, async (_, messages) => {
      if (refusals-- > 0) throw new HoldfastError('Throttled', 'slow down')
      return messages.map(({ body }) => ({ body: bodyText(body) }))
    })
    expect(invocations.map((messages) => messages.map(({ receiveCount }) => receiveCount))).toEqual([[1]])
    expect(ofType(events, 'store-failed')).toHaveLength(2)
  })

  test('stores for the producer, on a queue that keeps results, that no pattern matched', async () => {
    const { engine, run } = await rig({ queue: 'orders' })
    await updateQueue(engine, 'orders', { settings: { results: { retentionSeconds: 600 } } })
    await engine.clock.advance(20_000)
    const [published] = await publish(engine, 'orders', [other(1)])
    await run()
    const { answer } = await findResult(engine, 'orders', (published as { messageId: string }).messageId)
    expect(answer).toMatchObject({
      status: { state: 'done' },
      unstored: 'no pattern of the filter of the trigger matched',
    })
  })
})

describe('unmatched messages that are moved', () => {
  const MOVED = { unmatched: { queue: 'others' } }

  test('keep id, body and time of publish, and have no receive', async () => {
    const { engine, queue, run, invocations, events } = await rig(MOVED)
    const results = await publish(engine, queue, [order(1), other(2), other(3)])
    const publishedAt = engine.clock.now()
    expect(await run()).toBe('idle')
    expect(invocations.map(ids)).toEqual([[1]])
    const moved = await poll(engine, 'others', { maxMessages: 10 })
    expect(moved).toMatchObject([
      { body: { id: 2 }, receiveCount: 1, publishedAt, messageId: (results[1] as { messageId: string }).messageId },
      { body: { id: 3 }, receiveCount: 1, publishedAt, messageId: (results[2] as { messageId: string }).messageId },
    ])
    expect(await counts(engine, queue)).toMatchObject(EMPTY)
    expect(ofType(events, 'unmatched')).toEqual([{ type: 'unmatched', queue, messages: 2, movedTo: 'others' }])
  })

  test('stay where they are, with their receives, while the queue for them is gone, and matched ones are delivered', async () => {
    const { engine, queue, run, invocations, events } = await rig(MOVED)
    await publish(engine, queue, [other(1), order(2)])
    await deleteQueue(engine, 'others')
    expect(await run()).toBe('idle')
    expect(invocations.map(ids)).toEqual([[2]])
    expect(await counts(engine, queue)).toMatchObject({ ready: 0, leased: 0, delayed: 1 })
    expect(ofType(events, 'unmatched-kept')).toMatchObject([
      { messages: 1, target: 'others', error: { code: 'QueueNotFound', message: 'queue "others" does not exist' } },
    ])
    await createQueue(engine, 'others', {})
    await engine.clock.advance(60_000)
    await run()
    expect(ids(await poll(engine, 'others', { maxMessages: 10 }))).toEqual([1])
    expect(await counts(engine, queue)).toMatchObject(EMPTY)
  })

  test('keep their order in a FIFO group, and its matched ones theirs', async () => {
    const { engine, queue, run, invocations } = await rig({ queue: 'orders.fifo', unmatched: { queue: 'others.fifo' } })
    await publish(engine, queue, [
      other(1, 'a'),
      order(2, 'a'),
      other(3, 'a'),
      other(4, 'b'),
      order(5, 'a'),
      other(6, 'a'),
    ])
    expect(await run()).toBe('idle')
    expect(invocations.flatMap((messages) => ids(messages))).toEqual([2, 5])
    const moved = await poll(engine, 'others.fifo', { maxMessages: 10 })
    expect(moved.filter(({ groupId }) => groupId === 'a').map((one) => ids([one])?.[0])).toEqual([1, 3, 6])
    expect(await counts(engine, queue)).toMatchObject(EMPTY)
  })

  test('hold up their FIFO group where they can not be moved, which costs what is behind them no receive', async () => {
    const { engine, queue, run, invocations } = await rig({ queue: 'orders.fifo', unmatched: { queue: 'others.fifo' } })
    await publish(engine, queue, [order(1, 'a'), other(2, 'a'), order(3, 'a'), other(4, 'a'), order(5, 'b')])
    await deleteQueue(engine, 'others.fifo')
    await run()
    expect(invocations.flatMap((messages) => ids(messages)).sort()).toEqual([1, 5])
    await createQueue(engine, 'others.fifo', { settings: newQueueSettings('others.fifo', {}) })
    await engine.clock.advance(60_000)
    await run()
    const third = invocations.flat().find(({ body }) => (body as { id: number }).id === 3)
    expect(third?.receiveCount).toBe(1)
    expect(ids(await poll(engine, 'others.fifo', { maxMessages: 10 }))).toEqual([2, 4])
    expect(await counts(engine, queue)).toMatchObject(EMPTY)
  })
})

describe('a trigger with a filter is refused', () => {
  test.each<[string, { [K in keyof GivenTrigger]?: unknown }, string]>([
    [
      'without a choice for what is unmatched',
      { filter: ORDERS, unmatched: undefined },
      'unmatched must be given exactly',
    ],
    ['with a choice and no filter', { unmatched: 'delete' }, 'unmatched must be given exactly'],
    ['with an unknown choice', { filter: ORDERS, unmatched: 'drop' }, 'must be "delete" or { queue }'],
    ['with a queue that is itself', { filter: ORDERS, unmatched: { queue: 'orders' } }, 'must be another queue'],
    ['with a queue of another kind', { filter: ORDERS, unmatched: { queue: 'a.fifo' } }, 'of the same kind'],
    [
      'with a queue that does not exist',
      { filter: ORDERS, unmatched: { queue: 'absent' } },
      'must name a queue that exists',
    ],
    ['with a further member', { filter: ORDERS, unmatched: { queue: 'a', name: 'b' } }, 'unmatched.name ("b") is not'],
    [
      'with a filter that is none',
      { filter: { bdy: ['x'] }, unmatched: 'delete' },
      'filter[0].bdy is not a known field',
    ],
  ])('%s', async (_, given, words) => {
    const engine = testEngine()
    await createQueue(engine, 'orders', {})
    const trigger = { queue: 'orders', functionName: 'handler', functionTimeoutSeconds: 10 }
    const setting = setTrigger(engine, { ...trigger, ...given } as GivenTrigger)
    await expect(setting).rejects.toThrow(words)
  })
})
