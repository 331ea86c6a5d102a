import { expect, onTestFinished, test } from 'vitest'
import { createEngine, type Engine } from '../../../../lib/engine.ts'
import { publish } from '../../../../lib/publish/publish.ts'
import { createQueue } from '../../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../../lib/queues/delete-queue.ts'
import { purgeQueue } from '../../../../lib/queues/purge-queue.ts'
import { updateQueue } from '../../../../lib/queues/update-queue.ts'
import { poll } from '../../../../lib/receive/poll.ts'
import { diskStore } from '../../../../lib/store/keyed/disk/disk-store.ts'
import { memoryStore } from '../../../../lib/store/keyed/memory-store.ts'
import type { Reclaim } from '../../../../lib/store/keyed/reclaim.ts'
import { bytesInUse } from '../../../support/bytes-in-use.ts'
import { hastyClock } from '../../../support/manual-clock.ts'
import { temporaryDirectory } from '../../../support/temporary-directory.ts'

type Clock = ReturnType<typeof hastyClock>

const opened = async (kind: string): Promise<{ engine: Engine; clock: Clock; reclaimAll: () => Promise<number> }> => {
  const clock = hastyClock()
  const store =
    kind === 'memory' ? memoryStore({ clock }) : await diskStore({ directory: await temporaryDirectory(), clock })
  if ('close' in store) onTestFinished(() => (store as { close(): Promise<void> }).close())
  const { reclaim }: Reclaim = store
  // One pass: what a call does not get to, the next one does.
  const reclaimAll = async () => {
    let deleted = 0
    for (let call = 0; call < 40; call++) deleted += await reclaim(7)
    return deleted
  }
  return { engine: createEngine({ store, clock }), clock, reclaimAll }
}

const messages = (count: number, options: object = {}) =>
  Array.from({ length: count }, (_, n) => ({ body: `message ${n}`, ...options }))

test.each(['memory', 'disk'])('%s frees what is past its time, and nothing else', async (kind) => {
  const { engine, clock, reclaimAll } = await opened(kind)
  await createQueue(engine, 'orders', { settings: { retentionSeconds: 600 } })
  for (let call = 0; call < 20; call++) await publish(engine, 'orders', messages(1, { timeToLiveSeconds: 60 }))
  await publish(engine, 'orders', messages(3))
  await publish(engine, 'orders', [{ body: 'once', deduplicationId: 'a' }])
  expect(await reclaimAll()).toBe(0)
  clock.advance(61_000)
  expect(await reclaimAll()).toBe(20)
  clock.advance(300_000)
  // The deduplication id, remembered for five minutes.
  expect(await reclaimAll()).toBe(1)
  expect((await poll(engine, 'orders', { maxMessages: 25 })).map(({ body }) => body).toSorted()).toEqual([
    'message 0',
    'message 1',
    'message 2',
    'once',
  ])
})

test.each(['memory', 'disk'])('%s frees the messages of purged and deleted queues', async (kind) => {
  const { engine, clock, reclaimAll } = await opened(kind)
  for (const queue of ['purged', 'deleted', 'kept']) {
    await createQueue(engine, queue)
    for (let call = 0; call < 5; call++) await publish(engine, queue, messages(2))
  }
  clock.advance(1)
  await purgeQueue(engine, 'purged')
  clock.advance(1)
  await publish(engine, 'purged', [{ body: 'after the purge' }])
  await deleteQueue(engine, 'deleted')
  expect(await reclaimAll()).toBe(10)
  await createQueue(engine, 'deleted')
  await publish(engine, 'deleted', [{ body: 'in the new queue' }])
  expect(await reclaimAll()).toBe(0)
  const left = async (queue: string) => (await poll(engine, queue, { maxMessages: 25 })).length
  expect([await left('purged'), await left('deleted'), await left('kept')]).toEqual([1, 1, 10])
})

test.each(['memory', 'disk'])('%s frees what a shorter retention has dropped', async (kind) => {
  const { engine, clock, reclaimAll } = await opened(kind)
  await createQueue(engine, 'orders', { settings: { retentionSeconds: 86_400 } })
  for (let call = 0; call < 5; call++) await publish(engine, 'orders', messages(1))
  clock.advance(3_600_000)
  await publish(engine, 'orders', [{ body: 'young' }])
  expect(await reclaimAll()).toBe(0)
  await updateQueue(engine, 'orders', { settings: { retentionSeconds: 60 } })
  expect(await reclaimAll()).toBe(5)
  expect(await poll(engine, 'orders', { maxMessages: 25 })).toMatchObject([{ body: 'young' }])
})

const FIFO = {
  contentBasedDeduplication: true,
  deduplicationScope: 'queue',
  throughputLimit: 'perQueue',
} as const

test.each(['memory', 'disk'])(
  '%s frees the groups, deduplication ids and receive attempts of a deleted queue with it',
  async (kind) => {
    const { engine, reclaimAll } = await opened(kind)
    await createQueue(engine, 'orders.fifo', { settings: { fifo: FIFO } })
    await publish(engine, 'orders.fifo', messages(3, { groupId: 'a' }))
    await publish(engine, 'orders.fifo', [{ body: 'alone', groupId: 'b', deduplicationId: 'once' }])
    await poll(engine, 'orders.fifo', { attemptId: 'attempt' })
    expect(await reclaimAll()).toBe(0)
    await deleteQueue(engine, 'orders.fifo')
    // Two segments, two tickets, four deduplication ids, an attempt.
    expect(await reclaimAll()).toBe(9)
  },
)

const MEGABYTE = 1_048_576

test('memory stays flat over purges: 40 MB are gone each time', async () => {
  const { engine, clock, reclaimAll } = await opened('memory')
  await createQueue(engine, 'orders')
  const fillAndPurge = async () => {
    for (let count = 0; count < 40; count++) {
      await publish(engine, 'orders', [{ body: Buffer.alloc(MEGABYTE - 100, count).toString('latin1') }])
    }
    const full = await bytesInUse()
    clock.advance(60_000)
    await purgeQueue(engine, 'orders')
    await reclaimAll()
    return full
  }
  await fillAndPurge()
  const before = await bytesInUse()
  for (let round = 0; round < 3; round++) expect((await fillAndPurge()) - before).toBeGreaterThan(35 * MEGABYTE)
  expect((await bytesInUse()) - before).toBeLessThan(5 * MEGABYTE)
})

test.each(['memory', 'disk'])('%s keeps nothing of names that were read and not found', async (kind) => {
  const { engine } = await opened(kind)
  const ask = async (count: number) => {
    let refused = 0
    for (let name = 0; name < count; name++) {
      await poll(engine, `unknown-${name}`).catch(() => {
        refused++
      })
    }
    expect(refused).toBe(count)
  }
  await ask(100)
  const before = await bytesInUse()
  await ask(10_000)
  expect((await bytesInUse()) - before).toBeLessThan(3 * MEGABYTE)
})
