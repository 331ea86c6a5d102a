/** Connections that are cut in the middle of requests and answers, or half open, and clients that are slow. */
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createClient } from '../../lib/client.ts'
import { startServerProcess, until } from '../functions/local/server-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { createLedger } from './rig/ledger.ts'
import { drain, type LoadParts, startLoad } from './rig/load.ts'
import { processFigures } from './rig/process-figures.ts'
import { show, size } from './rig/size.ts'
import { sqsRequest, statuses } from './rig/sqs-requests.ts'
import { startTcpProxy } from './rig/tcp-proxy.ts'

/** Of a message that fills a log with seven others. */
const LARGE_BYTES = 600_000
const IS_WHOLE = size(1, 0) === 1
const LEASE_SECONDS = 3
/** Node closes an idle connection after 75 s, and gives a request five minutes to arrive. */
const MAX_WAIT_MS = 480_000

const startLoads = async (direct: string, url: string) => {
  const client = createClient({ url: direct })
  const loads = await Promise.all(
    ['orders', 'orders.fifo'].map(async (queue): Promise<LoadParts> => {
      await client.createQueue(queue)
      const ledger = createLedger(() => performance.now())
      return { urls: [url], queue, ledger, leaseSeconds: LEASE_SECONDS, publishers: 8, consumers: 8 }
    }),
  )
  const running = loads.map(startLoad)
  return {
    loads,
    /** Ends the load, empties the queues on the direct way, and compares. */
    finish: async (what: string) => {
      await Promise.all(running.map(({ stop }) => stop()))
      await Promise.all(loads.map((load) => drain({ ...load, urls: [direct] })))
      for (const { queue, ledger } of loads) {
        show(`${what}, ${queue}`, ledger.figures())
        expect(ledger.violations()).toEqual([])
      }
    },
  }
}

test('with connections that are cut and half open no answered publish is lost, nothing comes back after its ack, and the server closes them all', async () => {
  const { url, child } = await startServerProcess({ args: ['--data', await temporaryDirectory()] })
  const idle = processFigures(child.pid)
  const proxy = await startTcpProxy(url)
  proxy.faulty(0.5)
  const { finish } = await startLoads(url, proxy.url)
  await sleep(size(120_000, 20_000))
  await finish('cut and half open')
  show('connections', proxy.figures())
  await until('the connections are closed', () => processFigures(child.pid).files <= idle.files + 5, MAX_WAIT_MS)
})

test('with more clients than the server may open files, those that are connected go on, and no answered publish is lost', async () => {
  const maxFiles = 200
  const data = await temporaryDirectory()
  const { url, child, end } = await startServerProcess({ args: ['--data', data], maxFiles })
  const client = createClient({ url })
  for (const queue of ['idle', 'large']) await client.createQueue(queue)
  const idle = { QueueUrl: `${url}/000000000000/idle`, WaitTimeSeconds: 20 }
  const sender = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => sender.destroy())
  const send = (body: number) => {
    const MessageBody = `${body} `.padEnd(LARGE_BYTES, 'x')
    return sqsRequest(url, 'SendMessage', { QueueUrl: `${url}/000000000000/large`, MessageBody }, sender).answered
  }
  expect((await send(0)).status).toBe(200)
  const polls = Array.from({ length: maxFiles * 2 }, () => sqsRequest(url, 'ReceiveMessage', idle).answered)
  await until('no file can be opened', () => processFigures(child.pid).files >= maxFiles)
  // So many bytes that logs of the store are full, for which no new ones can be created.
  const sent = [0]
  for (let body = 1; body < 30; body++) if ((await send(body)).status === 200) sent.push(body)
  const waited = statuses(await Promise.all(polls))
  show('too many clients', { 'open files': maxFiles, sent: sent.length, ...waited })
  expect(sent.length).toBe(30)
  expect(Object.keys(waited).sort()).toEqual(['200', 'no answer'])
  expect((await sqsRequest(url, 'ReceiveMessage', { ...idle, WaitTimeSeconds: 0 }).answered).status).toBe(200)
  expect(await end('SIGKILL')).toBe('SIGKILL')
  const again = await startServerProcess({ args: ['--data', data] })
  const { ready } = await createClient({ url: again.url }).queue('large').counts()
  expect(ready).toBe(sent.length)
})

const opened = async (url: string): Promise<Socket> => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

const HEAD = [
  'POST / HTTP/1.1',
  'host: localhost',
  'x-amz-target: AmazonSQS.SendMessage',
  'content-type: application/x-amz-json-1.0',
]

/** Sends the text, a byte a second, until the connection ends. */
const trickle = async (socket: Socket, text: string): Promise<void> => {
  for (const byte of text) {
    if (socket.destroyed) return
    socket.write(byte)
    await sleep(1_000)
  }
}

test('clients that send a byte a second hold up nobody else, and are cut off', async () => {
  const clients = size(300, 50)
  const { url, child } = await startServerProcess({ args: ['--data', await temporaryDirectory()] })
  const idle = processFigures(child.pid)
  const { finish } = await startLoads(url, url)
  const sockets = await Promise.all(Array.from({ length: clients }, () => opened(url)))
  for (const [at, socket] of sockets.entries()) {
    const body = 'x'.repeat(1_000_000)
    socket.resume()
    if (at % 2 === 0) void trickle(socket, `${HEAD.join('\r\n')}\r\nx-slow: ${body}`)
    else {
      socket.write(`${HEAD.join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n`)
      void trickle(socket, body)
    }
  }
  // The slow clients announced many times the bytes that the server holds of large bodies. Large sends go on, since the server cuts
  // off bodies that do not arrive.
  const ask = (action: string, input: object) => sqsRequest(url, action, input).answered
  await ask('CreateQueue', { QueueName: 'large' })
  const large = { QueueUrl: `${url}/000000000000/large`, MessageBody: 'x'.repeat(1_000_000) }
  await until('large sends go on', async () => (await ask('SendMessage', large)).status === 200, MAX_WAIT_MS)
  await finish('beside slow senders')
  // Node takes five minutes to close the connections.
  if (IS_WHOLE)
    await until('the slow ones are cut off', () => processFigures(child.pid).files <= idle.files + 20, MAX_WAIT_MS)
  const { peakMebibytes } = processFigures(child.pid)
  show('slow senders', { clients, 'idle, MiB': idle.residentMebibytes, 'peak, MiB': peakMebibytes })
  expect(peakMebibytes).toBeLessThan(idle.residentMebibytes + 400)
})

test('clients that read large answers slowly hold up nobody else, and take bounded memory', async () => {
  const clients = size(200, 40)
  const { url, child } = await startServerProcess({ args: ['--data', await temporaryDirectory()] })
  const ask = (action: string, input: object) => sqsRequest(url, action, input).answered
  await ask('CreateQueue', { QueueName: 'large' })
  const QueueUrl = `${url}/000000000000/large`
  for (let at = 0; at < clients * 5; at++) {
    await ask('SendMessage', { QueueUrl, MessageBody: 'x'.repeat(1_000_000) })
  }
  const idle = processFigures(child.pid)
  const { finish } = await startLoads(url, url)
  const body = JSON.stringify({ QueueUrl, MaxNumberOfMessages: 5, VisibilityTimeout: 600 })
  const head = HEAD.join('\r\n').replace('SendMessage', 'ReceiveMessage')
  for (let at = 0; at < clients; at++) {
    const socket = await opened(url)
    socket.pause()
    socket.write(`${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    // Waits until the answer has begun. The bound is on what clients leave unread, not on what the server sends at one instant.
    await once(socket, 'readable')
  }
  await sleep(size(30_000, 5_000))
  const { residentMebibytes } = processFigures(child.pid)
  show('slow readers', { clients, 'before, MiB': idle.residentMebibytes, 'unread, MiB': residentMebibytes })
  await finish('beside slow readers')
  expect(residentMebibytes).toBeLessThan(idle.residentMebibytes + 400)
  expect(statuses([await ask('ReceiveMessage', { QueueUrl })])).toEqual({ 200: 1 })
})
