import { createEngine } from '../lib/engine.ts'
import { createQueue } from '../lib/queues/create-queue.ts'
import { poll } from '../lib/receive/poll.ts'
import { memoryStore } from '../lib/store/keyed/memory-store.ts'
import { fill } from './depth.ts'
import type { Figure } from './figures.ts'

const QUEUE = 'deep'
const POLLS = 5_000
/** How many polls come before the measurement, so that V8 has compiled the code. */
const WARM_UP = 10_000

/** CPU time of a poll with many messages waiting, on the store in memory. */
export const memoryDepthFigures = async (depth: number): Promise<Figure[]> => {
  const fresh = await microsecondsPerPoll(POLLS)
  const deep = await microsecondsPerPoll(depth)
  const section = `a poll of one, in memory, ${depth.toLocaleString('en')} waiting`
  return [
    { section, name: 'on a queue that the polls empty', value: fresh, unit: 'µs' },
    { section, name: 'with that many waiting', value: deep, unit: 'µs' },
    { section, name: 'the second against the first', value: deep / fresh, unit: '×', goal: 2 },
  ]
}

const microsecondsPerPoll = async (depth: number): Promise<number> => {
  const engine = createEngine({ store: memoryStore() })
  await createQueue(engine, QUEUE, { settings: { visibilityTimeoutSeconds: 3_600 } })
  await fill(engine, QUEUE, depth + WARM_UP, 1)
  for (let count = 0; count < WARM_UP; count++) await poll(engine, QUEUE)
  const startedAt = process.cpuUsage()
  for (let count = 0; count < POLLS; count++) {
    if ((await poll(engine, QUEUE)).length !== 1) throw new Error('a poll found nothing')
  }
  const { user, system } = process.cpuUsage(startedAt)
  return (user + system) / POLLS
}
