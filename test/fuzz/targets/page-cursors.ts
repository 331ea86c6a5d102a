import type { Engine } from '../../../lib/engine.ts'
import { browse } from '../../../lib/messages/browse.ts'
import { listQueues } from '../../../lib/queues/list-queues.ts'
import { getRedrive, listRedrives } from '../../../lib/redrive/redrive.ts'
import { orRefusal } from '../judge.ts'
import { engineWithQueues, isRefusalOfCaller, leasedMessages, QUEUES } from '../queues-world.ts'

type Use = (engine: Engine, queue: string, cursor: string) => Promise<unknown>

const OPERATIONS: readonly Use[] = [
  (engine, queue, cursor) => browse(engine, queue, { cursor, limit: 1 }),
  (engine, queue, cursor) => browse(engine, queue, { cursor, states: ['deadLettered'] }),
  (engine, _, cursor) => listQueues(engine, { cursor, limit: 1 }),
  (engine, _, prefix) => listQueues(engine, { prefix }),
  (engine, queue, taskId) => getRedrive(engine, queue, taskId),
  (engine, queue) => listRedrives(engine, queue),
]

/** A cursor of a page, or a task's id: the first byte picks the use and the queue, the second whether the rest is encoded first. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const [first = 0, form = 0] = data
  const text = data.toString(form % 2 === 0 ? 'latin1' : 'base64url', 2)
  const engine = await engineWithQueues()
  await leasedMessages(engine)
  const use = OPERATIONS[first % OPERATIONS.length] as Use
  await orRefusal(() => use(engine, QUEUES[(first >> 3) % QUEUES.length] as string, text), isRefusalOfCaller)
}

export const dictionary: readonly string[] = ['0  ', 'orders', 'orders.fifo', '!', '00000000000000']
