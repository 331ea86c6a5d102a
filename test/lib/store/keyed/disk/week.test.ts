import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createEngine, type Engine } from '../../../../../lib/engine.ts'
import { DEFAULT_FIFO } from '../../../../../lib/model/queue-settings.ts'
import { publish } from '../../../../../lib/publish/publish.ts'
import { createQueue } from '../../../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../../../lib/queues/delete-queue.ts'
import { purgeQueue } from '../../../../../lib/queues/purge-queue.ts'
import { poll } from '../../../../../lib/receive/poll.ts'
import { ack } from '../../../../../lib/settle/ack.ts'
import { type DiskStore, diskStore } from '../../../../../lib/store/keyed/disk/disk-store.ts'
import { memoryStore } from '../../../../../lib/store/keyed/memory-store.ts'
import { bytesInUse } from '../../../../support/bytes-in-use.ts'
import { hastyClock } from '../../../../support/manual-clock.ts'
import { quickDirectory } from '../../../../support/temporary-directory.ts'

/** `npm run test:faults` has more. */
const WEEKS = Number(process.env.HOLDFAST_WEEKS ?? 1)
/** What a quarter of a day brings comes at once. */
const QUARTERS = 4
const QUARTER_MS = 21_600_000
const MEGABYTE = 1_048_576

/** What comes in a quarter of a day, two thirds of which is consumed at once: the rest expires. */
const quarterOf = async (engine: Engine, quarter: number): Promise<void> => {
  const body = (n: number) => `quarter ${quarter}, message ${n} `.padEnd(n % 10 === 0 ? 20_000 : 1_000, '.')
  for (let n = 0; n < 30; n++) {
    // Ids that are remembered for minutes, a time to live, a delay; groups that nobody comes back to.
    await publish(engine, 'orders', [{ body: body(n), deduplicationId: `${quarter}/${n}` }])
    await publish(engine, 'orders', [
      { body: body(n), timeToLiveSeconds: 7_200 },
      { body: body(n), delaySeconds: 1_800 },
    ])
    await publish(engine, 'steps.fifo', [{ body: body(n), groupId: `order-${quarter}-${n}` }])
  }
  for (const queue of ['orders', 'steps.fifo']) {
    for (let n = 0; n < 6; n++) {
      const messages = await poll(engine, queue, { maxMessages: 10 })
      if (messages.length === 0) break
      await ack(
        engine,
        queue,
        messages.map(({ receiptHandle }) => receiptHandle),
      )
    }
  }
}

/** A queue of its own that lives for a day, and one that is purged. */
const dayOf = async (engine: Engine, day: number): Promise<void> => {
  await createQueue(engine, `day-${day}`)
  for (let n = 0; n < 20; n++) await publish(engine, `day-${day}`, [{ body: 'x'.repeat(5_000) }])
  if (day > 0) await deleteQueue(engine, `day-${day - 1}`)
  await purgeQueue(engine, 'purged')
  for (let n = 0; n < 20; n++) await publish(engine, 'purged', [{ body: 'x'.repeat(5_000) }])
  // Names that nobody created.
  for (let n = 0; n < 20; n++) await poll(engine, `unknown-${day}-${n}`).catch(() => {})
}

const logsIn = (directory: string): number => readdirSync(directory).filter((name) => name.startsWith('log.')).length

test.each(['disk', 'memory'])('%s stays as large as it is over a week of steady traffic', async (kind) => {
  const clock = hastyClock()
  const directory = quickDirectory()
  const disk = kind === 'disk' ? await diskStore({ directory, clock, logBytes: 500_000 }) : undefined
  if (disk) onTestFinished(() => (disk as DiskStore).close())
  const store = disk ?? memoryStore({ clock })
  const engine = createEngine({ store, clock })
  const settings = { retentionSeconds: 172_800 }
  await createQueue(engine, 'orders', { settings })
  await createQueue(engine, 'steps.fifo', {
    settings: { ...settings, fifo: { ...DEFAULT_FIFO, contentBasedDeduplication: true } },
  })
  await createQueue(engine, 'purged')
  const sizes: { day: number; file: number; memory: number }[] = []
  for (let day = 0; day < 7 * WEEKS; day++) {
    for (let quarter = 0; quarter < QUARTERS; quarter++) {
      if (quarter === 0) await dayOf(engine, day)
      await quarterOf(engine, day * QUARTERS + quarter)
      clock.advance(QUARTER_MS)
      // In that time a server goes through forty million.
      await store.reclaim(20_000)
    }
    // A full log is emptied into the file in the background: until that is done, what it holds is on disk twice.
    while (logsIn(directory) > 1) await new Promise((resolve) => setImmediate(resolve))
    const file = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
    sizes.push({ day, file, memory: await bytesInUse() })
  }
  const [, , third] = sizes
  const last = sizes.at(-1)
  // The first messages expire on the third day: from then on as much goes as comes. Logs come on top of the file.
  expect((last?.file ?? 0) / (third?.file || 1)).toBeLessThan(1.5)
  expect((last?.memory ?? 0) - (third?.memory ?? 0)).toBeLessThan(5 * MEGABYTE)
})
