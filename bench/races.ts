import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../lib/engine.ts'
import { publish } from '../lib/publish/publish.ts'
import { poll } from '../lib/receive/poll.ts'
import { ack } from '../lib/settle/ack.ts'
import { bodyOfKind } from './bodies.ts'
import type { Usage } from './meter.ts'
import type { Rig } from './rig.ts'

export interface Race {
  readonly pollers: number
  readonly publishedBy: number
  readonly polledBy: number
  readonly messages: number
  /** Whether all pollers run in one process and share its hints. @default each has a process of its own */
  readonly together?: boolean
  /** Messages are published at this interval while the pollers run. @default all are published before the pollers start */
  readonly trickleMs?: number
  readonly waitTimeSeconds?: number
}

export interface RaceResult extends Race {
  readonly wastedPerMessage: number
  readonly writesPerMessage: number
  readonly readsPerMessage: number
  readonly polls: number
  readonly seconds: number
  /** With `trickleMs`: the median and the 95th percentile of the time from a publish to the end of the poll that received the message. */
  readonly medianMs?: number
  readonly lateMs?: number
}

/** Lets pollers empty a queue of one shard, each as fast as possible, and counts the units that lost races cost. */
export const runRace = async (rig: Rig, race: Race): Promise<RaceResult> => {
  const queue = await rig.queue({ visibilityTimeoutSeconds: 600 })
  const publisher = rig.process()
  if (race.trickleMs === undefined) await publishAll(publisher, queue, race)
  const one = rig.process()
  const engines = Array.from({ length: race.pollers }, () => (race.together ? one : rig.process()))
  for (const engine of engines) await engine.queues.get(queue)
  const received = newTally()
  const startedAt = Date.now()
  const { usage } = await rig.measure(async () => {
    const trickle = race.trickleMs === undefined ? undefined : publishSlowly(publisher, queue, race)
    await Promise.all(engines.map((engine) => pollUntilAll(engine, queue, race, received)))
    await trickle
  })
  const waits = received.waits.toSorted((a, b) => a - b)
  return {
    ...race,
    ...perMessage(usage, race.messages),
    polls: received.polls,
    seconds: (Date.now() - startedAt) / 1_000,
    ...(race.trickleMs !== undefined && {
      medianMs: waits[waits.length >> 1] ?? 0,
      lateMs: waits[Math.floor(waits.length * 0.95)] ?? 0,
    }),
  }
}

/** The messages that all pollers of a race have received. */
interface Tally {
  readonly messageIds: Set<string>
  /** Time from publish to receive of each message, in ms. */
  readonly waits: number[]
  polls: number
}

const newTally = (): Tally => ({ messageIds: new Set(), waits: [], polls: 0 })

const pollUntilAll = async (engine: Engine, queue: string, race: Race, received: Tally): Promise<void> => {
  const { waitTimeSeconds = 0, polledBy: maxMessages } = race
  while (received.messageIds.size < race.messages) {
    const messages = await poll(engine, queue, { maxMessages, waitTimeSeconds })
    received.polls++
    for (const { messageId, publishedAt } of messages) {
      if (received.messageIds.has(messageId)) throw new Error(`message ${messageId} was received twice`)
      received.messageIds.add(messageId)
      received.waits.push(Date.now() - publishedAt)
    }
    if (messages.length === 0) continue
    await ack(
      engine,
      queue,
      messages.map(({ receiptHandle }) => receiptHandle),
    )
  }
}

const perMessage = ({ wastedUnits, writeUnits, readUnits }: Usage, messages: number) => ({
  wastedPerMessage: wastedUnits / messages,
  writesPerMessage: writeUnits / messages,
  readsPerMessage: readUnits / messages,
})

const publishAll = async (engine: Engine, queue: string, { messages, publishedBy }: Race): Promise<void> => {
  for (let left = messages; left > 0; left -= publishedBy) {
    await publish(
      engine,
      queue,
      Array.from({ length: Math.min(left, publishedBy) }, () => ({ body: bodyOfKind('small') })),
    )
  }
}

const publishSlowly = async (engine: Engine, queue: string, { messages, trickleMs = 0 }: Race): Promise<void> => {
  for (let count = 0; count < messages; count++) {
    await sleep(trickleMs)
    await publish(engine, queue, [{ body: bodyOfKind('small') }])
  }
}
