import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { createEngine } from '../../../../../lib/engine.ts'
import { poll } from '../../../../../lib/receive/poll.ts'
import { ack } from '../../../../../lib/settle/ack.ts'
import { diskStore } from '../../../../../lib/store/keyed/disk/disk-store.ts'
import { temporaryDirectory } from '../../../../support/temporary-directory.ts'

/** `npm run test:faults` has thousands. */
const KILLS = Number(process.env.HOLDFAST_KILLS ?? 5)
/** What a child may do at most before it is killed: some logs are brought into the data file by then. */
const MAX_LINES = 150

// Inside node_modules, so that the bundle can import the packages, which are not part of it.
const cache = join(import.meta.dirname, '../../../../../node_modules/.cache/holdfast')
const bundle = join(cache, `killed-child.${process.pid}.mjs`)

beforeAll(() => {
  mkdirSync(cache, { recursive: true })
  buildSync({
    entryPoints: [join(import.meta.dirname, 'killed-child.ts')],
    outfile: bundle,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  })
})

/** What was said to have happened in all runs. */
interface Said {
  readonly published: string[]
  readonly begun: Set<string>
  readonly acked: Set<string>
}

const killedRun = async (args: readonly string[], { published, begun, acked }: Said): Promise<void> => {
  const child = spawn(process.execPath, [bundle, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  const lines = Math.random() * MAX_LINES
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('latin1')
    if (output.split('\n').length > lines) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'close')
  expect(signal).toBe('SIGKILL')
  // The last line may be cut off.
  for (const line of output.split('\n').slice(0, -1)) {
    const [what, id = ''] = line.split(' ')
    if (what === 'P') published.push(id)
    else if (what === 'B') begun.add(id)
    else if (what === 'A') acked.add(id)
  }
}

/** All that a queue has left, in the order in which it is received. */
const drained = async (directory: string, queue: string): Promise<string[]> => {
  // Every lease has run out by then.
  const later = { now: () => Date.now() + 60_000, sleep: async () => {} }
  const store = await diskStore({ directory, clock: later })
  const engine = createEngine({ store, clock: later })
  const found: string[] = []
  try {
    for (;;) {
      const messages = await poll(engine, queue, { maxMessages: 25 })
      if (messages.length === 0) return found
      for (const { body } of messages) found.push(String(body).replace(/\.+$/, ''))
      await ack(
        engine,
        queue,
        messages.map(({ receiptHandle }) => receiptHandle),
      )
    }
  } finally {
    await store.close()
  }
}

test.each(['async', 'sync'])('what was answered survives kills in the middle of load (%s)', async (sync) => {
  const directory = await temporaryDirectory()
  const said: Said = { published: [], begun: new Set(), acked: new Set() }
  for (let run = 0; run < KILLS; run++) await killedRun([directory, String(run), sync], said)
  expect(said.published.length).toBeGreaterThan(0)
  const left = await drained(directory, 'orders')
  const inOrder = await drained(directory, 'orders.fifo')
  const all = new Set([...left, ...inOrder])
  // An ack that was begun and not answered may have been done.
  expect(said.published.filter((id) => !all.has(id) && !said.begun.has(id))).toEqual([])
  expect([...said.acked].filter((id) => all.has(id))).toEqual([])
  expect(all.size).toBe(left.length + inOrder.length)
  const numbers = inOrder.map((id) => id.split('-').map(Number).slice(1) as [number, number])
  expect(numbers).toEqual(numbers.toSorted(([runA, a], [runB, b]) => runA - runB || a - b))
})
