import { measureQueues } from '../../functions/operations/measure-queues.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { listQueueNames } from '../../lib/queues/list-queues.ts'
import { poll } from '../../lib/receive/poll.ts'
import { dueKey, layoutKey, queueKey, queueListKey } from '../../lib/store/keys.ts'
import { tick } from '../../lib/triggers/wake.ts'
import { sum } from './meter.ts'
import { markdown, type Progress, type Report } from './report.ts'
import { svg } from './svg.ts'
import { documentBytes } from './units.ts'
import { newWorld, type World } from './world.ts'

const SIZES = [100, 1_000, 10_000, 100_000]
const MILLION = 1_000_000
const MINUTES_A_MONTH = 43_800
const SECONDS_A_MONTH = 2_628_000
const MILLION_READS = 0.125
/** The monitor's time before it ends, seconds. */
const MONITOR_SECONDS = 45

/** What some work took of the table and of virtual time. */
interface Work {
  readonly readUnits: number
  readonly requests: number
  readonly seconds: number
}

interface Sized {
  readonly queues: number
  readonly list: Work
  readonly monitor: Work
  readonly tick: Work
  readonly storedBytes: number
}

/** What a number of idle queues costs: in storage, to list, to monitor, and to tick for. */
export const manyQueues = async (progress: Progress): Promise<Report> => {
  const sizes: Sized[] = []
  for (const queues of SIZES) {
    sizes.push(await measureSize(queues))
    progress(`${queues} queues`)
  }
  const idlePoll = await idlePoller()
  const rows = [...sizes.map(rowOf), rowOf(extrapolated(sizes.at(-1) as Sized))]
  const month = idlePoll.readUnits / idlePoll.seconds
  const table = [
    markdown(HEADER, rows),
    `An idle long poll of one shard: ${month.toFixed(2)} read units a second, $${dollars(month * SECONDS_A_MONTH).toFixed(2)} a month.`,
  ].join('\n\n')
  return { table, plots: { 'scale-queues.svg': plotOf(sizes) } }
}

const measureSize = async (queues: number): Promise<Sized> => {
  const world = newWorld({ seed: 1, table: { partitions: 64 } })
  await fill(world, queues)
  return {
    queues,
    storedBytes: await bytesOfOne(world),
    list: await working(world, () => listAll(world)),
    monitor: await working(world, async () => {
      const { measured } = await measureQueues(world.process(), () => true)
      if (measured.length !== queues) throw new Error(`${measured.length} of ${queues} queues were measured`)
    }),
    tick: await working(world, async () => void (await tick(world.process(), { startRun: async () => {} }))),
  }
}

const nameOf = (at: number): string => `tenant-${String(at).padStart(7, '0')}`

/** Idle queues, each with an entry of the due index, as a queue with a trigger has. */
const fill = async ({ setup, store }: World, queues: number): Promise<void> => {
  for (let at = 0; at < queues; at++) {
    await createQueue(setup, nameOf(at), {})
    await store.transact([{ kind: 'put', key: dueKey(nameOf(at)), value: { left: false } }])
  }
}

const listAll = async (world: World): Promise<void> => {
  const engine = world.process()
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await listQueueNames(engine, { limit: 1_000, ...(cursor !== undefined && { cursor }) })
    cursor = page.cursor
  }
}

/** DynamoDB stores an item with 100 bytes more than it has. */
const STORED_BESIDES = 100

/** The items of one idle queue. */
const bytesOfOne = async ({ store }: World): Promise<number> => {
  const name = nameOf(0)
  const keys = [queueKey(name), layoutKey(name), queueListKey(name)]
  const documents = await Promise.all(keys.map((key) => store.getDocument(key)))
  return sum(documents, (document) => (document ? documentBytes(document) + STORED_BESIDES : 0))
}

const working = async ({ scheduler, meter, seconds }: World, work: () => Promise<void>): Promise<Work> => {
  await scheduler.run(scheduler.sleep(1_000 - (scheduler.now() % 1_000)))
  const from = seconds()
  await scheduler.run(work())
  const measured = meter.seconds(Math.floor(from))
  return {
    readUnits: sum(measured, ({ readUnits }) => readUnits),
    requests: sum(measured, ({ requests }) => requests),
    seconds: seconds() - from,
  }
}

const idlePoller = async (): Promise<Work> => {
  const world = newWorld({ seed: 1 })
  await createQueue(world.setup, 'idle', {})
  const engine = world.process()
  return working(world, async () => {
    for (let polls = 0; polls < 10; polls++) await poll(engine, 'idle', { waitTimeSeconds: 20 })
  })
}

/** A million queues by the figures of the largest number that was measured. */
const extrapolated = ({ queues, storedBytes, ...works }: Sized): Sized => {
  const factor = MILLION / queues
  const times = ({ readUnits, requests, seconds }: Work): Work => ({
    readUnits: readUnits * factor,
    requests: requests * factor,
    seconds: seconds * factor,
  })
  return {
    queues: MILLION,
    storedBytes,
    list: times(works.list),
    monitor: times(works.monitor),
    tick: times(works.tick),
  }
}

const dollars = (readUnits: number): number => (readUnits / 1_000_000) * MILLION_READS

const HEADER = [
  'Queues',
  'Stored, MB',
  'List of all: seconds',
  'Read units',
  'Count of all: seconds',
  'Read units',
  'Dollars a month, each minute',
  'Counted in a run',
  'Tick: seconds',
  'Read units',
  'Dollars a month',
]
const rowOf = ({ queues, storedBytes, list, monitor, tick: ticked }: Sized): (string | number)[] => [
  queues,
  (queues * storedBytes) / 1_000_000,
  list.seconds,
  list.readUnits,
  monitor.seconds,
  monitor.readUnits,
  dollars(monitor.readUnits) * MINUTES_A_MONTH,
  Math.min(queues, (queues * MONITOR_SECONDS) / monitor.seconds),
  ticked.seconds,
  ticked.readUnits,
  dollars(ticked.readUnits) * MINUTES_A_MONTH,
]

const plotOf = (sizes: readonly Sized[]): string => {
  const line = (name: string, of: (sized: Sized) => number) => ({
    name,
    marked: true,
    points: sizes.map((sized) => [sized.queues, of(sized)] as const),
  })
  return svg({
    title: 'Many idle queues: time and read units',
    x: { label: 'queues', log: true, ticks: SIZES },
    panels: [
      {
        y: { label: 'seconds', log: true },
        series: [
          line('list all names', ({ list }) => list.seconds),
          line('count the messages of all', ({ monitor }) => monitor.seconds),
          line('a tick for all triggers', (sized) => sized.tick.seconds),
        ],
        lines: [{ at: MONITOR_SECONDS, name: 'the monitor’s time' }],
      },
      {
        y: { label: 'read units a queue', log: true },
        series: [
          line('list all names', ({ list, queues }) => list.readUnits / queues),
          line('count the messages of all', ({ monitor, queues }) => monitor.readUnits / queues),
          line('a tick for all triggers', ({ queues, ...sized }) => sized.tick.readUnits / queues),
        ],
      },
    ],
  })
}
