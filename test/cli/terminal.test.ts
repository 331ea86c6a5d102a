import { describe, expect, test } from 'vitest'
import { call, startServerProcess } from '../functions/local/server-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { inTerminal } from './terminal.ts'

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
})
