import { EventEmitter } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { boundedAnswers } from '../../../functions/local/bounded-answers.ts'
import { startServer } from '../../../functions/local/server.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { systemClock } from '../../../lib/clock.ts'
import { manualClock, settled } from '../../support/manual-clock.ts'

const { signal } = new AbortController()
const ALL_BYTES = 67_108_865

/** An answer whose client has not taken it. */
class Unread extends EventEmitter {
  readonly writableLength = ALL_BYTES
  writableFinished = false
}

const setUp = () => {
  const clock = manualClock()
  const { door, written } = boundedAnswers(() => new Response('answered'), clock)
  const send = async (target: string, headers: Record<string, string> = {}, method = 'POST') => {
    const { status } = await door(new Request(`http://127.0.0.1${target}`, { method, headers }), { target, signal })
    return status
  }
  const unread = new Unread()
  const disconnected = new AbortController()
  const disconnect = () => disconnected.abort()
  written(unread, { signal: disconnected.signal, cut: disconnect })
  return { clock, send, unread, disconnect, written }
}

const RECEIVES = [
  ['a poll', '/queues/orders/poll', {}, 'POST', 429],
  ['a page of messages', '/queues/orders/messages?limit=100', {}, 'GET', 429],
  [
    'a receive',
    '/',
    { 'x-amz-target': 'AmazonSQS.ReceiveMessage', 'content-type': 'application/x-amz-json-1.0' },
    'POST',
    403,
  ],
  ['a receive that does not name the service', '/', { 'x-amz-target': 'ReceiveMessage' }, 'POST', 403],
  ['an action of the query protocol', '/', { 'content-type': 'application/x-www-form-urlencoded' }, 'POST', 403],
  [
    'an action of the query protocol at a path of the HTTP API',
    '/queues/orders/messages',
    { 'content-type': 'application/x-www-form-urlencoded' },
    'POST',
    403,
  ],
  ['a poll whose path is encoded', '/queues/orders/%70oll', {}, 'POST', 429],
] as const

test.each(RECEIVES)('%s waits while clients leave too much unread', async (_, target, headers, method, refused) => {
  const { clock, send, unread } = setUp()
  const first = send(target, headers, method)
  await clock.advance(7_000)
  const second = send(target, headers, method)
  await clock.advance(1_000)
  expect(await first).toBe(refused)
  unread.emit('close')
  expect(await second).toBe(200)
})

test.each([
  ['an ack', '/queues/orders/ack', {}],
  ['a publish', '/queues/orders/messages', {}],
  ['a deletion', '/', { 'x-amz-target': 'AmazonSQS.DeleteMessage' }],
])('%s does not wait for readers', async (_, target, headers) => {
  expect(await setUp().send(target, headers)).toBe(200)
})

test('a probe of health does not wait for readers', async () => {
  expect(await setUp().send('/health', {}, 'GET')).toBe(200)
})

test('an answer that has not been taken after ten seconds is cut off once others wait', async () => {
  const { clock, send } = setUp()
  await clock.advance(60_000)
  const answered = send('/queues/orders/poll')
  await settled()
  await clock.advance(1_000)
  expect(await answered).toBe(200)
})

test('answers that wait behind another of their connection leave when the client disconnects', async () => {
  const { clock, send, unread, disconnect } = setUp()
  const answered = send('/queues/orders/poll')
  await clock.advance(1_000)
  disconnect()
  expect(await answered).toBe(200)
  expect(unread.writableFinished).toBe(false)
})

test('an answer to a client that has disconnected takes no bytes', async () => {
  const { send, disconnect, written } = setUp()
  disconnect()
  written(new Unread(), { signal: AbortSignal.abort(), cut: () => {} })
  expect(await send('/queues/orders/poll')).toBe(200)
})

test('a client that sends requests without a wait for answers, and goes, leaves no answers behind', async () => {
  const large = 'x'.repeat(Math.ceil(ALL_BYTES / 8))
  const { door, written } = boundedAnswers(() => new Response(large), systemClock)
  const unread = vi.fn(written)
  const server = await startServer({ host: '127.0.0.1', port: 0, answer: door, written: unread, log: silentLog })
  onTestFinished(() => server.stop())
  const socket = connect(server.port, '127.0.0.1').pause()
  socket.write('GET /queues/orders/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n'.repeat(11))
  await vi.waitFor(() => expect(unread).toHaveBeenCalledTimes(11), 5_000)
  socket.destroy()
  const later = await fetch(`http://127.0.0.1:${server.port}/queues/orders/messages`)
  expect(later.status).toBe(200)
  await later.body?.cancel()
})

/** A server whose receives each read ten messages, and answer when they are told to. */
const readingServer = async () => {
  const answers: (() => void)[] = []
  const { door, written } = boundedAnswers(async (_, { answerBudget }) => {
    await answerBudget?.acquire(10)
    await new Promise<void>((resolve) => answers.push(resolve))
    return new Response('few messages')
  }, systemClock)
  const server = await startServer({ host: '127.0.0.1', port: 0, answer: door, written, log: silentLog })
  onTestFinished(() => server.stop())
  const receive = () => fetch(`http://127.0.0.1:${server.port}/queues/orders/messages`).then(({ status }) => status)
  /** Waits until exactly so many receives are reading. */
  const reading = (count: number) => vi.waitFor(() => expect(answers).toHaveLength(count), 5_000)
  return { answers, server, receive, reading }
}

/** As many answers of 5.5 MB as the budget allows. */
const AT_ONCE = 12

test('no more receives read their messages at one time than the budget allows, and those that are answered let others begin', async () => {
  const { answers, receive, reading } = await readingServer()
  const statuses = Promise.all(Array.from({ length: 3 * AT_ONCE }, receive))
  for (let round = 1; round <= 3; round++) {
    await reading(AT_ONCE)
    for (const answer of answers.splice(0)) answer()
  }
  expect(new Set(await statuses)).toEqual(new Set([200]))
})

test('a client that goes while its messages are read gives their bytes back', async () => {
  const { answers, server, receive, reading } = await readingServer()
  const sockets = Array.from({ length: AT_ONCE }, () => connect(server.port, '127.0.0.1'))
  for (const socket of sockets) socket.write('GET /queues/orders/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
  await reading(AT_ONCE)
  const status = receive()
  for (const socket of sockets) socket.destroy()
  await reading(AT_ONCE + 1)
  answers.at(-1)?.()
  expect(await status).toBe(200)
  for (const answer of answers) answer()
})
