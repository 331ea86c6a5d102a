import { once } from 'node:events'
import { type ClientRequest, request as httpRequest } from 'node:http'
import { expect, onTestFinished, test, vi } from 'vitest'
import { boundedBodies } from '../../../functions/local/bounded-bodies.ts'
import { startServer } from '../../../functions/local/server.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { systemClock } from '../../../lib/clock.ts'
import { manualClock, settled } from '../../support/manual-clock.ts'

const MEBIBYTE = 1_048_576
const { signal } = new AbortController()

const setUp = () => {
  const clock = manualClock()
  const held: (() => void)[] = []
  const answer = () => new Promise<Response>((resolve) => held.push(() => resolve(new Response('done'))))
  const door = boundedBodies(answer, clock)
  const send = (bytes: number | 'chunked', headers: Record<string, string> = {}) => {
    const length = bytes === 'chunked' ? { 'transfer-encoding': 'chunked' } : { 'content-length': `${bytes}` }
    const request = new Request('http://127.0.0.1/queues/orders/messages', {
      method: 'POST',
      headers: { ...length, ...headers },
    })
    return door(request, { target: '/queues/orders/messages', signal })
  }
  return { clock, held, send }
}

test('no more than 32 MiB of large requests are answered at one time', async () => {
  const { held, send } = setUp()
  const answers = Array.from({ length: 1_000 }, () => send(MEBIBYTE))
  await settled()
  expect(held).toHaveLength(32)
  for (let at = 0; at < 1_000; at++) {
    held[at]?.()
    await settled()
  }
  expect(await Promise.all(answers.map(async (one) => (await one).status))).toEqual(Array(1_000).fill(200))
})

test('a body of unknown length counts as the largest, and a small one does not wait', async () => {
  const { held, send } = setUp()
  for (let count = 0; count < 10; count++) void send('chunked')
  await settled()
  expect(held).toHaveLength(4)
  void send(65_536)
  await settled()
  expect(held).toHaveLength(5)
})

test('a request that waits too long for its bytes is refused as throttled, in the shape of its protocol', async () => {
  const { clock, send } = setUp()
  for (let count = 0; count < 32; count++) void send(MEBIBYTE)
  const overHttp = send(MEBIBYTE)
  const overSqs = send(MEBIBYTE, {
    'x-amz-target': 'AmazonSQS.SendMessage',
    'content-type': 'application/x-amz-json-1.0',
  })
  await clock.advance(8_000)
  const refused = await overHttp
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(refused.headers.get('connection')).toBe('close')
  expect(await refused.json()).toMatchObject({ code: 'Throttled', retryable: true })
  const sqs = await overSqs
  expect(sqs.status).toBe(403)
  expect(await sqs.json()).toMatchObject({ __type: 'com.amazonaws.sqs#RequestThrottled' })
})

/** A server that reads each body and then never answers, as long polls of empty queues. */
const startPolls = async () => {
  const read: number[] = []
  const answer = boundedBodies(async (request) => {
    read.push((await request.text()).length)
    return await new Promise<Response>(() => {})
  }, systemClock)
  const server = await startServer({ host: '127.0.0.1', port: 0, answer, log: silentLog })
  const sent: ClientRequest[] = []
  onTestFinished(async () => {
    for (const one of sent) one.destroy()
    await server.stop()
  })
  const send = (body: string) => {
    const one = httpRequest({ port: server.port, host: '127.0.0.1', method: 'POST', path: '/queues/orders/poll' })
    sent.push(one)
    one.on('error', () => {})
    one.setHeader('transfer-encoding', 'chunked')
    one.end(body)
    return once(one, 'socket')
  }
  return { read, send }
}

test('long polls without a length hold nothing once they have been read', async () => {
  const { read, send } = await startPolls()
  await Promise.all(Array.from({ length: 40 }, () => send('{"waitTimeSeconds":20}')))
  await vi.waitFor(() => expect(read).toEqual(Array(40).fill(22)), 5_000)
})

test('a large body without a length holds its own bytes alone once it has been read', async () => {
  const { read, send } = await startPolls()
  const large = 'x'.repeat(5 * MEBIBYTE)
  await Promise.all(Array.from({ length: 5 }, () => send(large)))
  await vi.waitFor(() => expect(read).toEqual(Array(5).fill(large.length)), 5_000)
})
