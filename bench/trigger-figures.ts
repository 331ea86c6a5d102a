import type { Engine } from '../lib/engine.ts'
import type { Message } from '../lib/model/message.ts'
import type { SegmentKey } from '../lib/model/segment-key.ts'
import { publish } from '../lib/publish/publish.ts'
import type { Invoker } from '../lib/triggers/invoker.ts'
import { dispatch } from '../lib/triggers/run.ts'
import { type GivenTrigger, setTrigger } from '../lib/triggers/trigger.ts'
import { tick, wake } from '../lib/triggers/wake.ts'
import { bodyOfKind } from './bodies.ts'
import type { Figure } from './figures.ts'
import type { Usage } from './meter.ts'
import type { Rig } from './rig.ts'

const DISPATCHER_GB = 0.25
const WAKE_GB = 0.5
const CONSUMER_GB = 0.5
const LIFE_MS = 900_000

/** Units, memory time and delays of messages that a trigger delivers. The publisher, the wake function and the dispatcher have separate engines. */
export const triggerFigures = async (rig: Rig): Promise<Figure[]> => [
  ...(await sparse(rig)),
  ...(await steady(rig)),
  ...(await burst(rig)),
]

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Sets up a queue with a trigger, whose first run is over. */
const stage = async (rig: Rig, handlerMs: number, given: Partial<GivenTrigger> = {}) => {
  const queue = await rig.queue()
  const [publisher, waker, dispatcher] = [rig.process(), rig.process(), rig.process()]
  const delays: number[] = []
  const spans = { runMs: 0, wakeMs: 0, delivered: 0 }
  const invoker: Invoker = {
    fitting: async (_, messages) => messages.length,
    records: async () => [],
    invoke: async (_, messages: readonly Message[]) => {
      for (const { publishedAt } of messages) delays.push(Date.now() - publishedAt)
      spans.delivered += messages.length
      await sleep(handlerMs)
      return { kind: 'answered', failed: new Set() }
    },
  }
  const runs = new Set<Promise<unknown>>()
  const startRun = async (): Promise<void> => {
    const begun = Date.now()
    const run = dispatch(dispatcher, { queue, invoker, endsAt: begun + LIFE_MS, startRun })
    const ended = run.then(() => {
      spans.runMs += Date.now() - begun
      runs.delete(ended)
    })
    runs.add(ended)
  }
  const wakes = new Set<Promise<unknown>>()
  const streaming = onInsert(publisher, (key) => {
    const begun = Date.now()
    const woken = wake(waker, [key], { startRun }).then(() => {
      spans.wakeMs += Date.now() - begun
      wakes.delete(woken)
    })
    wakes.add(woken)
  })
  const idle = async (): Promise<void> => {
    while (wakes.size + runs.size > 0) await Promise.all([...wakes, ...runs])
  }
  await setTrigger(publisher, { queue, functionName: 'f', functionTimeoutSeconds: 30, ...given })
  await tick(waker, { startRun })
  await idle()
  Object.assign(spans, { runMs: 0, wakeMs: 0, delivered: 0 })
  delays.length = 0
  return { queue, publisher: streaming, spans, delays, idle }
}

/** An engine that calls `inserted` after each insert, as the table's stream calls the wake function. */
const onInsert = (engine: Engine, inserted: (key: SegmentKey) => void): Engine => ({
  ...engine,
  store: {
    ...engine.store,
    insert: async (segment) => {
      const outcome = await engine.store.insert(segment)
      inserted(segment.segment.key)
      return outcome
    },
  },
})

const smallOnes = (count: number) => Array.from({ length: count }, () => ({ body: bodyOfKind('small') }))

const unitsOf = (section: string, usage: Usage, messages: number, writeGoal?: number): Figure[] => [
  {
    section,
    name: 'write units',
    value: usage.writeUnits / messages,
    unit: 'per message',
    ...(writeGoal !== undefined && { goal: writeGoal }),
  },
  { section, name: 'read units', value: usage.readUnits / messages, unit: 'per message' },
]

const delaysOf = (section: string, name: string, delays: readonly number[]): Figure[] => {
  const sorted = delays.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return [
    { section, name: `publish to handler, ${name}: median`, value: at(0.5), unit: 'ms' },
    { section, name: `publish to handler, ${name}: 99th percentile`, value: at(0.99), unit: 'ms' },
  ]
}

const LONE = 8

/** No run is under way when a message is published: each publish starts a run, which ends before the next publish. */
const sparse = async (rig: Rig): Promise<Figure[]> => {
  const section = 'a trigger: one message a minute, 150 B'
  const { queue, publisher, spans, delays, idle } = await stage(rig, 0)
  const { usage } = await rig.measure(async () => {
    for (let n = 0; n < LONE; n++) {
      await publish(publisher, queue, smallOnes(1))
      await idle()
    }
  })
  checkDelivered(spans.delivered, LONE)
  const gbSeconds = (spans.runMs * DISPATCHER_GB + spans.wakeMs * WAKE_GB) / 1_000 / LONE
  return [
    ...unitsOf(section, usage, LONE),
    { section, name: 'dispatcher and wake', value: gbSeconds, unit: 'GB-s a message' },
    ...delaysOf(section, 'from idle, without the start of a Lambda function and the stream', delays),
  ]
}

const STEADY_SECONDS = 20
const STEADY_EVERY_MS = 100

/** Ten messages are published in each second, one by one, and each is an invocation of one second. */
const steady = async (rig: Rig): Promise<Figure[]> => {
  const section = 'a trigger: ten messages a second, 150 B, one an invocation of 1 s at 512 MB'
  const { queue, publisher, spans, delays, idle } = await stage(rig, 1_000, { batchSize: 1, maxConcurrency: 30 })
  const messages = (STEADY_SECONDS * 1_000) / STEADY_EVERY_MS
  const begun = Date.now()
  let measuredMs = 0
  const { usage } = await rig.measure(async () => {
    for (let n = 0; n < messages; n++) {
      await publish(publisher, queue, smallOnes(1))
      await sleep(Math.max(0, begun + (n + 1) * STEADY_EVERY_MS - Date.now()))
    }
    measuredMs = Date.now() - begun
    await idle()
  })
  checkDelivered(spans.delivered, messages)
  const consumers = messages * CONSUMER_GB
  // Under a steady load one run goes on all the time, so its start and its end are not counted.
  const dispatcher = (measuredMs / 1_000) * DISPATCHER_GB
  const wakes = (spans.wakeMs / 1_000) * WAKE_GB
  return [
    ...unitsOf(section, usage, messages),
    {
      section,
      name: 'dispatcher and wakes, of the GB-seconds of the consumers',
      value: (100 * (dispatcher + wakes)) / consumers,
      unit: '%',
      goal: 7,
    },
    { section, name: 'wakes alone', value: (100 * wakes) / consumers, unit: '%' },
    ...delaysOf(section, 'awake', delays.slice(10)),
  ]
}

const BURST = 10_000
const BY = 10

const burst = async (rig: Rig): Promise<Figure[]> => {
  const section = 'a trigger: a burst of 10,000 messages of 150 B, published and delivered by ten'
  const { queue, publisher, spans, idle } = await stage(rig, 0)
  const { usage } = await rig.measure(async () => {
    for (let n = 0; n < BURST; n += BY) await publish(publisher, queue, smallOnes(BY))
    await idle()
  })
  checkDelivered(spans.delivered, BURST)
  return unitsOf(section, usage, BURST, 0.35)
}

const checkDelivered = (delivered: number, expected: number): void => {
  if (delivered !== expected) throw new Error(`${delivered} messages were delivered, and ${expected} published`)
}
