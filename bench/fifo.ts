import type { Engine } from '../lib/engine.ts'
import { groupHash, groupPartition, sequenceAt } from '../lib/model/group.ts'
import { LIMITS } from '../lib/model/limits.ts'
import type { NewMessage } from '../lib/model/message.ts'
import { DEFAULT_FIFO, type FifoSettings, type SettingsChange } from '../lib/model/queue-settings.ts'
import { publish } from '../lib/publish/publish.ts'
import { poll } from '../lib/receive/poll.ts'
import { ack } from '../lib/settle/ack.ts'
import { bodyOfKind } from './bodies.ts'
import type { Usage } from './meter.ts'
import type { Rig } from './rig.ts'

const PARALLEL = 16
const MAX_BATCH = LIMITS.batchSize
const HOUR_MS = 3_600_000

/** Messages of one group, each with a body of its own. @param ids whether they have deduplication ids */
export const messagesFor = (groupId: string, count: number, ids = false): NewMessage[] =>
  Array.from({ length: count }, (): NewMessage => {
    const body = bodyOfKind('small')
    return {
      body,
      groupId,
      ...(ids && {
        deduplicationId: JSON.stringify(body)
          .slice(-60)
          .replace(/[^a-z0-9]/gi, ''),
      }),
    }
  })

export const fifoQueue = (rig: Rig, fifo: Partial<FifoSettings> = {}, settings: SettingsChange = {}): Promise<string> =>
  rig.fifoQueue({ visibilityTimeoutSeconds: HOUR_MS / 1_000, ...settings, fifo: { ...DEFAULT_FIFO, ...fifo } })

/** Calls `work` `count` times, a few calls at a time. */
const many = async (count: number, work: (turn: number) => Promise<unknown>): Promise<void> => {
  let turn = 0
  const loop = async () => {
    while (turn < count) await work(turn++)
  }
  await Promise.all(Array.from({ length: PARALLEL }, loop))
}

/** Publishes `batch` messages to each of as many groups. */
export const fillGroups = (engine: Engine, queue: string, groups: number, batch: number): Promise<void> =>
  many(groups, (group) => publish(engine, queue, messagesFor(`group-${group}`, batch)))

/** Publishes to one group, 25 messages a segment. */
export const fillGroup = async (engine: Engine, queue: string, groupId: string, count: number): Promise<void> => {
  for (let left = count; left > 0; left -= MAX_BATCH) {
    await publish(engine, queue, messagesFor(groupId, Math.min(MAX_BATCH, left)))
  }
}

/**
 * Writes the tickets of groups whose messages are all in flight. It writes no messages, because a scan reads only the ticket
 * of a locked group.
 */
export const busyGroups = async (engine: Engine, queueName: string, groups: number): Promise<void> => {
  const queue = await engine.queues.get(queueName)
  const now = engine.clock.now()
  await many(groups, (turn) => {
    const group = groupHash(`busy-${turn}`)
    const to = sequenceAt(now)
    const key = { partition: groupPartition(queue, group), group }
    const until = now + HOUR_MS
    return engine.store.transact([
      { kind: 'advance', key, from: to, to, expiresAt: now + 2 * HOUR_MS, lockedUntil: until, turn: to },
    ])
  })
}

export interface RoundUsage {
  readonly publish: Usage
  readonly poll: Usage
  readonly ack: Usage
}

const NOTHING: Usage = {
  requests: 0,
  rounds: 0,
  writeUnits: 0,
  readUnits: 0,
  wastedUnits: 0,
  misreported: 0,
  byCommand: {},
}

/** Publishes, polls and acks batches of one group, one after the other. Returns the total cost of each verb. */
export const costOfRounds = async (
  rig: Rig,
  queue: string,
  { batch, ids = false, rounds }: { batch: number; ids?: boolean; rounds: number },
): Promise<RoundUsage> => {
  const engine = rig.process()
  const sum = { publish: NOTHING, poll: NOTHING, ack: NOTHING }
  // The first round reads the queue's settings, and is not counted.
  for (let round = 0; round <= rounds; round++) {
    const messages = messagesFor('group', batch, ids)
    const published = await rig.measure(() => publish(engine, queue, messages))
    const polled = await rig.measure(() => poll(engine, queue, { maxMessages: batch }))
    if (polled.result.length !== batch) throw new Error(`received ${polled.result.length} of ${batch} messages`)
    const handles = polled.result.map(({ receiptHandle }) => receiptHandle)
    const acked = await rig.measure(() => ack(engine, queue, handles))
    if (round === 0) continue
    sum.publish = added(sum.publish, published.usage)
    sum.poll = added(sum.poll, polled.usage)
    sum.ack = added(sum.ack, acked.usage)
  }
  return sum
}

const added = (a: Usage, b: Usage): Usage => ({
  ...a,
  requests: a.requests + b.requests,
  rounds: a.rounds + b.rounds,
  writeUnits: a.writeUnits + b.writeUnits,
  readUnits: a.readUnits + b.readUnits,
})

/** Polls ten at a time, and acks all, until the ten quiet tenants are served. Returns how many polls that took. */
export const pollsUntilServed = async (engine: Engine, queue: string, quiet: string): Promise<number> => {
  const served = new Set<string>()
  for (let polls = 1; ; polls++) {
    const messages = await poll(engine, queue, { maxMessages: 10 })
    for (const { groupId = '' } of messages) if (groupId.startsWith(quiet)) served.add(groupId)
    await ack(
      engine,
      queue,
      messages.map(({ receiptHandle }) => receiptHandle),
    )
    if (served.size === 10) return polls
    if (polls === 1_000) throw new Error(`only ${served.size} of 10 tenants were served`)
  }
}
