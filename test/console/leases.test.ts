import { beforeEach, describe, expect, test } from 'vitest'
import { FlowLog } from '../../functions/local/leases/flow-log.ts'
import { LeaseLog } from '../../functions/local/leases/lease-log.ts'
import { watchLeases } from '../../functions/local/leases/watch-leases.ts'
import { cancelMessage } from '../../lib/messages/cancel-message.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { ack } from '../../lib/settle/ack.ts'
import { extend } from '../../lib/settle/extend.ts'
import { nack } from '../../lib/settle/nack.ts'
import { unreceive } from '../../lib/settle/unreceive.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import { manualClock } from '../support/manual-clock.ts'
import { type TestEngine, testEngine } from '../support/test-engine.ts'
import { type TestConsole, testConsole } from './test-console.ts'

let engine: TestEngine
let log: LeaseLog
let flows: FlowLog
let view: TestConsole
let id: string

beforeEach(async () => {
  const clock = manualClock()
  log = new LeaseLog(clock.now)
  flows = new FlowLog(clock.now)
  engine = testEngine({ clock, store: watchLeases(memoryStore({ clock }), { leases: log, flows }) })
  view = testConsole(engine, { leases: log, flows })
  await createQueue(engine, 'failed')
  await createQueue(engine, 'orders', { settings: { deadLetter: { queue: 'failed', maxReceives: 9 } } })
  const [sent] = await publish(engine, 'orders', [{ body: 'x' }])
  id = sent?.ok ? sent.messageId : ''
})

const receive = async (queue = 'orders'): Promise<string> => (await poll(engine, queue))[0]?.receiptHandle ?? ''
const ends = () => log.of(id).map(({ end }) => end?.how)
const course = async (queue = 'orders') =>
  [...(await view.see(`/queues/${queue}/messages/${id}`)).html.matchAll(/<li>([^<]+)<\/li>/g)].map(([, text]) => text)

describe('the course of a message has each lease', () => {
  test('with when it began, how long it lasted and why it ended', async () => {
    await receive()
    await engine.clock.advance(31_000)
    const second = await receive()
    await engine.clock.advance(5_000)
    await nack(engine, 'orders', [{ receiptHandle: second, delaySeconds: 0 }])
    await receive()
    await engine.clock.advance(2_000)
    expect(await course()).toEqual([
      'Leased for another 28 s',
      'Lease 3: from 2026-03-01 12:00:36 UTC in orders for 2 s of 30 s so far',
      'Lease 2: from 2026-03-01 12:00:31 UTC in orders for 5 s of 30 s, released by a nack',
      'Lease 1: from 2026-03-01 12:00:00 UTC in orders for 30 s, expired without an ack',
      'First received 38 s ago, 0 s after its publish; 2 of 3 leases ended without an ack. The list has all of them.',
      'Published 38 s ago',
    ])
  })

  test('through the dead-letter queue, with the reason', async () => {
    await nack(engine, 'orders', [{ receiptHandle: await receive(), deadLetter: true, error: 'no such customer' }])
    await receive('failed')
    expect((await course('failed')).slice(1, 3)).toEqual([
      'Lease 2: from 2026-03-01 12:00:00 UTC in failed for 0 s of 30 s so far',
      'Lease 1: from 2026-03-01 12:00:00 UTC in orders for 0 s of 30 s, dead-lettered by its consumer: no such customer',
    ])
  })

  test('when the message has left its queue', async () => {
    await ack(engine, 'orders', [await receive()])
    expect(await course()).toEqual([
      'Acked 0 s ago',
      'Lease 1: from 2026-03-01 12:00:00 UTC in orders for 0 s of 30 s, settled by its consumer',
    ])
  })

  test('extended or given back as not received', async () => {
    const first = await receive()
    await extend(engine, 'orders', [{ receiptHandle: first, visibilityTimeoutSeconds: 100 }])
    await engine.clock.advance(50_000)
    expect(ends()).toEqual([undefined])
    await unreceive(engine, 'orders', [first])
    expect(ends()).toEqual(['unreceived'])
  })

  test('and says how many it did not see', async () => {
    await receive()
    await engine.clock.advance(31_000)
    view = testConsole(engine, { leases: new LeaseLog(engine.clock.now) })
    expect(await course()).toContainEqual(
      expect.stringContaining('The list lacks 1 lease: this server started at 2026-03-01 12:00:31 UTC.'),
    )
  })
})

describe('without a record of leases, as on a deployed table, the course has what the queue stores', () => {
  beforeEach(() => {
    view = testConsole(engine)
  })

  test('of a message that was received once: its whole lease', async () => {
    await receive()
    await engine.clock.advance(2_000)
    expect((await course())[1]).toBe(
      'Lease 1: from 2026-03-01 12:00:00 UTC, for 2 s so far; it ends at 2026-03-01 12:00:30 UTC unless its consumer settles or extends it',
    )
    await engine.clock.advance(60_000)
    expect((await course())[1]).toBe(
      'Lease 1: from 2026-03-01 12:00:00 UTC; it, and any delay after it, ended at 2026-03-01 12:00:30 UTC',
    )
  })

  test('of later receives: what is known, and what is not', async () => {
    for (let lease = 0; lease < 3; lease++) {
      await receive()
      await engine.clock.advance(31_000)
    }
    await nack(engine, 'orders', [{ receiptHandle: await receive(), delaySeconds: 60 }])
    expect((await course()).slice(1, 5)).toEqual([
      'Lease 4: its begin is not stored; given back by its consumer, or rescheduled, at a time that is not stored',
      'Leases 2 to 3: not stored',
      'Lease 1: from 2026-03-01 12:00:00 UTC; its end is not stored',
      expect.stringContaining('4 of 4 leases ended without an ack. A table stores no more of them'),
    ])
  })

  test('of a dead letter: no delay, since its due time is that of its move', async () => {
    await engine.clock.advance(5_000)
    await nack(engine, 'orders', [{ receiptHandle: await receive(), deadLetter: true, error: 'no such customer' }])
    expect(await course('failed')).toEqual([
      'Waits in the dead-letter queue',
      'Dead-lettered 0 s ago out of orders after 1 receive: no such customer',
      'Published 5 s ago',
    ])
  })

  test('of a message that was not received: no lease', async () => {
    expect(await course()).toEqual(['Ready: the next poll can receive it', 'Published 0 s ago'])
  })
})

test('a lease that ran out is not ended again by what follows', async () => {
  await receive()
  await engine.clock.advance(31_000)
  await cancelMessage(engine, 'orders', id)
  expect(log.of(id)).toMatchObject([{ end: { how: 'ranOut', at: engine.clock.now() - 1_000 } }])
})

test('of one segment each message has leases of its own, when all are acked together too', async () => {
  const sent = await publish(engine, 'failed', [{ body: 'a' }, { body: 'b' }])
  const held = await poll(engine, 'failed', { maxMessages: 2 })
  await ack(
    engine,
    'failed',
    held.map(({ receiptHandle }) => receiptHandle),
  )
  const how = sent.map((one) => log.of(one.ok ? one.messageId : '').map(({ end }) => end?.how))
  expect(how).toEqual([['settled'], ['settled']])
})

test('what is kept is bounded: the messages that changed longest ago are forgotten', async () => {
  await receive()
  const lease = (index: number) => ({
    token: Buffer.from([index & 255, index >> 8]),
    receiveCount: 1,
    firstReceivedAt: 0,
  })
  for (let index = 0; index < 10_010; index++) {
    log.claimed(`place ${index}`, `message ${index}`, 'orders', {
      kind: 'lease',
      until: 1,
      backingOff: false,
      ...lease(index),
    })
  }
  expect([log.of(id).length, log.of('message 5100').length, log.of('message 10009').length]).toEqual([0, 1, 1])
})

test('what is kept stays bounded after messages have left with long reasons', async () => {
  await receive()
  const claim = (name: string) =>
    log.claimed(`place ${name}`, name, 'orders', {
      kind: 'lease',
      until: engine.clock.now() + 1_000,
      backingOff: false,
      token: Buffer.from(name),
      receiveCount: 1,
      firstReceivedAt: 0,
    })
  for (let index = 0; index < 1_000; index++) {
    claim(`failed ${index}`)
    log.gone(`place failed ${index}`, () => ({ how: 'deadLettered', reason: 'x'.repeat(1_024) }))
  }
  for (let index = 0; index < 10_010; index++) claim(`message ${index}`)
  expect([log.of(id).length, log.of('message 0').length, log.of('message 10009').length]).toEqual([0, 0, 1])
})

test('what is kept is bounded in bytes too: many leases of a message push out other messages', async () => {
  const claim = (message: number, receiveCount: number) =>
    log.claimed(`place ${message}`, `message ${message}`, 'orders', {
      kind: 'lease',
      until: 1,
      backingOff: false,
      token: Buffer.from([message, receiveCount]),
      receiveCount,
      firstReceivedAt: 0,
    })
  claim(0, 1)
  // 456 messages with fifty leases each fill both maps.
  for (let message = 1; message <= 457; message++) for (let lease = 1; lease <= 50; lease++) claim(message, lease)
  expect([0, 1, 457].map((message) => log.of(`message ${message}`).length)).toEqual([0, 0, 50])
})

describe('the page of a queue', () => {
  test('has what was published, received and acked each second', async () => {
    for (let body = 0; body < 9; body++) await publish(engine, 'orders', [{ body }])
    const held = await poll(engine, 'orders', { maxMessages: 5 })
    await ack(
      engine,
      'orders',
      held.slice(0, 4).map(({ receiptHandle }) => receiptHandle),
    )
    expect(flows.of('orders').at(-1)).toMatchObject({ stored: 10, received: 5, settled: 4 })
    await engine.clock.advance(5_000)
    const { html } = await view.see('/queues/orders')
    expect(html).toMatch(/published 2\.0\/s.*received 1\.0\/s.*acked 0\.8\/s/)
    expect(html).toContain('top: 2/s')
  })

  test('counts no ack where a nack gives a message back, and has nothing of a queue that was not used', async () => {
    await nack(engine, 'orders', [{ receiptHandle: await receive(), delaySeconds: 0 }])
    expect(flows.of('orders').at(-1)).toMatchObject({ stored: 1, received: 1, settled: 0 })
    expect(flows.of('none')).toEqual([])
  })

  test('keeps ten minutes', async () => {
    await engine.clock.advance(595_000)
    expect(flows.of('orders')[0]).toMatchObject({ stored: 1 })
    await engine.clock.advance(5_000)
    expect(flows.of('orders').every(({ stored }) => stored === 0)).toBe(true)
  })
})
