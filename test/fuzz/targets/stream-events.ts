import type { WakeEvent } from '../../../functions/triggers/trigger-events.ts'
import { isLoss, isTick, publishedSegments } from '../../../functions/triggers/trigger-events.ts'
import type { Engine } from '../../../lib/engine.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { setTrigger } from '../../../lib/triggers/trigger.ts'
import { tick, wake } from '../../../lib/triggers/wake.ts'
import { demand, orRefusal } from '../judge.ts'
import { engineWithQueues } from '../queues-world.ts'

/**
 * The event of the function that wakes triggers, as JSON: records of the table's stream, in which anything may be. A tick follows each. An
 * event that fails would be delivered again until its records expire, and hold up those behind it, so none may fail.
 */
export const fuzz = async (data: Buffer): Promise<void> => {
  const event = jsonOf(data.toString())
  if (event === undefined) return
  const engine = await triggeredEngine()
  const started: string[] = []
  const startRun = async (queue: string) => void started.push(queue)
  await orRefusal(() => woken(engine, event as WakeEvent, startRun), never)
  const published = wantedQueues(event)
  demand(started.length <= new Set(started).size, 'a run was started twice', started)
  for (const queue of published) demand(started.includes(queue), 'a publish started no run', { queue, started })
  await orRefusal(() => tick(engine, { startRun, sweep: true }), never)
}

const never = () => false

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** As `functions/triggers/wake-triggers.ts` reads an event. */
const woken = async (engine: Engine, event: WakeEvent, startRun: (queue: string) => Promise<void>): Promise<void> => {
  if (isTick(event) || isLoss(event)) return void (await tick(engine, { startRun, all: true }))
  await wake(engine, publishedSegments(event), { startRun })
}

/** Queues with a trigger, of which nothing is under way. */
const TRIGGERED = ['orders', 'orders.fifo'] as const

const triggeredEngine = async (): Promise<Engine> => {
  const engine = await engineWithQueues()
  const invoker = { invoke: () => Promise.reject(), fitting: async () => 0, records: async () => [] }
  for (const queue of TRIGGERED) {
    await setTrigger(engine, { queue, functionName: 'handler', functionTimeoutSeconds: 10 })
    await dispatch(engine, { queue, invoker, endsAt: engine.clock.now(), startRun: async () => {} })
  }
  return engine
}

/** A header as the engine names one that is due by now, of a queue with a trigger. */
const DUE = /^\d0{5}[0-9a-f]{7}[0-9a-f]{14}$/
const PARTITION = /^s#(orders|orders\.fifo)#[0-9a-z]+#(?:[0-9a-z]{1,2}|g[0-9a-f]{14})$/

/** The queues that an event must start a run of, by a plain reading of it. */
const wantedQueues = (event: unknown): string[] => {
  const records = membersOf(event, ['Records'])
  if (!Array.isArray(records) || membersOf(records[0], ['EventSource']) === 'aws:sns') return []
  if (typeof event === 'object' && event !== null && 'holdfast' in event) return []
  return records.flatMap((record) => {
    const sort = membersOf(record, ['dynamodb', 'Keys', 'sk', 'S'])
    const partition = membersOf(record, ['dynamodb', 'Keys', 'pk', 'S'])
    const isPublish = membersOf(record, ['eventName']) === 'INSERT' && DUE.test(typeof sort === 'string' ? sort : '')
    const [, queue] = PARTITION.exec(typeof partition === 'string' ? partition : '') ?? []
    return isPublish && queue !== undefined ? [queue] : []
  })
}

const membersOf = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[name] : undefined,
    value,
  )

export const dictionary: readonly string[] = [
  '{"Records":[{"eventName":"INSERT","dynamodb":{"Keys":{"pk":{"S":"s#orders#x#0"},"sk":{"S":"9000000000000000000000000000"}}}}]}',
  '"s#orders.fifo#x#g0123456789abcd"',
  '"s#orders#x#g0123456789abcd"',
  '{"holdfast":"tick-triggers"}',
  '"EventSource":"aws:sns"',
  '"REMOVE"',
  'ffffffffffff',
  '__proto__',
  'null',
  '[]',
]
