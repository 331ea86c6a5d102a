import { publish } from '../lib/publish/publish.ts'
import { poll } from '../lib/receive/poll.ts'
import { awaitResult } from '../lib/results/await-result.ts'
import { ack } from '../lib/settle/ack.ts'
import type { Figure } from './figures.ts'
import type { Rig } from './rig.ts'

const ROUNDS = 40
const WAIT_SECONDS = 20

interface Load {
  readonly name: string
  readonly batch: number
  readonly resultBytes: number
  /** How many write units more than without results an ack may cost for each message. */
  readonly goal: number
}

const LOADS: readonly Load[] = [
  { name: 'results off, one by one', batch: 1, resultBytes: 0, goal: 0 },
  { name: 'results of 150 B, one by one', batch: 1, resultBytes: 150, goal: 1 },
  { name: 'results of 890 B, one by one', batch: 1, resultBytes: 890, goal: 1 },
  { name: 'results of 150 B, by ten', batch: 10, resultBytes: 150, goal: 0.2 },
]

/** The cost of acks with results beyond that of acks without, and the cost of waiting for a result. */
export const resultFigures = async (rig: Rig): Promise<Figure[]> => {
  const figures: Figure[] = []
  for (const load of LOADS) figures.push(...(await figuresOf(rig, load)))
  figures.push(...(await waitFigures(rig)))
  return figures
}

const figuresOf = async (rig: Rig, { name, batch, resultBytes, goal }: Load): Promise<Figure[]> => {
  const off = await ackUsage(rig, batch, undefined)
  const on = await ackUsage(rig, batch, resultBytes === 0 ? undefined : 'r'.repeat(resultBytes))
  const messages = ROUNDS * batch
  const section = 'results'
  return [
    { section, name, value: (on.writeUnits - off.writeUnits) / messages, unit: 'more write units per message', goal },
    {
      section,
      name,
      value: (on.rounds - off.rounds) / ROUNDS,
      unit: 'more round trips per ack',
      goal: goal > 0 ? 1 : 0,
    },
  ]
}

const ackUsage = async (rig: Rig, batch: number, result: string | undefined) => {
  const queue = await rig.queue(result === undefined ? {} : { results: { retentionSeconds: 3_600 } })
  const engine = rig.process()
  const batches: string[][] = []
  for (let round = 0; round < ROUNDS; round++) {
    await publish(
      engine,
      queue,
      Array.from({ length: batch }, () => ({ body: 'b'.repeat(60) })),
    )
    const messages = await poll(engine, queue, { maxMessages: batch })
    batches.push(messages.map(({ receiptHandle }) => receiptHandle))
  }
  const { usage } = await rig.measure(async () => {
    for (const handles of batches) {
      await ack(
        engine,
        queue,
        handles.map((receiptHandle) => ({ receiptHandle, ...(result !== undefined && { result }) })),
      )
    }
  })
  return usage
}

const waitFigures = async (rig: Rig): Promise<Figure[]> => {
  const queue = await rig.queue({ results: { retentionSeconds: 3_600 } })
  const engine = rig.process()
  const [sent] = await publish(engine, queue, [{ body: 'b' }])
  const messageId = sent?.ok ? sent.messageId : ''
  const [message] = await poll(engine, queue)
  const wait = await rig.measure(() => awaitResult(engine, queue, messageId, { waitTimeSeconds: WAIT_SECONDS }))
  await ack(engine, queue, [{ receiptHandle: message?.receiptHandle ?? '', result: 1 }])
  const last = await rig.measure(() => awaitResult(engine, queue, messageId))
  const section = 'results'
  return [
    { section, name: `wait of ${WAIT_SECONDS} s for a result`, value: wait.usage.readUnits, unit: 'read units' },
    { section, name: 'read of a result that is stored', value: last.usage.readUnits, unit: 'read units', goal: 6 },
  ]
}
