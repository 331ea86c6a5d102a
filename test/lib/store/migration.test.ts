import { describe, expect, onTestFinished, test } from 'vitest'
import { createEngine, type Engine } from '../../../lib/engine.ts'
import { getMessage } from '../../../lib/messages/get-message.ts'
import { DEFAULT_FIFO } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { dynamodbStore } from '../../../lib/store/dynamodb/dynamodb-store.ts'
import { storedItems } from '../../../lib/store/dynamodb/stored-items.ts'
import { diskStore } from '../../../lib/store/keyed/disk/disk-store.ts'
import { embeddedTable, noEmbedded } from '../../support/embedded.ts'
import { hastyClock } from '../../support/manual-clock.ts'
import { quickDirectory } from '../../support/temporary-directory.ts'

type Clock = ReturnType<typeof hastyClock>

/** Moves all that one engine did on DynamoDB to a store on disk; answers an engine on that. */
const migrated = async (
  before: (engine: Engine, clock: Clock) => Promise<void>,
): Promise<{ engine: Engine; clock: Clock }> => {
  const { client, table, close } = await embeddedTable()
  onTestFinished(close)
  const clock = hastyClock()
  await before(createEngine({ store: dynamodbStore({ client, table, clock }), clock }), clock)
  const store = await diskStore({ directory: quickDirectory(), clock })
  onTestFinished(() => store.close())
  for await (const items of storedItems({ client, table, now: clock.now() })) await store.load(items)
  return { engine: createEngine({ store, clock }), clock }
}

const bodies = (messages: readonly { body: unknown }[]) => messages.map(({ body }) => body)

describe.skipIf(noEmbedded())('from a table to a store on disk', () => {
  test('messages keep their leases, handles, receive counts, due times, priorities, attributes and ids', async () => {
    let handle = ''
    let delayedId = ''
    const { engine, clock } = await migrated(async (old, time) => {
      await createQueue(old, 'dead')
      const deadLetter = { queue: 'dead', maxReceives: 2 }
      await createQueue(old, 'orders', { settings: { priorities: 2, visibilityTimeoutSeconds: 60, deadLetter } })
      await publish(old, 'orders', [{ body: 'held' }])
      const [held] = await poll(old, 'orders')
      handle = held?.receiptHandle ?? ''
      await publish(old, 'orders', [{ body: 'given back', attributes: { tenant: { dataType: 'String', value: 'a' } } }])
      const [again] = await poll(old, 'orders')
      await nack(old, 'orders', [{ receiptHandle: again?.receiptHandle ?? '', delaySeconds: 30 }])
      const [delayed] = await publish(old, 'orders', [{ body: 'delayed', delaySeconds: 300 }])
      delayedId = delayed && 'messageId' in delayed ? delayed.messageId : ''
      await publish(old, 'orders', [{ body: 'first' }, { body: 'second' }, { body: 'third' }])
      const [first] = await poll(old, 'orders')
      await ack(old, 'orders', [first?.receiptHandle ?? ''])
      await publish(old, 'orders', [{ body: 'urgent', priority: 1 }])
      await publish(old, 'orders', [{ body: 'x'.repeat(500_000) }])
      await publish(old, 'orders', [{ body: 'short-lived', timeToLiveSeconds: 10 }])
      time.advance(11_000)
    })
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 4, leased: 1, delayed: 2 })
    const ready = await poll(engine, 'orders', { maxMessages: 25 })
    expect(bodies(ready)).toEqual(['urgent', 'second', 'third', 'x'.repeat(500_000)])
    expect(
      await ack(
        engine,
        'orders',
        ready.map(({ receiptHandle }) => receiptHandle),
      ),
    ).toHaveLength(4)
    clock.advance(20_000)
    expect(await poll(engine, 'orders')).toMatchObject([
      { body: 'given back', receiveCount: 2, attributes: { tenant: { dataType: 'String', value: 'a' } } },
    ])
    expect(await ack(engine, 'orders', [handle])).toEqual([expect.not.objectContaining({ error: expect.anything() })])
    expect(await getMessage(engine, 'orders', delayedId)).toMatchObject({ body: 'delayed' })
    clock.advance(240_000)
    // Received twice already, it is a dead letter now.
    expect(bodies(await poll(engine, 'orders', { maxMessages: 25 }))).toEqual([])
    expect(bodies(await poll(engine, 'dead'))).toEqual(['given back'])
    clock.advance(60_000)
    expect(bodies(await poll(engine, 'orders', { maxMessages: 25 }))).toEqual(['delayed'])
  })

  test('groups keep their order, what is in flight, and the deduplication ids that are remembered', async () => {
    let handle = ''
    const { engine, clock } = await migrated(async (old) => {
      const settings = { shards: 3, visibilityTimeoutSeconds: 60, fifo: DEFAULT_FIFO }
      await createQueue(old, 'steps.fifo', { settings })
      const publishTo = async (groupId: string) => {
        for (let n = 1; n <= 3; n++) {
          await publish(old, 'steps.fifo', [{ body: `${groupId}${n}`, groupId, deduplicationId: `${groupId}${n}` }])
        }
      }
      await publishTo('a')
      const [held] = await poll(old, 'steps.fifo', { maxMessages: 1 })
      handle = held?.receiptHandle ?? ''
      for (const groupId of ['b', 'c', 'd']) await publishTo(groupId)
    })
    // Published again, it is known.
    await publish(engine, 'steps.fifo', [{ body: 'a1', groupId: 'a', deduplicationId: 'a1' }])
    await publish(engine, 'steps.fifo', [{ body: 'b4', groupId: 'b', deduplicationId: 'b4' }])
    const found: Record<string, unknown[]> = { a: [], b: [], c: [], d: [] }
    const take = async () => {
      for (let messages = await poll(engine, 'steps.fifo', { maxMessages: 10 }); messages.length > 0; ) {
        for (const { body } of messages) found[String(body)[0] ?? '']?.push(body)
        await ack(
          engine,
          'steps.fifo',
          messages.map(({ receiptHandle }) => receiptHandle),
        )
        messages = await poll(engine, 'steps.fifo', { maxMessages: 10 })
      }
    }
    await take()
    expect(found).toEqual({ a: [], b: ['b1', 'b2', 'b3', 'b4'], c: ['c1', 'c2', 'c3'], d: ['d1', 'd2', 'd3'] })
    await ack(engine, 'steps.fifo', [handle])
    clock.advance(1_000)
    await take()
    expect(found.a).toEqual(['a2', 'a3'])
  })
})
