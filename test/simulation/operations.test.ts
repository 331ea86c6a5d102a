import { expect, test } from 'vitest'
import { newOperationLog, type Operation } from './operations.ts'
import { runHistory } from './run-history.ts'
import { WORLDS } from './worlds.ts'

const SEED = 3
const WORLD = WORLDS['standard: requests fail and processes are killed']

const logged = async (): Promise<{ operations: readonly Operation[]; trace: string; received: number }> => {
  let operations: readonly Operation[] = []
  const { trace, received } = await runHistory(WORLD, {
    seed: SEED,
    logOn: (now) => {
      const log = newOperationLog(now)
      operations = log.operations
      return log
    },
  })
  return { operations, trace, received }
}

test('a log has every message that was received, and every operation, answered or not', async () => {
  const { operations, received } = await logged()
  const messages = operations.flatMap((one) => ('received' in one ? (one.received ?? []) : []))
  expect(messages.length).toBe(received)
  const kinds = new Set(operations.map(({ op }) => op))
  expect([...kinds].sort()).toEqual(
    expect.arrayContaining(['ack', 'cancel', 'extend', 'nack', 'poll', 'publish', 'reschedule']),
  )
  const asked = operations.filter((one) => 'client' in one)
  expect(asked.every((one) => one.return === undefined || one.return >= one.call)).toBe(true)
  expect(asked.some((one) => one.return === undefined)).toBe(true)
})

test('a history is the same with a log and without one', async () => {
  const { trace } = await logged()
  expect((await runHistory(WORLD, { seed: SEED })).trace).toBe(trace)
})

test('an answer is written down with its instant, and an operation without one has none', () => {
  let now = 1_000.4
  const log = newOperationLog(() => now)
  const answered = log.asked('consumer', { op: 'cancel', queue: 'orders', id: 'a' }, 990)
  log.asked('consumer', { op: 'poll', queue: 'orders', leaseMs: 1_000 })
  now = 1_001.2
  answered({ results: ['ok'] })
  expect(log.operations).toEqual([
    {
      client: 'consumer',
      call: 1_000,
      clock: 990,
      op: 'cancel',
      queue: 'orders',
      id: 'a',
      results: ['ok'],
      return: 1_002,
    },
    { client: 'consumer', call: 1_000, clock: 1_000, op: 'poll', queue: 'orders', leaseMs: 1_000 },
  ])
})
