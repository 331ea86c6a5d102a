import { mkdirSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findLocalServer } from '../../cli/target/local-server.ts'
import { readAddress, removeAddress, writeAddress } from '../../functions/local/address-file.ts'
import { call, startServerProcess } from '../functions/local/server-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runCommand } from './command.ts'

const ADDRESS = { url: 'http://127.0.0.1:4711', pid: 1, httpOpen: true }

test('a server is found from a directory below that of its data', async () => {
  const directory = await temporaryDirectory()
  mkdirSync(join(directory, 'src/deep'), { recursive: true })
  mkdirSync(join(directory, '.holdfast/holdfast'), { recursive: true })
  await writeAddress(join(directory, '.holdfast/holdfast'), ADDRESS)
  const answers = async (url: string) => url === ADDRESS.url
  expect(await findLocalServer(join(directory, 'src/deep'), answers)).toEqual(ADDRESS)
})

test('a server that was killed is passed over, and one at the default port is found', async () => {
  const directory = await temporaryDirectory()
  mkdirSync(join(directory, '.holdfast/holdfast'), { recursive: true })
  await writeAddress(join(directory, '.holdfast/holdfast'), ADDRESS)
  expect(await findLocalServer(directory, async (url) => url.endsWith(':9324'))).toMatchObject({
    url: 'http://127.0.0.1:9324',
  })
  expect(await findLocalServer(directory, async () => false)).toBeUndefined()
})

test.each(['http://198.51.100.7:4711', 'https://127.0.0.1', 'http://collector.example', 'no address'])(
  'a file that names another machine is not asked: %s',
  async (url) => {
    const directory = await temporaryDirectory()
    mkdirSync(join(directory, '.holdfast'), { recursive: true })
    await writeAddress(join(directory, '.holdfast'), { ...ADDRESS, url })
    const asked: string[] = []
    const answers = async (one: string) => asked.push(one) > 0
    expect(await findLocalServer(directory, answers)).toMatchObject({ url: 'http://127.0.0.1:9324' })
    expect(asked).toEqual(['http://127.0.0.1:9324'])
  },
)

test('a file that names an address of this machine is used', async () => {
  const directory = await temporaryDirectory()
  mkdirSync(join(directory, '.holdfast'), { recursive: true })
  const own = Object.values(networkInterfaces()).flatMap((some) => some ?? [])
  for (const { address, family } of own) {
    const url = `http://${family === 'IPv6' ? `[${address}]` : address}:4711`
    await writeAddress(join(directory, '.holdfast'), { ...ADDRESS, url })
    expect(await findLocalServer(directory, async () => true)).toMatchObject({ url })
  }
})

test('a file that is no address counts as none, and so does one that is taken away', async () => {
  const directory = await temporaryDirectory()
  expect(await readAddress(directory)).toBeUndefined()
  await writeAddress(directory, { ...ADDRESS, url: 7 as never })
  expect(await readAddress(directory)).toBeUndefined()
  const own = { ...ADDRESS, pid: process.pid }
  await writeAddress(directory, own)
  expect(await readAddress(directory)).toEqual(own)
  await removeAddress(directory)
  expect(await readAddress(directory)).toBeUndefined()
})

test('the address of another server stays where one is taken away', async () => {
  const directory = await temporaryDirectory()
  await writeAddress(directory, ADDRESS)
  await removeAddress(directory)
  expect(await readAddress(directory)).toEqual(ADDRESS)
})

test('a running server says in its data directory where it is, until it ends', async () => {
  const directory = await temporaryDirectory()
  const server = await startServerProcess({ cwd: directory })
  const data = join(directory, '.holdfast/holdfast')
  expect(await readAddress(data)).toEqual({ url: server.url, pid: server.child.pid, httpOpen: true })
  await call(server, 'PUT', '/queues/orders')
  const found = await findLocalServer(directory)
  const { records } = await runCommand(['queues', '--url', found?.url ?? ''])
  expect(records.map(({ name }) => name)).toEqual(['orders'])
  expect(await server.end('SIGTERM')).toBe(0)
  expect(await readAddress(data)).toBeUndefined()
})

test.each([
  ['null', undefined],
  ['{"url":7,"pid":1}', undefined],
  ['{"url":"no address","pid":1}', undefined],
  ['{"url":"http://127.0.0.1:4711","pid":"1"}', undefined],
  ['{"url":"http://127.0.0.1:4711","pid":-0}', undefined],
  ['{"url":"http://127.0.0.1:4711","pid":1}', { ...ADDRESS, httpOpen: false }],
  ['{"url":"http://127.0.0.1:4711","pid":1,"httpOpen":"no"}', { ...ADDRESS, httpOpen: false }],
])('the address in %s is %j', async (text, address) => {
  const directory = await temporaryDirectory()
  writeFileSync(join(directory, 'address.json'), text)
  expect(await readAddress(directory)).toEqual(address)
})
