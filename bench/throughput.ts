import { createEngine, type Engine } from '../lib/engine.ts'
import { publish } from '../lib/publish/publish.ts'
import { createQueue } from '../lib/queues/create-queue.ts'
import { poll } from '../lib/receive/poll.ts'
import { ack } from '../lib/settle/ack.ts'
import { memoryStore } from '../lib/store/keyed/memory-store.ts'
import { bodyOfKind } from './bodies.ts'
import type { Figure } from './figures.ts'
import type { Rig } from './rig.ts'

const RUN_MS = 2_000
const QUEUE = 'throughput'

/** How many messages one process publishes, polls and acks in a second. Only the ratios of one run can be compared with another's. */
export const throughputFigures = async (rig: Rig): Promise<Figure[]> => {
  const memory = createEngine({ store: memoryStore() })
  await createQueue(memory, QUEUE, {})
  const table = { engine: rig.process(), queue: await rig.queue() }
  const figures: Figure[] = []
  for (const batch of [1, 10]) {
    const inMemory = await messagesPerSecond(memory, QUEUE, batch)
    const onTable = await messagesPerSecond(table.engine, table.queue, batch)
    const section = batch === 1 ? 'throughput, one by one' : `throughput, batches of ${batch}`
    figures.push(
      { section, name: 'published, polled and acked in memory', value: Math.round(inMemory), unit: 'messages/s' },
      {
        section,
        name: 'published, polled and acked on the embedded engine, metered',
        value: Math.round(onTable),
        unit: 'messages/s',
      },
      { section, name: 'memory to DynamoDB engine', value: inMemory / onTable, unit: '×' },
    )
  }
  return figures
}

const messagesPerSecond = async (engine: Engine, queue: string, batch: number): Promise<number> => {
  const messages = Array.from({ length: batch }, () => ({ body: bodyOfKind('small') }))
  let moved = 0
  const startedAt = Date.now()
  while (Date.now() - startedAt < RUN_MS) {
    await publish(engine, queue, messages)
    const received = await poll(engine, queue, { maxMessages: batch })
    await ack(
      engine,
      queue,
      received.map(({ receiptHandle }) => receiptHandle),
    )
    moved += received.length
  }
  return (moved / (Date.now() - startedAt)) * 1_000
}
