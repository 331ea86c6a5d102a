import type { Engine } from '../engine.ts'
import { LIMITS } from '../model/limits.ts'
import { partitionOf, pollShards, type QueueRecord, type QueueState, recordValue } from '../model/queue-record.ts'
import { inPassing } from '../store/best-effort.ts'
import { queueKey } from '../store/keys.ts'

/**
 * A DynamoDB partition takes 1,000 write units a second, and a time-ordered sort key is never split for heat. So a
 * queue has shards: publishers spread over `settings.shards`, pollers look into all that may hold something.
 */

/** Configuration is at most this old anywhere, with room for slow writes: from then on no one uses a dropped shard. */
const EVERYONE_KNOWS_MS = 60_000
/** The count doubles no more often than pollers can follow. */
const RAISE_PAUSE_MS = 10_000

/**
 * Doubles the shards after DynamoDB throttled a publisher; answers how many there are now. Loses quietly against
 * another process doing the same, and against a store that throttles this write too.
 */
export const raiseShards = async (engine: Engine, queue: QueueState): Promise<number> => {
  const { settings, modifiedAt } = queue
  const now = engine.clock.now()
  if (settings.shards >= LIMITS.shards || now - modifiedAt < RAISE_PAUSE_MS) return settings.shards
  const shards = Math.min(LIMITS.shards, settings.shards * 2)
  const raised = await inPassing(
    replace(engine, queue, {
      ...queue,
      settings: { ...settings, shards },
      pollShards: Math.max(shards, pollShards(queue)),
      modifiedAt: now,
    }),
    false,
  )
  if (!raised) return settings.shards
  engine.observe({ type: 'shards-raised', queue: queue.name, shards })
  return shards
}

/** Notes that a standard queue has message groups, so that pollers look for them: once in its life. */
export const markGrouped = async (engine: Engine, queue: QueueState): Promise<QueueState> => {
  let state = queue
  while (!state.grouped) {
    if (!(await replace(engine, state, { ...state, grouped: true }))) engine.queues.forget(queue.name)
    state = await engine.queues.get(queue.name)
  }
  return state
}

/** Drops the last surplus shard once nothing is left in it, whatever its due time. */
export const retireShard = async (engine: Engine, queue: QueueState): Promise<void> => {
  const last = pollShards(queue) - 1
  if (last < queue.settings.shards) return
  if (engine.clock.now() - (queue.shardsLoweredAt ?? 0) < EVERYONE_KNOWS_MS) return
  await inPassing(retireIfEmpty(engine, queue, last), false)
}

const retireIfEmpty = async (engine: Engine, queue: QueueState, last: number): Promise<boolean> => {
  const partition = partitionOf(queue, last)
  const page = await engine.store.headers({ partition, from: '0', to: '~', limit: 1, consistent: true })
  const { tickets } = queue.grouped
    ? await engine.store.tickets({ partition, from: '0', to: '~', limit: 1 })
    : { tickets: [] }
  const empty = page.segments.length === 0 && tickets.length === 0
  return empty && replace(engine, queue, { ...queue, pollShards: last })
}

/** Writes a queue's record unless it changed meanwhile; answers whether it did. */
export const replace = async (engine: Engine, queue: QueueState, record: QueueRecord): Promise<boolean> => {
  const { name, version } = queue
  const { applied } = await engine.store.transact([
    { kind: 'put', key: queueKey(name), value: recordValue(record), ifVersion: version },
  ])
  if (applied) engine.queues.put({ ...record, name, version: version + 1 })
  else engine.queues.forget(name)
  return applied
}
