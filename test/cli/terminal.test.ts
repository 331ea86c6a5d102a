import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { call, type ServerProcess, startServerProcess, until } from '../functions/local/server-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { engineWithQueue } from '../support/test-engine.ts'
import { bundledCommand } from './bundled-command.ts'
import { runCommand } from './command.ts'
import { CTRL_C, inTerminal } from './terminal.ts'

describe('a newcomer at a terminal', () => {
  test('finds the local server, and sees tables and colours', async () => {
    const cwd = await temporaryDirectory()
    const server = await startServerProcess({ cwd })
    await call(server, 'PUT', '/queues/orders')
    await call(server, 'POST', '/queues/orders/messages', { messages: [{ body: { order: 1 } }] })
    const queues = await inTerminal(['queues'], { cwd })
    expect(await queues.ended).toBe(0)
    expect(queues.text()).toMatch(/QUEUE +READY +IN HAND/)
    expect(queues.text()).toMatch(/✔ +orders +1 +0 +0/)
    expect(queues.raw()).toContain('\x1b[')
    const peek = await inTerminal(['peek', 'orders'], { cwd })
    expect(await peek.ended).toBe(0)
    expect(peek.text()).toContain('{"order":1}')
  })

  test('is told of an API that does not answer', async () => {
    const terminal = await inTerminal(['queues', '--url', 'http://127.0.0.1:9'])
    expect(await terminal.ended).toBe(1)
    expect(terminal.text()).toContain('http://127.0.0.1:9 could not be reached')
  })

  test('is told that there is nothing to send, and not left waiting', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    const terminal = await inTerminal(['send', 'orders'], { env: { HOLDFAST_URL: server.url } })
    expect(await terminal.ended).toBe(2)
    expect(terminal.text()).toContain('there is nothing to send')
  })
})

const names = async (server: ServerProcess): Promise<string[]> =>
  (await call(server, 'GET', '/queues')).queues.map(({ name }: { name: string }) => name)

const countIn = async (server: ServerProcess, queue: string): Promise<number> =>
  (await call(server, 'GET', `/queues/${queue}`)).counts.ready

describe('at a terminal', () => {
  test("what destroys asks for the queue's name", async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    const env = { HOLDFAST_URL: server.url }
    await call(server, 'PUT', '/queues/orders')
    const wrong = await inTerminal(['delete', 'orders'], { env })
    await wrong.shows("Type the queue's name to go on:")
    wrong.type('order\r')
    expect(await wrong.ended).toBe(1)
    expect(wrong.text()).toContain("that is not the queue's name (orders): nothing was changed")
    const left = await inTerminal(['delete', 'orders'], { env })
    await left.shows("Type the queue's name to go on:")
    left.type(CTRL_C)
    expect(await left.ended).toBe(1)
    expect(left.text()).toContain('interrupted; nothing was changed')
    expect(await names(server)).toEqual(['orders'])
    const right = await inTerminal(['delete', 'orders'], { env })
    await right.shows("Type the queue's name to go on:")
    right.type('orders\r')
    expect(await right.ended).toBe(0)
    expect(await names(server)).toEqual([])
  })

  test('a redrive shows a bar, and Ctrl-C says how far it got', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    await call(server, 'PUT', '/queues/failed')
    await call(server, 'PUT', '/queues/orders', { deadLetter: { queue: 'failed', maxReceives: 1 } })
    await call(server, 'POST', '/queues/orders/messages', {
      messages: Array.from({ length: 25 }, (_, id) => ({ body: { id } })),
    })
    const { messages } = await call(server, 'POST', '/queues/orders/poll', { maxMessages: 25 })
    const receiptHandles = messages.map(({ receiptHandle }: { receiptHandle: string }) => receiptHandle)
    await call(server, 'POST', '/queues/orders/nack', { receiptHandles, deadLetter: true, error: 'timeout' })
    const terminal = await inTerminal(['redrive', 'orders', '--edit', '.body.again = true', '--rate', '1'], {
      env: { HOLDFAST_URL: server.url },
    })
    await terminal.shows(/moving .*% · \d+ of 25/)
    terminal.type(CTRL_C)
    expect(await terminal.ended).toBe(1)
    const [, left] = /of 25 selected messages moved; interrupted: (\d+) were not tried/.exec(terminal.text()) ?? []
    const moved = 25 - Number(left)
    expect(terminal.text()).toContain(`${moved} of 25 selected messages moved`)
    expect([await countIn(server, 'orders'), await countIn(server, 'failed')]).toEqual([moved, Number(left)])
  })

  test('tail shows what arrives until Ctrl-C', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    await call(server, 'PUT', '/queues/orders')
    const terminal = await inTerminal(['tail', 'orders', '--every', '0.1'], { env: { HOLDFAST_URL: server.url } })
    await terminal.shows('waiting for new messages in orders')
    await call(server, 'POST', '/queues/orders/messages', { messages: [{ body: 'news' }] })
    await terminal.shows(/ready {5}news/)
    terminal.type(CTRL_C)
    expect(await terminal.ended).toBe(0)
  })
})

describe('a command that is on its way', () => {
  test('ends at once at a second Ctrl-C, and says what is not known then', async () => {
    // Accepts the change, and never answers it.
    const server = createServer((request, response) => {
      if (request.method === 'GET') response.end('{"name":"orders","counts":{}}')
      else request.resume()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const changing = once(server, 'request').then(() => once(server, 'request'))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const terminal = await inTerminal(['purge', 'orders', '--yes'], { env: { HOLDFAST_URL: url } })
    await changing
    terminal.type(CTRL_C)
    await terminal.shows('^C')
    terminal.type(CTRL_C)
    expect(await terminal.ended).toBe(1)
    expect(terminal.text()).toContain('left at once: whether the last change was made is not known')
  })

  test('ends at SIGTERM as at Ctrl-C', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    await call(server, 'PUT', '/queues/orders')
    const child = execFile(process.execPath, [await bundledCommand(), 'tail', 'orders', '--url', server.url])
    let stderr = ''
    child.stderr?.on('data', (text: string) => {
      stderr += text
    })
    await until('it waits', () => stderr.includes('waiting for new messages'))
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)))
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })
})

describe('without a terminal', () => {
  test.each([
    [['queues'], 0],
    [['queue', 'orders'], 0],
    [['peek', 'orders'], 0],
    [['receive', 'orders'], 0],
    [['send', 'orders', 'x'], 0],
    [['delete', 'orders'], 2],
    [['purge', 'orders'], 2],
    [['export', 'orders'], 0],
    [['dead', 'orders'], 2],
  ])('%j does not wait for a stdin that never ends', async (args, code) => {
    const engine = await engineWithQueue()
    expect(await runCommand(args, { engine, stdin: new PassThrough() })).toMatchObject({ code })
  })

  test('a reader that goes away ends a command quietly', async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    await call(server, 'PUT', '/queues/orders')
    const body = 'x'.repeat(50_000)
    for (let batch = 0; batch < 10; batch++) {
      await call(server, 'POST', '/queues/orders/messages', { messages: Array.from({ length: 20 }, () => ({ body })) })
    }
    const script = `"${process.execPath}" "${await bundledCommand()}" peek orders --all --url ${server.url} | head -c 100 >/dev/null; echo "\${PIPESTATUS[0]}"`
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script])
    expect([stdout, stderr]).toEqual(['0\n', ''])
    await until('no poll leased anything', async () => (await countIn(server, 'orders')) === 200)
  })
})
