import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { embeddedEndpoint, noEmbedded } from '../../support/embedded.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { call, enginesOn, failedStart, guardsOn, startServerProcess, until } from './server-process.ts'

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
  test('answers the HTTP API, the SQS protocol, its health and its description on one port', async () => {
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

  test('ends at a signal, after answering the polls that wait', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    await call(server, 'PUT', '/queues/orders', {})
    const waiting = call(server, 'POST', '/queues/orders/poll', { waitTimeSeconds: 20 })
    await call(server, 'GET', '/queues/orders')
    const ended = server.end('SIGINT')
    expect(await waiting).toEqual({ messages: [] })
    expect(await ended).toBe(0)
  })

  test('gives nothing to a poll whose caller has gone', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    await call(server, 'PUT', '/queues/orders', {})
    await pollAndLeave(server.url)
    await call(server, 'POST', '/queues/orders/messages', publish('for someone else'))
    const { messages } = await call(server, 'POST', '/queues/orders/poll', { waitTimeSeconds: 20 })
    expect(messages).toMatchObject([{ body: 'for someone else', receiveCount: 1 }])
  })

  test('refuses to start with an error that names its port when the port is in use', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    const { port } = new URL(server.url)
    const second = await failedStart({ args: ['--memory', '--port', port] })
    expect(second).toEqual({
      code: 2,
      output: `holdfast: port ${port} of 127.0.0.1 is in use: choose another with --port\n`,
    })
  })

  test('ends with exit code 2 and says what to do when the command line is wrong', async () => {
    const directory = await temporaryDirectory()
    const keys = join(directory, 'keys.json')
    await writeFile(keys, '{"keys":[{"accessKeyId":"AKIATEST","secretAccessKey":"short"}]}')
    const broken = join(directory, 'broken.json')
    await writeFile(broken, '{\n  "keys": [,]\n}')
    const cases: readonly (readonly [readonly string[], string])[] = [
      [['--colour'], "holdfast: unknown option '--colour'"],
      [
        ['--memory', '--host', 'no.such.host.invalid'],
        'holdfast: --host no.such.host.invalid is not an address of this',
      ],
      [['--memory', '--auth', '/no/such/file'], 'holdfast: --auth /no/such/file: there is no such file\n'],
      [['--memory', '--auth', directory], `holdfast: --auth ${directory}: this is a directory, not a file\n`],
      [
        ['--memory', '--auth', keys],
        `holdfast: --auth ${keys}: keys[0].secretAccessKey must have at least 16 characters\n`,
      ],
      [['--memory', '--auth', broken], '(line 2, column 12)\n'],
    ]
    for (const [args, message] of cases) {
      expect(await failedStart({ args })).toEqual({ code: 2, output: expect.stringContaining(message) })
    }
  })

  test('explains its options, and ends with exit code 0', async () => {
    expect(await failedStart({ args: ['--help'] })).toMatchObject({ code: 0 })
  })

  test('with --auth admits only SQS clients that sign with a key of the file, unless --http-open is given', async () => {
    const file = join(await temporaryDirectory(), 'keys.json')
    await writeFile(
      file,
      JSON.stringify({ keys: [{ accessKeyId: 'AKIATEST', secretAccessKey: 'a secret of some length' }] }),
    )
    const server = await startServerProcess({ args: ['--memory', '--auth', file] })
    expect(server.output()).toContain('HTTP API: closed by --auth')
    expect(await call(server, 'PUT', '/queues/orders', {})).toMatchObject({ status: 403, code: 'CallerRefused' })
    const open = await startServerProcess({ args: ['--memory', '--auth', file, '--http-open'] })
    expect(await call(open, 'PUT', '/queues/orders', {})).toMatchObject({ name: 'orders' })
    const refused = await fetch(server.url, {
      method: 'POST',
      headers: { 'x-amz-target': 'AmazonSQS.ListQueues', 'content-type': 'application/x-amz-json-1.0' },
      body: '{}',
    })
    expect(refused.status).toBe(403)
  })
})

describe.skipIf(noEmbedded() || process.platform === 'win32')('the local server on the embedded engine', () => {
  test('keeps everything over a restart, and over kill -9', async () => {
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

  test('takes its engine along, however it ends', async () => {
    const data = await temporaryDirectory()
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const server = await startServerProcess({ args: ['--engine', 'dynamodb', '--data', data] })
      expect(await enginesOn(data)).toHaveLength(1)
      await server.end(signal)
      await until('the engine has ended', async () => (await enginesOn(data)).length === 0)
      await until('its guard has ended', async () => (await guardsOn(data)).length === 0)
    }
  })

  test('ends with its engine, or with the guard of its engine', async () => {
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

  test('refuses a second server on the same data, with the process id of the first one', async () => {
    const data = await temporaryDirectory()
    const first = await startServerProcess({ args: ['--engine', 'dynamodb', '--data', data] })
    const second = await failedStart({ args: ['--engine', 'dynamodb', '--data', data] })
    expect(second).toEqual({
      code: 2,
      output: `holdfast: another Holdfast (process ${first.child.pid}) is using the data in ${data}: stop it, or choose another directory with --data\n`,
    })
    expect(await call(first, 'GET', '/queues')).toEqual({ queues: [] })
    await first.end('SIGTERM')
    expect((await readdir(data)).filter((name) => name.startsWith('lock'))).toEqual([])
  })

  test('creates its table on another DynamoDB, and starts no engine of its own', async () => {
    const cwd = await temporaryDirectory()
    const table = `local-${randomUUID()}`
    const env = { AWS_ENDPOINT_URL_DYNAMODB: embeddedEndpoint(), HOLDFAST_TABLE: table }
    const first = await startServerProcess({ env, cwd })
    expect(first.output()).toContain(`(table ${table} at ${embeddedEndpoint()})`)
    await call(first, 'PUT', '/queues/orders', {})
    await first.end('SIGTERM')
    const second = await startServerProcess({ env, cwd })
    expect((await call(second, 'GET', '/queues')).queues).toMatchObject([{ name: 'orders' }])
    expect(await readdir(cwd)).toEqual([])
  })

  test('keeps its data in the directory of the command line, whatever DynamoDB the environment names', async () => {
    const data = await temporaryDirectory()
    const env = { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' }
    const server = await startServerProcess({ args: ['--data', data], env })
    expect(server.output()).toContain(`(data in ${join(data, 'holdfast')})`)
  })

  test('refuses a file in the place of its data directory, with exit code 2', async () => {
    const file = join(await temporaryDirectory(), 'file')
    await writeFile(file, '')
    const { code, output } = await failedStart({ args: ['--data', file] })
    expect(code).toBe(2)
    expect(output).toContain(`holdfast: ${file} can't hold data (`)
    expect(output).toContain('choose another directory with --data')
  })

  test('warns of its second port, which web pages of any site can use', async () => {
    const server = await startServerProcess({ args: ['--engine', 'dynamodb', '--data', await temporaryDirectory()] })
    expect(server.output()).toMatch(
      /Warning: the embedded DynamoDB engine listens on http:\/\/127\.0\.0\.1:\d+ without/,
    )
    expect(server.output()).toContain('Without --engine dynamodb there is no second port')
  })

  test.each([
    ['disk', 'holdfast'],
    ['dynamodb', '.'],
  ])('keeps its data from other users, also what was left open to them, on engine %s', async (engine, place) => {
    const parent = join(await temporaryDirectory(), 'new', 'data')
    const data = join(parent, place)
    const modes = async () => {
      const names = (await readdir(data)).toSorted()
      const found = await Promise.all([data, ...names.map((name) => join(data, name))].map((path) => stat(path)))
      return new Set(
        found
          .filter((one) => !one.isSocket())
          .map((one) => `${one.isDirectory() ? 'directory' : 'file'} ${(one.mode & 0o777).toString(8)}`),
      )
    }
    const first = await startServerProcess({ args: ['--engine', engine, '--data', parent] })
    await call(first, 'PUT', '/queues/orders', {})
    expect(await modes()).toEqual(new Set(['directory 700', 'file 600']))
    await first.end('SIGTERM')
    await chmod(data, 0o755)
    for (const name of await readdir(data)) await chmod(join(data, name), 0o644)
    const second = await startServerProcess({ args: ['--engine', engine, '--data', parent] })
    await call(second, 'GET', '/queues')
    expect(await modes()).toEqual(new Set(['directory 700', 'file 600']))
  })

  test.runIf(process.platform === 'linux')('gives its engine none of the variables of the shell', async () => {
    const data = await temporaryDirectory()
    const secrets = { AWS_SECRET_ACCESS_KEY: 'a secret of the shell', NPM_TOKEN: 'another secret', TMPDIR: tmpdir() }
    await startServerProcess({ args: ['--engine', 'dynamodb', '--data', data], env: secrets })
    for (const pid of [...(await enginesOn(data)), ...(await guardsOn(data))]) {
      const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0').filter((one) => one !== '')
      expect(environment).toEqual([`TMPDIR=${tmpdir()}`])
    }
  })

  test('loses nothing that it has answered when a signal ends it under load', async () => {
    const data = await temporaryDirectory()
    const first = await startServerProcess({ args: ['--data', data] })
    await call(first, 'PUT', '/queues/orders', {})
    await call(first, 'PUT', '/queues/idle', {})
    const waiting = call(first, 'POST', '/queues/idle/poll', { waitTimeSeconds: 20 })
    const answered: string[] = []
    const refused: string[] = []
    const publishing = Array.from({ length: 8 }, async (_, publisher) => {
      for (let at = 0; ; at++) {
        const body = `${publisher}-${at}`
        // Once it has ended, it takes no more connections.
        const answer = await call(first, 'POST', '/queues/orders/messages', publish(body)).catch(() => undefined)
        if (answer === undefined) return
        ;(answer.messages?.[0]?.messageId ? answered : refused).push(body)
      }
    })
    await until('many are published', () => answered.length >= 40 || refused.length > 0)
    expect(await first.end('SIGTERM')).toBe(0)
    expect(await waiting).toEqual({ messages: [] })
    await Promise.all(publishing)
    expect(refused).toEqual([])
    const second = await startServerProcess({ args: ['--data', data] })
    const kept = new Set<string>()
    for (;;) {
      const { messages } = await call(second, 'POST', '/queues/orders/poll', { maxMessages: 25 })
      if (messages.length === 0) break
      for (const { body } of messages) kept.add(body)
    }
    expect(answered.filter((body) => !kept.has(body))).toEqual([])
  })

  test('refuses to start with an error that names the endpoint when that DynamoDB does not answer', async () => {
    const env = { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1', HOLDFAST_TABLE: 'orders' }
    const { code, output } = await failedStart({ env })
    expect(code).toBe(1)
    expect(output).toContain("holdfast: the table orders at http://127.0.0.1:1 can't be used:")
  })
})
