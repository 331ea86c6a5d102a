import type { Engine } from '../engine.ts'
import { invalid } from '../model/errors.ts'
import { asQueue, layoutOf, pollPriorities, pollShards, type QueueState } from '../model/queue-record.ts'
import { applySettings, type Queue, type SettingsChange } from '../model/queue-settings.ts'
import { checkDeadLetterQueue, checkExtras, checkTags } from './queue-rules.ts'
import { type Rewritten, rewriteQueue } from './rewrite-queue.ts'

export interface QueueChange {
  readonly settings?: SettingsChange
  /** `null` removes. */
  readonly tags?: Readonly<Record<string, string | null>>
  readonly extras?: Readonly<Record<string, string | null>>
}

/**
 * Changes the settings, tags and extras that the request names. A change that depends on the present queue is a function of it, which
 * is called again when another process changed the queue concurrently, so that neither change is lost.
 *
 * @throws `InvalidRequest`, `QueueNotFound`, and what the function throws
 */
export const updateQueue = async (
  engine: Engine,
  name: string,
  decide: QueueChange | ((queue: Queue) => QueueChange),
): Promise<Queue> => {
  let wasPaused = false
  const changed = await rewriteQueue(engine, name, (queue, now) => {
    wasPaused = queue.settings.paused === true
    const change = typeof decide === 'function' ? decide(asQueue(queue)) : decide
    return withChange(engine, queue, change, now)
  })
  const isResumed = wasPaused && !changed.settings.paused
  // A delay that was lowered may have made messages receivable.
  if (isResumed || changed.delayLoweredAt === changed.modifiedAt) engine.wakeups.wake(name, Number.POSITIVE_INFINITY)
  return asQueue(changed)
}

const withChange = async (engine: Engine, queue: QueueState, change: QueueChange, now: number): Promise<Rewritten> => {
  const settings = applySettings(queue.name, change.settings ?? {}, queue.settings)
  if (change.settings?.deadLetter) await checkDeadLetterQueue(engine, settings)
  // The shard of a group's ticket follows from the number of shards, and the ticket gives the group's sequence numbers.
  if (settings.fifo && settings.shards !== queue.settings.shards) {
    const rule = `must stay ${queue.settings.shards}, as a FIFO queue keeps the shards that it was created with`
    throw invalid('shards', settings.shards, rule)
  }
  const tags = patched(queue.tags, change.tags)
  checkTags(tags)
  const extras = patched(queue.extras, change.extras)
  checkExtras(extras)
  const { shards } = settings
  const record = {
    ...queue,
    settings,
    tags,
    extras,
    modifiedAt: now,
    pollPriorities: Math.max(settings.priorities, pollPriorities(queue)),
    ...(shards < queue.settings.shards && { shardsLoweredAt: now }),
    ...(settings.results && !queue.settings.results && { resultsSince: now }),
    ...(settings.fifo && settings.delaySeconds < queue.settings.delaySeconds && { delayLoweredAt: now }),
  }
  // Where the number of shards stays the same, the layout keeps it. The record keeps its own number unless the change names one.
  if (shards === queue.settings.shards) {
    return { record: change.settings?.shards === undefined ? record : { ...record, recordShards: shards } }
  }
  const most = Math.max(shards, pollShards(queue))
  return {
    record: { ...record, recordShards: shards },
    layout: { ...layoutOf(queue), shards, pollShards: most, changedAt: now },
  }
}

const patched = (
  present: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string | null>> = {},
): Record<string, string> => {
  const result: Record<string, string> = { ...present }
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete result[key]
    else result[key] = value
  }
  return result
}
