import { expect, test } from 'vitest'
import { eventLines } from '../../../functions/local/event-lines.ts'
import { printingRequests } from '../../../functions/local/request-lines.ts'
import { createEngine } from '../../../lib/engine.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { call, startServerProcess, until } from './server-process.ts'

const listening = async () => {
  const lines: string[] = []
  const clock = manualClock()
  const observe = eventLines(
    (line) => lines.push(line),
    () => clock.now(),
  )
  const engine = createEngine({ store: memoryStore({ clock }), clock, observe })
  await createQueue(engine, 'failed', {})
  await createQueue(engine, 'orders', { settings: { deadLetter: { queue: 'failed', maxReceives: 1 } } })
  await publish(engine, 'orders', [{ body: 1 }])
  return { engine, clock, lines, observe }
}

test('a dead letter is printed with its reason', async () => {
  const { engine, clock, lines } = await listening()
  await poll(engine, 'orders', {})
  await clock.advance(31_000)
  await poll(engine, 'orders', {})
  expect(lines).toEqual([
    '1 message of orders dead-lettered to failed: MaxReceivesExceeded, received as often as the queue allows without an ack',
  ])
})

test("a consumer's reason is on one line, and steers no terminal", async () => {
  const { engine, lines } = await listening()
  const [message] = await poll(engine, 'orders', {})
  await nack(engine, 'orders', [
    { receiptHandle: message?.receiptHandle ?? '', deadLetter: true, error: 'no\nsuch \x1b[2J customer' },
  ])
  expect(lines).toEqual(['1 message of orders dead-lettered to failed: no such  [2J customer'])
})

test('a dead-letter queue that does not exist is printed once a minute', async () => {
  const { engine, clock, lines } = await listening()
  await deleteQueue(engine, 'failed')
  await poll(engine, 'orders', {})
  for (let second = 0; second < 62; second += 31) {
    await clock.advance(31_000)
    await poll(engine, 'orders', {})
  }
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('its dead-letter queue failed, which does not exist')
  await clock.advance(60_000)
  await poll(engine, 'orders', {})
  expect(lines).toHaveLength(2)
})

test('a throttled publish is printed once a minute for each queue and reason', async () => {
  const { observe, lines } = await listening()
  for (const shard of [0, 1]) observe({ type: 'throttled', queue: 'orders', shard, reason: 'key-range' })
  observe({ type: 'throttled', queue: 'jobs', shard: 0, reason: 'key-range' })
  expect(lines).toEqual(['a publish to orders was throttled: key-range', 'a publish to jobs was throttled: key-range'])
})

test('requests are printed with path, action and status, and without their queries', async () => {
  const lines: string[] = []
  const answer = printingRequests(
    () => new Response(null, { status: 204 }),
    (line) => lines.push(line),
  )
  const send = async (target: string, init: RequestInit = {}) => {
    await answer(new Request(`http://localhost${target}`, init), { target, signal: new AbortController().signal })
    return lines.at(-1)
  }
  expect(await send('/queues/orders?secret=1')).toMatch(/^\S+Z GET \/queues\/orders 204 \d+ ms$/)
  expect(await send('/', { method: 'POST', headers: { 'x-amz-target': 'AmazonSQS.SendMessage' } })).toMatch(
    /POST \/ SendMessage 204/,
  )
  expect(await send('/000000000000/orders?Action=ReceiveMessage&X-Amz-Signature=abc')).toMatch(
    /GET \/000000000000\/orders ReceiveMessage 204 \d+ ms$/,
  )
})

test('a running server prints requests with --verbose, and answers GET / with its name', async () => {
  const server = await startServerProcess({ args: ['--memory', '--verbose'] })
  await call(server, 'PUT', '/queues/orders')
  await until('the request is told', () => /Z PUT \/queues\/orders 201 \d+ ms/.test(server.output()))
  expect(await call(server, 'GET', '/')).toMatchObject({
    name: 'holdfast',
    queues: '/queues',
    openapi: '/openapi.json',
  })
})
