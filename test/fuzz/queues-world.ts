import { createEngine, type Engine } from '../../lib/engine.ts'
import { isHoldfastError } from '../../lib/model/errors.ts'
import type { Message } from '../../lib/model/message.ts'
import { DEFAULT_FIFO } from '../../lib/model/queue-settings.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import { hastyClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'

export const QUEUES = ['orders', 'orders.fifo', 'dead'] as const

/** An engine with three queues, always the same. */
export const engineWithQueues = async (): Promise<Engine> => {
  const clock = hastyClock()
  const engine = createEngine({ store: memoryStore({ clock }), clock, random: seededRandom(1) })
  await createQueue(engine, 'dead', {})
  await createQueue(engine, 'orders', {
    settings: { deadLetter: { queue: 'dead', maxReceives: 2 }, results: { retentionSeconds: 60 }, priorities: 2 },
  })
  await createQueue(engine, 'orders.fifo', { settings: { fifo: { ...DEFAULT_FIFO, contentBasedDeduplication: true } } })
  return engine
}

/** Messages of both kinds of queues, one of them in a group of a standard queue; all are leased. */
export const leasedMessages = async (engine: Engine): Promise<readonly Message[]> => {
  await publish(engine, 'orders', [{ body: 'a' }, { body: { b: 1 } }])
  await publish(engine, 'orders', [{ body: 'c', groupId: 'g' }])
  await publish(engine, 'orders.fifo', [{ body: 'd', groupId: 'g' }])
  const found: Message[] = []
  for (const queue of ['orders', 'orders', 'orders.fifo'])
    found.push(...(await poll(engine, queue, { maxMessages: 10 })))
  return found
}

/** What an operation may refuse a caller with. */
export const isRefusalOfCaller = (error: unknown): boolean =>
  isHoldfastError(error) && error.code !== 'Internal' && error.code !== 'StoreUnavailable'
