import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startServerProcess } from '../functions/local/server-process.ts'

const EXAMPLE = join(import.meta.dirname, '../../examples/request-reply')

const start = (file: string, url: string) => {
  const child = spawn(process.execPath, ['--import', 'tsx', join(EXAMPLE, file)], {
    env: { ...process.env, HOLDFAST_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill())
  return child
}

test('a request gets its reply, or its failure, from another process', async () => {
  const { url } = await startServerProcess({ args: ['--memory'] })
  const worker = start('worker.ts', url)
  await once(worker.stdout, 'data')
  const ask = start('ask.ts', url)
  let printed = ''
  ask.stdout.on('data', (text) => {
    printed += text
  })
  const [code] = await once(ask, 'close')
  expect([code, printed]).toEqual([0, '12 of bolt cost 36\ndone\nno quote for spring: there is no spring\nfailed\n'])
}, 120_000)
