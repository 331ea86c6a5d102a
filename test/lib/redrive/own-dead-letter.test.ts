import { afterAll, describe, expect, test } from 'vitest'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { dynamodbStore } from '../../../lib/store/dynamodb/dynamodb-store.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { type EmbeddedTable, embeddedTable, noEmbedded } from '../../support/embedded.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'
import { testEngine } from '../../support/test-engine.ts'

const tables: EmbeddedTable[] = []
afterAll(() => {
  for (const table of tables) table.close()
})
const inMemory = async (clock: ManualClock): Promise<Store> => memoryStore({ clock })
const onDynamodb = async (clock: ManualClock): Promise<Store> => {
  const table = await embeddedTable()
  tables.push(table)
  return dynamodbStore({ ...table, clock })
}
const stores = [['in memory', inMemory] as const, ...(noEmbedded() ? [] : [['on DynamoDB', onDynamodb] as const])]

/** As in SQS, a queue may be named in its own redrive policy. */
describe.each(stores)('a queue that is its own dead-letter queue, %s', (_, store) => {
  const withQueue = async (name: string) => {
    const clock = manualClock()
    const engine = testEngine({ clock, store: await store(clock) })
    const fifo = name.endsWith('.fifo') ? { fifo: { contentBasedDeduplication: true } } : {}
    await createQueue(engine, name, { settings: fifo as object })
    await updateQueue(engine, name, { settings: { deadLetter: { queue: name, maxReceives: 2 } } })
    const receive = async (options = {}) => {
      await clock.advance(1)
      return (await poll(engine, name, { maxMessages: 10, visibilityTimeoutSeconds: 0, ...options })).map(
        ({ body, receiveCount, deadLetter }) => ({ body, receiveCount, before: deadLetter?.receiveCount }),
      )
    }
    return { engine, clock, receive }
  }

  test.each(['orders', 'orders.fifo'])('puts a message that was received too often at its end: %s', async (name) => {
    const { engine, receive } = await withQueue(name)
    const group = name.endsWith('.fifo') ? { groupId: 'g' } : {}
    await publish(engine, name, [{ body: 'poison', ...group }])
    expect(await receive()).toEqual([{ body: 'poison', receiveCount: 1 }])
    expect(await receive()).toEqual([{ body: 'poison', receiveCount: 2 }])
    await publish(engine, name, [{ body: 'next', ...group }])
    const seen: unknown[] = []
    for (let turn = 0; turn < 4 && seen.length < 2; turn++) {
      seen.push(...(await receive({ visibilityTimeoutSeconds: 60 })))
    }
    expect(seen).toEqual(
      expect.arrayContaining([
        { body: 'next', receiveCount: 1 },
        { body: 'poison', receiveCount: 1, before: 2 },
      ]),
    )
    expect(seen).toHaveLength(2)
    expect(engine.events.filter(({ type }) => type === 'dead-lettered')).toEqual([
      { type: 'dead-lettered', queue: name, target: name, count: 1, reason: 'MaxReceivesExceeded' },
    ])
  })

  test('is redriven once', async () => {
    const { engine, clock, receive } = await withQueue('orders')
    await publish(engine, 'orders', [{ body: 'poison' }])
    await receive()
    await receive()
    await receive()
    await clock.advance(1)
    const { taskId } = await startRedrive(engine, 'orders')
    expect(await runRedrive(engine, 'orders', taskId)).toMatchObject({ state: 'completed', moved: 1 })
    expect(await receive()).toEqual([{ body: 'poison', receiveCount: 1 }])
  })
})
