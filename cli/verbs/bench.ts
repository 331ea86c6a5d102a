import { randomBytes } from 'node:crypto'
import { Option } from 'commander'
import { ifQueueExists } from '../../lib/model/errors.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import { consumeAll, type LoadOptions, type Phase, publishAll } from '../bench/load.ts'
import { wholeNumber } from '../options.ts'
import type { Output } from '../output/output.ts'
import { figure, thousands } from '../output/words.ts'
import type { Session } from '../session.ts'
import { verb } from '../verb.ts'

const MAX_MESSAGES = 100_000

export const bench = verb<LoadOptions>({
  syntax: 'bench',
  group: 'Other',
  summary: 'measure rates and latencies with a load on a queue of its own',
  details: `The command creates a queue with a name of its own, publishes messages, then receives and acks them, and deletes the queue, also at Ctrl-C. Latencies are those of the calls that this command makes. Units are known with --table, and of a local server under --engine dynamodb. On AWS the load costs what any other does: 1,000 messages by ten use about 500 units.`,
  options: () => [
    new Option('-n, --messages <number>', 'so many messages').default(1_000).argParser(wholeNumber(1, MAX_MESSAGES)),
    new Option('--batch <number>', 'messages of one call').default(10).argParser(wholeNumber(1, LIMITS.batchSize)),
    new Option('--size <bytes>', 'length of each body').default(200).argParser(wholeNumber(1, 200_000)),
    new Option('--parallel <number>', 'calls at the same time').default(4).argParser(wholeNumber(1, 64)),
    new Option('--fifo', 'on a FIFO queue, in 100 message groups'),
  ],
  examples: [
    ['holdfast bench', '1,000 messages by ten'],
    ['holdfast bench --batch 1 --parallel 16 --table holdfast', 'one by one, on a table'],
    ['holdfast bench --json | jq .publish.p99Ms', 'one figure'],
  ],
  run: async (session, _, options) => {
    const { target, out } = session
    const queue = `holdfast-bench-${randomBytes(4).toString('hex')}${options.fifo ? '.fifo' : ''}`
    out.note(`working on the queue ${queue} at ${target.name}, which is deleted at the end`)
    await create(session, queue)
    let measured: Measured
    try {
      measured = await load(session, queue, options)
    } finally {
      await remove(session, queue, 'is left')
    }
    return report(session, measured, options)
  },
})

interface Measured {
  readonly queue: string
  readonly published: Phase
  readonly consumed: Phase
  readonly units: { readonly readUnits: number; readonly writeUnits: number } | undefined
}

/** A creation whose answer was lost may have been made: its queue is deleted too. */
const create = async (session: Session, queue: string): Promise<void> => {
  try {
    await session.target.call('createQueue', { params: { queue }, body: {} })
  } catch (error) {
    await remove(session, queue, 'may be left').catch(() => {})
    throw error
  }
}

const load = async (session: Session, queue: string, options: LoadOptions): Promise<Measured> => {
  const published = await publishAll(session, queue, options)
  const consumed = await consumeAll(session, queue, options, published.messages)
  return { queue, published, consumed, units: await unitsOf(session, queue) }
}

const unitsOf = async ({ target, signal }: Session, queue: string): Promise<Measured['units']> => {
  if (target.table) return target.table.units(queue)
  const used = signal.aborted ? undefined : await target.usage?.(queue, A_DAY, signal)
  return used?.metered ? used : undefined
}

const A_DAY = 86_400

/** Deletes the queue of the benchmark, whatever happened before. */
const remove = async ({ target, out }: Session, queue: string, state: 'is left' | 'may be left'): Promise<void> => {
  try {
    await ifQueueExists(target.call('deleteQueue', { params: { queue }, query: {} }))
  } catch (error) {
    const options = target.options === '' ? '' : ` ${target.options}`
    out.note(`the queue ${queue} ${state}: "holdfast delete ${queue} --yes${options}" deletes it`)
    throw error
  }
}

const report = ({ out, signal }: Session, measured: Measured, options: LoadOptions): number | undefined => {
  const { queue, published, consumed, units } = measured
  const rows = [rowOf('publish', published), rowOf('poll', consumed), rowOf('ack', consumed)]
  const each = units && {
    writeUnitsAMessage: units.writeUnits / Math.max(1, published.messages),
    readUnitsAMessage: units.readUnits / Math.max(1, published.messages),
  }
  if (out.json) {
    const figures = Object.fromEntries(rows.map(({ name, ...row }) => [name, row]))
    out.record({ queue, ...options, published: published.messages, acked: consumed.messages, ...figures, ...each })
  } else print(out, rows, each)
  const lost = published.messages - consumed.messages
  if (!signal.aborted && lost === 0) return
  out.note(
    signal.aborted
      ? `interrupted: ${published.messages} published and ${consumed.messages} acked; the queue is deleted`
      : `${lost} messages were published and not received again`,
  )
  return 1
}

interface UnitsAMessage {
  readonly writeUnitsAMessage: number
  readonly readUnitsAMessage: number
}

const print = (out: Output, rows: readonly ReturnType<typeof rowOf>[], each: UnitsAMessage | undefined): void => {
  out.table(
    ['', 'MESSAGES', 'A SECOND', 'CALLS', 'MEDIAN', '99 %'],
    rows.map(({ name, messages, perSecond, calls, p50Ms, p99Ms }) => [
      name,
      thousands(messages),
      thousands(perSecond),
      thousands(calls),
      `${figure(p50Ms)} ms`,
      `${figure(p99Ms)} ms`,
    ]),
    [1, 2, 3, 4, 5],
  )
  if (!each) return
  const { writeUnitsAMessage, readUnitsAMessage } = each
  out.text(`\n${figure(writeUnitsAMessage)} write units and ${figure(readUnitsAMessage)} read units a message`)
}

const rowOf = (name: string, { messages, ms, timings }: Phase) => {
  const calls = timings[name]
  return {
    name,
    messages,
    perSecond: Math.round((messages * 1_000) / Math.max(1, ms)),
    calls: calls?.calls ?? 0,
    p50Ms: round(calls?.quantile(0.5)),
    p99Ms: round(calls?.quantile(0.99)),
  }
}

const round = (ms = 0): number => Math.round(ms * 100) / 100
