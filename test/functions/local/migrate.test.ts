import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { noEmbedded } from '../../support/embedded.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { call, failedStart, startServerProcess } from './server-process.ts'

describe.skipIf(noEmbedded() || process.platform === 'win32')('from the embedded engine to disk', () => {
  test('the server takes all along once, with leases and handles, also where it was interrupted before', async () => {
    const data = await temporaryDirectory()
    const before = await startServerProcess({ args: ['--data', data, '--engine', 'dynamodb'] })
    await call(before, 'PUT', '/queues/orders', { visibilityTimeoutSeconds: 600 })
    await call(before, 'POST', '/queues/orders/messages', {
      messages: [{ body: 'in flight' }],
    })
    const { messages } = await call(before, 'POST', '/queues/orders/poll', {})
    await call(before, 'POST', '/queues/orders/messages', {
      messages: [{ body: 'ready' }, { body: 'x'.repeat(100_000) }],
    })
    await before.end('SIGTERM')

    expect((await failedStart({ args: ['--data', data] })).output).toContain('Start once with --migrate')
    // What an interrupted migration leaves behind.
    await mkdir(join(data, 'holdfast.incoming'))
    await writeFile(join(data, 'holdfast.incoming', 'data.mdb'), 'half of it')

    const after = await startServerProcess({ args: ['--data', data, '--migrate'] })
    expect(after.output()).toMatch(/items from dynamodb\.sqlite, which is no longer used/)
    expect(await call(after, 'GET', '/queues/orders')).toMatchObject({
      visibilityTimeoutSeconds: 600,
      counts: { ready: 2, leased: 1 },
    })
    const { results } = await call(after, 'POST', '/queues/orders/ack', {
      receiptHandles: [messages[0].receiptHandle],
    })
    expect(results).toMatchObject([{ ok: true }])
    expect(await after.end('SIGTERM')).toBe(0)
    expect((await readdir(data)).filter((name) => name.startsWith('holdfast'))).toEqual(['holdfast'])

    const again = await startServerProcess({ args: ['--data', data] })
    const { messages: left } = await call(again, 'POST', '/queues/orders/poll', { maxMessages: 10 })
    expect(left.map(({ body }: { body: string }) => body.slice(0, 5)).toSorted()).toEqual(['ready', 'xxxxx'])
  })

  test('a server on the embedded engine keeps the data to itself', async () => {
    const data = await temporaryDirectory()
    const running = await startServerProcess({ args: ['--data', data, '--engine', 'dynamodb'] })
    const { code, output } = await failedStart({ args: ['--data', data, '--migrate'] })
    expect(code).toBe(2)
    expect(output).toContain(`another Holdfast (process ${running.child.pid}) is using the data in ${data}`)
    expect(await readdir(data)).not.toContain('holdfast')
  })
})
