import type { Engine } from '../engine.ts'
import { type HoldfastError, isHoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import { clampKeptMs, layoutValue, type QueueLayout } from '../model/queue-layout.ts'
import { layoutOf, partitionOf, pollShards, type QueueState, withLayout } from '../model/queue-record.ts'
import { bestEffort } from '../store/best-effort.ts'
import { layoutKey } from '../store/keys.ts'
import type { Write } from '../store/port.ts'

/**
 * A DynamoDB partition takes 1,000 write units a second, and a time-ordered sort key is never split for heat. So a
 * queue has shards: publishers spread over `settings.shards`, and pollers scan all shards that may hold messages.
 *
 * A publisher that is throttled doubles the number of shards. No process knows the load of all the others, so a poller that
 * finds nothing halves the number from time to time. If that is too low, a publisher is throttled again and doubles it, and that
 * number is then kept for longer.
 */

/** After this time every process has read a lower number of shards, and has finished its writes to the other shards. */
const LOWERED_EVERYWHERE_MS = 60_000
/** The number of shards doubles at most this often, so that pollers can follow. */
const RAISE_PAUSE_MS = 10_000

export const observeThrottle = (
  engine: Engine,
  queue: QueueState,
  shard: number,
  { fields: { reason = 'unknown' } }: HoldfastError,
): void => {
  // A conflict with another transaction is not reported as a throttle.
  if (reason !== 'contention') engine.observe({ type: 'throttled', queue: queue.name, shard, reason })
}

/**
 * Reports that DynamoDB throttled a write to a shard, and doubles the number of shards if a partition reached its limit. More
 * shards do not help when the whole table reached its limit. Returns the number of shards.
 */
export const onThrottle = async (
  engine: Engine,
  queue: QueueState,
  shard: number,
  failure: HoldfastError,
): Promise<number> => {
  observeThrottle(engine, queue, shard, failure)
  return failure.fields.reason === 'key-range' ? raiseShards(engine, queue) : queue.settings.shards
}

/**
 * Doubles the shards after DynamoDB throttled a publisher. Returns the number of shards. Does nothing when
 * another process changed the layout first, or when the store throttles this write too.
 */
export const raiseShards = async (engine: Engine, queue: QueueState): Promise<number> => {
  const { settings, modifiedAt, shardsChangedAt } = queue
  const now = engine.clock.now()
  if (settings.shards >= LIMITS.shards || now - Math.max(modifiedAt, shardsChangedAt) < RAISE_PAUSE_MS) {
    return settings.shards
  }
  const shards = Math.min(LIMITS.shards, settings.shards * 2)
  const raised = await bestEffort(
    changeLayout(engine, queue, {
      shards,
      pollShards: Math.max(shards, pollShards(queue)),
      changedAt: now,
      // A poller had lowered the number, and it was too low.
      ...(queue.settings.shards < pollShards(queue) && { keptMs: clampKeptMs(queue.shardsKeptMs * KEPT_GROWTH) }),
    }),
    false,
  )
  if (!raised) return settings.shards
  engine.observe({ type: 'shards-raised', queue: queue.name, shards })
  return shards
}

/** Writes into the layout, once in a queue's life, that a standard queue has message groups, so that polls scan them. */
export const markGrouped = async (engine: Engine, queue: QueueState): Promise<QueueState> => {
  let state = queue
  while (!state.grouped) {
    if (!(await changeLayout(engine, state, { grouped: true }))) engine.queues.forget(queue.name)
    state = await engine.queues.get(queue.name)
  }
  return state
}

/** When a lower number of shards was too low, the higher one is kept this many times as long before it is lowered again. */
const KEPT_GROWTH = 4
/** A poller that could lower the number does so with this probability, so that few of many pollers try. */
const LOWERED_CHANCE = 1 / 16

/**
 * Halves the number of shards after a poll found nothing in any of them, if the number has not changed for long enough, and not
 * below the number of the queue's settings. Each scan of an idle poller costs half a read unit for each shard.
 */
export const lowerShards = async (engine: Engine, queue: QueueState): Promise<void> => {
  const { settings, recordShards, modifiedAt, shardsChangedAt, shardsKeptMs } = queue
  const now = engine.clock.now()
  if (settings.shards <= recordShards || now - Math.max(modifiedAt, shardsChangedAt) < shardsKeptMs) return
  if (engine.random.fraction() >= LOWERED_CHANCE) return
  const shards = Math.max(recordShards, Math.ceil(settings.shards / 2))
  const keptMs = clampKeptMs(shardsKeptMs / 2)
  const change = { shards, pollShards: pollShards(queue), changedAt: now, keptMs }
  const lowered = await bestEffort(changeLayout(engine, queue, change), false)
  if (lowered) engine.observe({ type: 'shards-lowered', queue: queue.name, shards })
  // Others saw an instant long past, and may have retired shards at once, while publishers still used them.
  if (lowered && isLate(engine, now)) await bestEffort(scanAgain(engine, queue, pollShards(queue)), undefined)
}

/** Work that took longer was done by a process that was paused: meanwhile others may have lowered the shards, and retired some. */
const LATE_MS = 30_000
const isLate = ({ clock }: Engine, startedAt: number): boolean => clock.now() - startedAt >= LATE_MS

/**
 * Makes polls scan the shards again that a publish used, where it took so long that they may have been retired meanwhile. What the store
 * throttles or does not answer is tried again for about three seconds: until it is done, polls may not find the messages.
 *
 * @param queue the state by which the publish chose its shards · reads and writes nothing unless the publish was late, or repeats one that was
 * @param used how many shards the publish used, as far as its results show
 */
export const afterPublish = async (
  engine: Engine,
  queue: QueueState,
  startedAt: number,
  used = queue.settings.shards,
): Promise<void> => {
  const shards = Math.max(used, queue.settings.shards)
  // The first shard is never retired. A result in a shard that is not scanned is that of an earlier try, which was late.
  if (queue.settings.fifo || shards === 1 || !(isLate(engine, startedAt) || shards > pollShards(queue))) return
  await persistently(engine, async () => {
    if (pollShards(await engine.queues.fresh(queue.name)) < shards) await scanAgain(engine, queue, shards)
  })
}

const PERSISTENT_TRIES = 6
const FIRST_PAUSE_MS = 100
/** No further try begins after this time: the store repeats a throttled read for seconds itself. */
const PERSISTENT_MS = 3_000

const persistently = async (engine: Engine, work: () => Promise<void>): Promise<void> => {
  const startedAt = engine.clock.now()
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!isHoldfastError(error) || !error.retryable || attempt === PERSISTENT_TRIES) throw error
      if (engine.clock.now() - startedAt >= PERSISTENT_MS) throw error
      await engine.clock.sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + engine.random.fraction() / 2))
    }
  }
}

const scanAgain = async (engine: Engine, { name, generation }: QueueState, shards: number): Promise<void> => {
  for (;;) {
    const present = await engine.queues.fresh(name)
    if (present.generation !== generation) return
    const most = Math.max(shards, pollShards(present))
    if (await changeLayout(engine, present, { pollShards: most, changedAt: engine.clock.now() })) return
  }
}

/**
 * Ends the scans of the last surplus shard once it has no message, not even a delayed one. It does so only after the time in which
 * publishers with an older number may still publish to the shard.
 */
export const retireShard = async (engine: Engine, queue: QueueState): Promise<void> => {
  const last = pollShards(queue) - 1
  if (last < queue.settings.shards) return
  const loweredAt = Math.max(queue.shardsLoweredAt ?? 0, queue.shardsChangedAt)
  if (engine.clock.now() - loweredAt < LOWERED_EVERYWHERE_MS) return
  await bestEffort(retireIfEmpty(engine, queue, last), false)
}

const retireIfEmpty = async (engine: Engine, queue: QueueState, last: number): Promise<boolean> => {
  const partition = partitionOf(queue, last)
  const page = await engine.store.headers({ partition, from: '0', to: '~', limit: 1, consistent: true })
  const { tickets } = queue.grouped
    ? await engine.store.tickets({ partition, from: '0', to: '~', limit: 1 })
    : { tickets: [] }
  const empty = page.segments.length === 0 && tickets.length === 0
  return empty && changeLayout(engine, queue, { pollShards: last })
}

/** Writes a queue's layout unless another process changed it concurrently. Returns whether it did. */
const changeLayout = async (engine: Engine, queue: QueueState, change: Partial<QueueLayout>): Promise<boolean> => {
  const layout = { ...layoutOf(queue), ...change }
  const { applied } = await engine.store.transact([layoutWrite(queue, layout)])
  if (applied) engine.queues.amend(withLayout(queue, layout, queue.layoutVersion + 1))
  else engine.queues.forget(queue.name)
  return applied
}

export const layoutWrite = ({ name, layoutVersion }: QueueState, layout: QueueLayout): Write => ({
  kind: 'put',
  key: layoutKey(name),
  value: layoutValue(layout),
  ifVersion: layoutVersion,
})
