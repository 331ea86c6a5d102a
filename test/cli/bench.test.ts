import { afterEach, expect, test } from 'vitest'
import { createTimings } from '../../cli/bench/timings.ts'
import { inProcessTarget } from '../../cli/target/in-process-target.ts'
import { tableTarget } from '../../cli/target/table-target.ts'
import type { Target } from '../../cli/target/target.ts'
import type { Engine } from '../../lib/engine.ts'
import { HoldfastError } from '../../lib/model/errors.ts'
import { listQueueNames } from '../../lib/queues/list-queues.ts'
import { startServerProcess } from '../functions/local/server-process.ts'
import { embeddedTable, localClient, noEmbedded } from '../support/embedded.ts'
import { testEngine } from '../support/test-engine.ts'
import { runCommand } from './command.ts'
import { CTRL_C, inTerminal } from './terminal.ts'

let engine: Engine
const queues = async () => (await listQueueNames(engine, { limit: 100 })).names
afterEach(async () => expect(await queues()).toEqual([]))

/** A target over the engine, some of whose calls are answered by `instead`. */
const targetWith = (instead: Partial<Record<string, () => never>>): Target => {
  const target = inProcessTarget({ engine, name: 'memory', options: '--table memory' })
  const call = ((operation, parts) => {
    instead[operation]?.()
    return target.call(operation, parts)
  }) as Target['call']
  return { ...target, call }
}

test('publishes, receives and acks every message, measures each call, and deletes its queue', async () => {
  engine = testEngine()
  const { code, records, stderr } = await runCommand(['bench', '-n', '95', '--batch', '10', '--parallel', '3'], {
    engine,
  })
  expect(code).toBe(0)
  expect(records).toMatchObject([
    { messages: 95, published: 95, acked: 95, publish: { messages: 95, calls: 10 }, ack: { messages: 95 } },
  ])
  expect(stderr).toMatch(/working on the queue holdfast-bench-[0-9a-f]{8} at memory, which is deleted at the end/)
})

test('loads a FIFO queue, group by group', async () => {
  engine = testEngine()
  const { code, records } = await runCommand(['bench', '-n', '40', '--fifo'], { engine })
  expect([code, records]).toMatchObject([0, [{ queue: expect.stringMatching(/\.fifo$/), acked: 40 }]])
})

test('at Ctrl-C it deletes its queue, and says how far it got', async () => {
  engine = testEngine()
  let press = () => {}
  let calls = 0
  const target = targetWith({
    publishMessages: (() => {
      if (++calls === 3) press()
    }) as () => never,
  })
  const interrupt = (pressed: () => void) => {
    press = pressed
  }
  const { code, stderr } = await runCommand(['bench', '--parallel', '1'], { target, interrupt })
  expect(code).toBe(1)
  expect(stderr).toContain('interrupted: 30 published and 0 acked; the queue is deleted')
})

test('deletes its queue where the load fails, and says what failed', async () => {
  engine = testEngine()
  const target = targetWith({
    ackMessages: () => {
      throw new HoldfastError('Throttled', 'the table is throttled')
    },
  })
  const { code, stderr } = await runCommand(['bench'], { target })
  expect([code, stderr]).toEqual([1, expect.stringContaining('the table is throttled')])
})

test('names the queue that it could not delete, with the command that does', async () => {
  engine = testEngine()
  let fails = true
  const target = targetWith({
    deleteQueue: (() => {
      if (fails) throw new HoldfastError('AccessDenied', 'not allowed')
    }) as () => never,
  })
  const { code, stderr } = await runCommand(['bench', '-n', '1'], { target })
  const [, command = ''] = /"holdfast (delete holdfast-bench-\w+ --yes --table memory)"/.exec(stderr) ?? []
  expect([code, command]).not.toEqual([1, ''])
  fails = false
  expect(await runCommand(command.replace(' --table memory', '').split(' '), { target })).toMatchObject({ code: 0 })
})

test.each([
  ['was made and the answer lost', true],
  ['was not made', false],
])('says why its queue could not be created, and leaves none, where it %s', async (_, made) => {
  engine = testEngine()
  const target = targetWith({})
  const losing = (async (operation, parts) => {
    if (operation !== 'createQueue') return target.call(operation, parts)
    if (made) await target.call(operation, parts)
    throw new HoldfastError('StoreUnavailable', 'the connection broke off')
  }) as Target['call']
  const { code, stderr } = await runCommand(['bench'], { target: { ...target, call: losing } })
  expect([code, stderr.split('\n').slice(1)]).toEqual([1, ['holdfast: the connection broke off', '']])
})

test.each([['-n', '0'], ['--batch', '26'], ['--parallel', 'many'], ['orders']])(
  'is used wrongly with %s %s',
  async (...args) => {
    engine = testEngine()
    expect(await runCommand(['bench', ...args], { engine })).toMatchObject({ code: 2, stdout: '' })
  },
)

test.skipIf(noEmbedded())('says on a table how many units a message used', async () => {
  engine = testEngine()
  const embedded = await embeddedTable()
  const target = tableTarget({ table: embedded.table, client: localClient(embedded.endpoint) })
  const { code, records } = await runCommand(['bench', '-n', '200'], { target })
  embedded.close()
  expect(code).toBe(0)
  expect(records[0].writeUnitsAMessage).toBeGreaterThan(0.29)
  expect(records[0].writeUnitsAMessage).toBeLessThan(0.6)
})

test('shows a table at a terminal, and deletes its queue at Ctrl-C there too', async () => {
  engine = testEngine()
  const server = await startServerProcess({ args: ['--memory'] })
  const env = { HOLDFAST_URL: server.url }
  const whole = await inTerminal(['bench', '-n', '100'], { env })
  expect(await whole.ended).toBe(0)
  expect(whole.text()).toMatch(/publish +100 +[\d,]+ +10 +[\d.]+ ms +[\d.]+ ms\n/)
  const left = await inTerminal(['bench', '-n', '100000', '--batch', '1'], { env })
  await left.shows('publishing')
  left.type(CTRL_C)
  expect(await left.ended).toBe(1)
  expect(left.text()).toMatch(/interrupted: \d+ published and 0 acked; the queue is deleted/)
  const after = await inTerminal(['queues', '--json'], { env })
  expect([await after.ended, after.text()]).toEqual([0, ''])
})

test('a quantile is a latency that was measured', async () => {
  let now = 0
  const timings = createTimings(() => now)
  expect(timings.quantile(0.5)).toBe(0)
  for (let ms = 1; ms <= 100; ms++) {
    await timings.measure(async () => {
      now += ms
    })
  }
  expect([timings.calls, timings.quantile(0.5), timings.quantile(0.99), timings.quantile(1)]).toEqual([
    100, 50, 99, 100,
  ])
})
