import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServerProcess } from '../functions/local/server-process.ts'

/** The example's processes, beside a local server of their own. */
const EXAMPLE = join(import.meta.dirname, '../../examples/request-reply')
let server: Awaited<ReturnType<typeof startServerProcess>>
const children: ReturnType<typeof spawn>[] = []

beforeAll(async () => {
  server = await startServerProcess(['--port', '0', '--memory'])
}, 120_000)
afterAll(async () => {
  for (const child of children) child.kill()
  await server?.stop()
})

const start = (file: string) => {
  const child = spawn(process.execPath, ['--import', 'tsx', join(EXAMPLE, file)], {
    env: { ...process.env, HOLDFAST_URL: server.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

test('a request gets its reply, or its failure, from another process', async () => {
  const worker = start('worker.ts')
  await once(worker.stdout as NonNullable<typeof worker.stdout>, 'data')
  const ask = start('ask.ts')
  let printed = ''
  ask.stdout?.on('data', (text) => {
    printed += text
  })
  const [code] = await once(ask, 'close')
  expect([code, printed]).toEqual([
    0,
    '12 of bolt cost 36\ndone\nno quote for spring: there is no spring\nfailed\n',
  ])
}, 120_000)
