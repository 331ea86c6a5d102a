import { mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { call, failedStart, startServerProcess, until } from './server-process.ts'

const publish = (body: unknown) => ({ messages: [{ body }] })
const NO_DYNAMODB = { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' }

describe.skipIf(process.platform === 'win32')('the local server on disk', () => {
  test('is what starts without options: it keeps everything in .holdfast over a restart, and over kill -9', async () => {
    const cwd = await temporaryDirectory()
    const first = await startServerProcess({ cwd })
    await call(first, 'PUT', '/queues/orders', { delaySeconds: 0 })
    await call(first, 'POST', '/queues/orders/messages', publish('kept'))
    expect(await first.end('SIGTERM')).toBe(0)
    const second = await startServerProcess({ cwd })
    await call(second, 'POST', '/queues/orders/messages', publish('kept too'))
    expect(await second.end('SIGKILL')).toBe('SIGKILL')
    const third = await startServerProcess({ cwd })
    const { messages } = await call(third, 'POST', '/queues/orders/poll', { maxMessages: 10 })
    expect(messages.map(({ body }: { body: string }) => body).toSorted()).toEqual(['kept', 'kept too'])
    expect(await third.end('SIGTERM')).toBe(0)
    expect(await readdir(join(cwd, '.holdfast'))).toEqual(['holdfast'])
  })

  test('answers after the disk with --sync', async () => {
    const data = await temporaryDirectory()
    const server = await startServerProcess({ args: ['--data', data, '--sync'] })
    await call(server, 'PUT', '/queues/orders', {})
    await call(server, 'POST', '/queues/orders/messages', publish('on the disk'))
    const { messages } = await call(server, 'POST', '/queues/orders/poll', {})
    expect(messages).toMatchObject([{ body: 'on the disk' }])
  })

  test.runIf(process.platform === 'linux').each(['disk', 'memory'])(
    'opens its own port alone, and starts no other process, on engine %s',
    async (engine) => {
      const cwd = await temporaryDirectory()
      const { child, url } = await startServerProcess({ args: ['--engine', engine], cwd })
      const { pid = 0 } = child
      expect(await portsOf(pid)).toEqual([Number(new URL(url).port)])
      expect(await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).toBe('')
    },
  )

  test('refuses a second server on the same data, with the process id of the first one', async () => {
    const data = await temporaryDirectory()
    const first = await startServerProcess({ args: ['--data', data] })
    const second = await failedStart({ args: ['--data', data] })
    expect(second).toEqual({
      code: 2,
      output: `holdfast: another Holdfast (process ${first.child.pid}) is using the data in ${join(data, 'holdfast')}: stop it, or choose another directory with --data\n`,
    })
    expect(await call(first, 'GET', '/queues')).toEqual({ queues: [] })
    await first.end('SIGTERM')
    expect(await readdir(join(data, 'holdfast'))).toEqual(['data.mdb', 'data.mdb-lock'])
  })

  test('ends once its data is removed, and answers no publish that the next start would not find', async () => {
    const data = await temporaryDirectory()
    const server = await startServerProcess({ args: ['--data', data] })
    await call(server, 'PUT', '/queues/orders', {})
    await rm(join(data, 'holdfast'), { recursive: true })
    const next = await startServerProcess({ args: ['--data', data] })
    await call(next, 'PUT', '/queues/orders', {})
    expect(await call(server, 'POST', '/queues/orders/messages', publish('lost'))).toMatchObject({ status: 503 })
    await until('the server has ended', () => server.child.exitCode === 1)
    expect(server.output()).toContain('was removed or replaced while it was in use')
    expect(JSON.parse(await readFile(join(data, 'holdfast', 'address.json'), 'utf8'))).toMatchObject({ url: next.url })
    expect((await failedStart({ args: ['--data', data] })).output).toContain('another Holdfast')
  })

  test('keeps what HOLDFAST_TABLE names apart', async () => {
    const data = await temporaryDirectory()
    const start = (HOLDFAST_TABLE: string) => startServerProcess({ args: ['--data', data], env: { HOLDFAST_TABLE } })
    const [one, two] = [await start('one'), await start('two')]
    await call(one, 'PUT', '/queues/orders', {})
    expect(await call(two, 'GET', '/queues')).toEqual({ queues: [] })
    await one.end('SIGTERM')
    expect(await call(await start('one'), 'GET', '/queues')).toMatchObject({ queues: [{ name: 'orders' }] })
  })

  test('refuses a name of data that leads out of the directory', async () => {
    const data = await temporaryDirectory()
    for (const HOLDFAST_TABLE of ['../elsewhere', '..', 'a/b']) {
      const { code, output } = await failedStart({ args: ['--data', data], env: { HOLDFAST_TABLE } })
      expect({ code, output }).toEqual({ code: 2, output: expect.stringContaining('HOLDFAST_TABLE') })
    }
  })

  test('refuses a directory with the data of the embedded engine, and names the options that use it', async () => {
    const data = await temporaryDirectory()
    await writeFile(join(data, 'dynamodb.sqlite'), 'whatever the engine wrote')
    const { code, output } = await failedStart({ args: ['--data', data] })
    expect(code).toBe(2)
    expect(output).toContain(`${data} holds the data of the embedded DynamoDB engine`)
    expect(output).toContain('--migrate')
    expect(output).toContain('--engine dynamodb')
    expect(await readdir(data)).toEqual(['dynamodb.sqlite'])
  })

  test.each([['--data', 'DATA'], ['--engine', 'disk'], ['--memory'], ['--engine', 'memory'], ['--migrate']])(
    'is chosen by %s %s rather than by AWS_ENDPOINT_URL_DYNAMODB',
    async (...options) => {
      const cwd = await temporaryDirectory()
      await mkdir(join(cwd, 'data'))
      const args = options.map((option) => (option === 'DATA' ? join(cwd, 'data') : option))
      const server = await startServerProcess({ args, env: NO_DYNAMODB, cwd })
      expect(await call(server, 'GET', '/queues')).toEqual({ queues: [] })
    },
  )
})

/** Ports of TCP and UDP that a process listens on or receives at. */
const portsOf = async (pid: number): Promise<number[]> => {
  const descriptors = await readdir(`/proc/${pid}/fd`)
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
  const sockets = new Set(targets.map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1]).filter((inode) => inode))
  const tables = await Promise.all(
    ['tcp', 'tcp6', 'udp', 'udp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '')),
  )
  return tables
    .flatMap((table) => table.split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => sockets.has(fields[INODE]))
    .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16))
}

/** Column of /proc/net/tcp. */
const INODE = 9
