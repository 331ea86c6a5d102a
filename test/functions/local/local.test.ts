import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { embeddedEndpoint, noEmbedded } from '../../support/embedded.ts'
import {
  call,
  enginesOn,
  guardsOn,
  startInVain,
  startServerProcess,
  temporaryDirectory,
  until,
} from './server-process.ts'

const publish = (body: unknown) => ({ messages: [{ body }] })

/** Starts a long poll and hangs up. Resolves when the server has noticed: it closes its side, too. */
const pollAndLeave = async (url: string): Promise<void> => {
  const { hostname, port, host } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  const body = JSON.stringify({ waitTimeSeconds: 20 })
  const head = `POST /queues/orders/poll HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
  const closed = once(socket, 'close')
  socket.resume().end(head + body)
  await closed
}

describe('the local server in memory', () => {
  it('answers the HTTP API, the SQS protocol, its health and its description on one port', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    expect(await call(server, 'GET', '/health')).toEqual({ status: 'ok' })
    expect(await call(server, 'GET', '/openapi.json')).toMatchObject({ openapi: '3.1.0' })
    expect(await call(server, 'PUT', '/queues/orders', {})).toMatchObject({ name: 'orders' })
    const sqs = await fetch(server.url, {
      method: 'POST',
      headers: { 'x-amz-target': 'AmazonSQS.ListQueues', 'content-type': 'application/x-amz-json-1.0' },
      body: '{}',
    })
    expect(await sqs.json()).toEqual({ QueueUrls: [`${server.url}/000000000000/orders`] })
    expect(await call(server, 'GET', '/queues/orders/nothing')).toMatchObject({ code: 'RouteNotFound' })
    expect(server.output()).toContain(`curl -X PUT ${server.url}/queues/orders`)
  })

  it('ends at a signal, after answering the polls that wait', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    await call(server, 'PUT', '/queues/orders', {})
    const waiting = call(server, 'POST', '/queues/orders/poll', { waitTimeSeconds: 20 })
    await call(server, 'GET', '/queues/orders')
    const ended = server.end('SIGINT')
    expect(await waiting).toEqual({ messages: [] })
    expect(await ended).toBe(0)
  })

  it('gives nothing to a poll whose caller has gone', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    await call(server, 'PUT', '/queues/orders', {})
    await pollAndLeave(server.url)
    await call(server, 'POST', '/queues/orders/messages', publish('for someone else'))
    const { messages } = await call(server, 'POST', '/queues/orders/poll', { waitTimeSeconds: 20 })
    expect(messages).toMatchObject([{ body: 'for someone else', receiveCount: 1 }])
  })

  it('says so when its port is taken', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    const { port } = new URL(server.url)
    const second = await startInVain({ args: ['--memory', '--port', port] })
    expect(second).toEqual({
      code: 1,
      output: `holdfast: port ${port} of 127.0.0.1 is in use: choose another with --port\n`,
    })
  })

  it('refuses options that make no sense, and explains those that do', async () => {
    expect(await startInVain({ args: ['--port', 'http'] })).toMatchObject({
      code: 1,
      output: expect.stringContaining('--port'),
    })
    expect(await startInVain({ args: ['--colour'] })).toMatchObject({ code: 1 })
    expect(await startInVain({ args: ['--memory', '--auth', '/no/such/file'] })).toMatchObject({
      code: 1,
      output: expect.stringContaining('--auth /no/such/file'),
    })
    const help = await startInVain({ args: ['--help'] })
    expect(help.code).toBe(0)
    for (const word of [
      '--port',
      '--host',
      '--data',
      '--memory',
      '--auth',
      'AWS_ENDPOINT_URL_DYNAMODB',
      'HOLDFAST_TABLE',
    ]) {
      expect(help.output).toContain(word)
    }
  })

  it('lets in only SQS clients with a key of the file given', async () => {
    const file = join(await temporaryDirectory(), 'keys.json')
    await writeFile(
      file,
      JSON.stringify({ keys: [{ accessKeyId: 'AKIATEST', secretAccessKey: 'a secret of some length' }] }),
    )
    const server = await startServerProcess({ args: ['--memory', '--auth', file] })
    const refused = await fetch(server.url, {
      method: 'POST',
      headers: { 'x-amz-target': 'AmazonSQS.ListQueues', 'content-type': 'application/x-amz-json-1.0' },
      body: '{}',
    })
    expect(refused.status).toBe(403)
  })
})

describe.skipIf(noEmbedded() || process.platform === 'win32')('the local server on the embedded engine', () => {
  it('keeps everything over a restart, and over kill -9', async () => {
    const data = await temporaryDirectory()
    const first = await startServerProcess({ args: ['--engine', 'dynamodb', '--data', data] })
    await call(first, 'PUT', '/queues/orders', { delaySeconds: 0 })
    await call(first, 'POST', '/queues/orders/messages', publish('kept'))
    expect(await first.end('SIGTERM')).toBe(0)
    const second = await startServerProcess({ args: ['--engine', 'dynamodb', '--data', data] })
    await call(second, 'POST', '/queues/orders/messages', publish('kept too'))
    expect(await second.end('SIGKILL')).toBe('SIGKILL')
    const third = await startServerProcess({ args: ['--engine', 'dynamodb', '--data', data] })
    const { messages } = await call(third, 'POST', '/queues/orders/poll', { maxMessages: 10 })
    expect(messages.map(({ body }: { body: string }) => body).toSorted()).toEqual(['kept', 'kept too'])
  })

  it('takes its engine along, however it ends', async () => {
    const data = await temporaryDirectory()
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const server = await startServerProcess({ args: ['--engine', 'dynamodb', '--data', data] })
      expect(await enginesOn(data)).toHaveLength(1)
      await server.end(signal)
      await until('the engine has ended', async () => (await enginesOn(data)).length === 0)
      await until('its guard has ended', async () => (await guardsOn(data)).length === 0)
    }
  })

  it('ends with its engine, or with the guard of its engine', async () => {
    const data = await temporaryDirectory()
    for (const processes of [enginesOn, guardsOn]) {
      const server = await startServerProcess({ args: ['--engine', 'dynamodb', '--data', data] })
      for (const pid of await processes(data)) process.kill(pid, 'SIGKILL')
      await until('the server has ended', () => server.child.exitCode !== null)
      expect(server.child.exitCode).toBe(1)
      expect(server.output()).toContain('the embedded DynamoDB engine has ended')
      await until('the engine has ended', async () => (await enginesOn(data)).length === 0)
    }
  })

  it('tells a second server on the same data that it is there', async () => {
    const data = await temporaryDirectory()
    const first = await startServerProcess({ args: ['--engine', 'dynamodb', '--data', data] })
    const second = await startInVain({ args: ['--engine', 'dynamodb', '--data', data] })
    expect(second).toEqual({
      code: 1,
      output: `holdfast: another Holdfast (process ${first.child.pid}) is using the data in ${data}: stop it, or choose another directory with --data\n`,
    })
    expect(await call(first, 'GET', '/queues')).toEqual({ queues: [] })
    await first.end('SIGTERM')
    expect((await readdir(data)).filter((name) => name.startsWith('lock'))).toEqual([])
  })

  it('creates its table on the DynamoDB that the environment names, and starts no engine of its own', async () => {
    const cwd = await temporaryDirectory()
    const env = { AWS_ENDPOINT_URL_DYNAMODB: embeddedEndpoint(), HOLDFAST_TABLE: `local-${randomUUID()}` }
    const first = await startServerProcess({ env, cwd })
    await call(first, 'PUT', '/queues/orders', {})
    await first.end('SIGTERM')
    const second = await startServerProcess({ env, cwd })
    expect((await call(second, 'GET', '/queues')).queues).toMatchObject([{ name: 'orders' }])
    expect(await readdir(cwd)).toEqual([])
  })

  it('says what is wrong when that DynamoDB is not there', async () => {
    const env = { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1', HOLDFAST_TABLE: 'orders' }
    const { code, output } = await startInVain({ env })
    expect(code).toBe(1)
    expect(output).toContain("holdfast: the table orders at http://127.0.0.1:1 can't be used:")
  })
})
