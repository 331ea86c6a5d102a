import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SettingsChange } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { awaitResult } from '../../../lib/results/await-result.ts'
import { ack } from '../../../lib/settle/ack.ts'
import type { Consumption } from '../../../lib/store/dynamodb/consumption.ts'
import { dynamodbStore } from '../../../lib/store/dynamodb/dynamodb-store.ts'
import { type EmbeddedTable, embeddedTable, noEmbedded } from '../../support/embedded.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

/** What DynamoDB says that results cost. */
describe.skipIf(noEmbedded())('the units of results', () => {
  let table: EmbeddedTable
  let engine: TestEngine
  let clock: ManualClock
  let used: { read: number; write: number; requests: number }

  beforeEach(async () => {
    clock = manualClock()
    table = await embeddedTable()
    used = { read: 0, write: 0, requests: 0 }
    const consumed = ({ kind, units }: Consumption) => {
      used[kind] += units
      used.requests++
    }
    engine = testEngine({ clock, store: dynamodbStore({ ...table, clock, consumed }) })
  })
  afterEach(() => table.close())

  const RESULTS: SettingsChange = { results: { retentionSeconds: 3_600 } }
  const spent = async <T>(work: () => Promise<T>) => {
    const before = { ...used }
    const result = await work()
    return {
      result,
      read: used.read - before.read,
      write: used.write - before.write,
      requests: used.requests - before.requests,
    }
  }
  /** Publishes, receives and acks messages; answers what a message costs at the ack and in all. */
  const cycle = async (queue: string, count: number, result?: string) => {
    await createQueue(engine, queue, { settings: result === undefined ? {} : RESULTS })
    await poll(engine, queue)
    const all = await spent(async () => {
      await publish(
        engine,
        queue,
        Array.from({ length: count }, () => ({ body: 'b'.repeat(60) })),
      )
      const messages = await poll(engine, queue, { maxMessages: count })
      expect(messages).toHaveLength(count)
      const entries = messages.map(({ receiptHandle }) => ({ receiptHandle, ...(result && { result }) }))
      return spent(() => ack(engine, queue, entries))
    })
    return { write: all.write / count, read: all.read / count, requests: all.requests, ack: all.result.write / count }
  }

  test('are one write unit a message one by one, up to 900 bytes', async () => {
    const off = await cycle('plain', 1)
    expect(off).toMatchObject({ write: 3, ack: 1 })
    for (const bytes of [0, 150, 890]) {
      const on = await cycle(`r${bytes}`, 1, 'r'.repeat(Math.max(1, bytes)))
      expect([bytes, on.write - off.write, on.read - off.read]).toEqual([bytes, 1, 0])
    }
  })

  test('are a fifth of a write unit a message by ten of 150 bytes', async () => {
    const off = await cycle('plain', 10)
    const on = await cycle('results', 10, 'r'.repeat(150))
    expect(on.write - off.write).toBeCloseTo(0.2)
    expect(on.read).toBe(off.read)
  })

  test('are half a read unit a look while the message is there, and five once it is gone', async () => {
    await createQueue(engine, 'orders', { settings: RESULTS })
    const [sent] = await publish(engine, 'orders', [{ body: 'x' }])
    const id = sent?.ok ? sent.messageId : ''
    const [message] = await poll(engine, 'orders')
    expect(await spent(() => awaitResult(engine, 'orders', id))).toMatchObject({ read: 0.5, write: 0, requests: 1 })
    await ack(engine, 'orders', [{ receiptHandle: message?.receiptHandle as string, result: 1 }])
    const last = await spent(() => awaitResult(engine, 'orders', id))
    expect(last).toMatchObject({ result: { result: 1 }, write: 0 })
    expect(last.read).toBeLessThanOrEqual(6)
  })

  test('of a wait of 20 s are nineteen read units', async () => {
    await createQueue(engine, 'orders', { settings: RESULTS })
    const [sent] = await publish(engine, 'orders', [{ body: 'x' }])
    const id = sent?.ok ? sent.messageId : ''
    await poll(engine, 'orders')
    const { read, write } = await spent(async () => {
      const waiting = awaitResult(engine, 'orders', id, { waitTimeSeconds: 20 })
      let done = false
      void waiting.then(() => {
        done = true
      })
      while (!done) {
        await new Promise((resolve) => setImmediate(resolve))
        // Time passes between the reads alone, however long the engine takes for one.
        if (clock.sleeping() > 0) await clock.advance(50)
      }
      return waiting
    })
    expect(write).toBe(0)
    // The queue's record and layout are read again every five seconds.
    expect(read).toBe(19)
  })
})
