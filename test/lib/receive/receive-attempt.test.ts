import { expect, test } from 'vitest'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import type { Store } from '../../../lib/store/port.ts'
import { bodies, FIFO, fifoEngine, handles, send, take } from '../../support/fifo-engine.ts'
import { anotherProcess, testEngine } from '../../support/test-engine.ts'

const ATTEMPT = { attemptId: 'attempt-1', maxMessages: 2, visibilityTimeoutSeconds: 30 }

test('a poll repeated under its attempt id gets the same messages under the same handles, with a new lease', async () => {
  const engine = await fifoEngine()
  await send(engine, 'a', '1', '2', '3')
  const first = await take(engine, ATTEMPT)
  await engine.clock.advance(20_000)
  const again = await take(anotherProcess(engine), ATTEMPT)
  expect(again).toEqual(first.map((message) => ({ ...message, leasedUntil: message.leasedUntil + 20_000 })))
  await engine.clock.advance(20_000)
  expect(await take(engine)).toEqual([])
  expect(await ack(engine, FIFO, handles(first))).toEqual([{ ok: true }, { ok: true }])
})

test('what was acked since is not in it', async () => {
  const engine = await fifoEngine()
  await send(engine, 'a', '1', '2', '3')
  const first = await take(engine, ATTEMPT)
  await ack(engine, FIFO, handles(first).slice(0, 1))
  expect(bodies(await take(engine, ATTEMPT))).toEqual(['2'])
})

test('once the leases are over it is a poll like any other', async () => {
  const engine = await fifoEngine()
  await send(engine, 'a', '1', '2', '3')
  await take(engine, ATTEMPT)
  await engine.clock.advance(30_000)
  const again = await take(engine, ATTEMPT)
  expect(again.map(({ body, receiveCount }) => [body, receiveCount])).toEqual([
    ['1', 2],
    ['2', 2],
  ])
})

test('another attempt gets other messages', async () => {
  const engine = await fifoEngine()
  await send(engine, 'a', 'a')
  await send(engine, 'b', 'b')
  const one = await take(engine, { ...ATTEMPT, maxMessages: 1 })
  const other = await take(engine, { ...ATTEMPT, maxMessages: 1, attemptId: 'attempt-2' })
  expect(bodies([...one, ...other]).sort()).toEqual(['a', 'b'])
})

test('an attempt that got nothing is forgotten', async () => {
  const engine = await fifoEngine()
  expect(await take(engine, ATTEMPT)).toEqual([])
  await send(engine, 'a', '1')
  expect(bodies(await take(engine, ATTEMPT))).toEqual(['1'])
})

test('a repeat stops before a message that is no longer leased to it, and passes over none', async () => {
  const engine = await fifoEngine()
  await send(engine, 'a', '1', '2', '3')
  await send(engine, 'b', '4')
  const all = { ...ATTEMPT, maxMessages: 10 }
  const [, two, three] = handles(await take(engine, all)) as [string, string, string]
  await ack(engine, FIFO, [two])
  await extend(engine, FIFO, [{ receiptHandle: three, visibilityTimeoutSeconds: 90 }])
  await engine.clock.advance(30_000)
  // '1' is over, '2' is acked and '3' is held: what its consumer has not seen comes first.
  expect((await take(engine, all)).map(({ body, receiveCount }) => [body, receiveCount]).sort()).toEqual([
    ['1', 2],
    ['4', 2],
  ])
})

test('a repeat leaves out what is acked or received by another while it reads, and what follows that in its group', async () => {
  const engine = await fifoEngine()
  await send(engine, 'a', '1', '2')
  await send(engine, 'b', '3', '4')
  await send(engine, 'c', '5')
  const all = { ...ATTEMPT, maxMessages: 10, visibilityTimeoutSeconds: 10 }
  const first = await take(engine, all)
  const handleOf = (body: string) => first.find((message) => message.body === body)?.receiptHandle ?? ''
  const store: Store = {
    ...engine.store,
    read: async (keys) => {
      await ack(engine, FIFO, [handleOf('3')])
      await nack(engine, FIFO, [{ receiptHandle: handleOf('1') }])
      await take(anotherProcess(engine), { maxMessages: 1, visibilityTimeoutSeconds: 30 })
      return engine.store.read(keys)
    },
  }
  const again = await take(testEngine({ clock: engine.clock, store }), all)
  expect(bodies(again).sort()).toEqual(['4', '5'])
})
