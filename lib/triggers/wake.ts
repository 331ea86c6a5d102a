import type { Engine } from '../engine.ts'
import { isFairGroup, isOrdered } from '../model/group.ts'
import { dueAtOf, type SegmentKey } from '../model/segment-key.ts'
import { dueQueues, noteDue } from './due-index.ts'
import { isMarked } from './mark.ts'
import { PUBLISH_SPREAD_MS, STAY_MS } from './times.ts'
import { readTrigger } from './trigger.ts'

export interface WakeOptions {
  /** Starts a run of a queue's dispatcher, which waits for nothing. */
  readonly startRun: (queue: string) => Promise<void>
}

/**
 * Has what was published to triggered queues delivered: starts a run for each queue that has none. It only reads the
 * mark: one that it wrote itself would keep its own retry, after a crash, from starting a run.
 *
 * Invariant: for each segment there is, when this has ended, a run whose last look comes after the segment was stored,
 * or an entry in the due index. A run takes its mark away before its last look; so where a mark is read here, that look
 * is still to come.
 *
 * reads: the trigger and the mark of each queue, consistently · writes: the due index, for what is due later
 *
 * @throws what the store refuses: the whole call can be repeated
 */
export const wake = async (engine: Engine, keys: readonly SegmentKey[], { startRun }: WakeOptions): Promise<void> => {
  const byQueue = new Map<string, SegmentKey[]>()
  for (const key of keys) {
    const { queue } = key.partition
    const known = byQueue.get(queue)
    if (known) known.push(key)
    else byQueue.set(queue, [key])
  }
  await Promise.all([...byQueue].map(([queue, published]) => wakeQueue(engine, queue, published, startRun)))
}

const wakeQueue = async (
  engine: Engine,
  queue: string,
  published: readonly SegmentKey[],
  startRun: WakeOptions['startRun'],
): Promise<void> => {
  const stored = await readTrigger(engine, queue)
  if (!stored?.trigger.enabled) return
  const now = engine.clock.now()
  const soon = now + STAY_MS
  const dueTimes = published.map(({ sort, partition }) => (isOrdered(partition.group) ? now : dueAtOf(sort)))
  const later = dueTimes.filter((at) => at > soon)
  if (later.length > 0) await noteDue(engine, queue, Math.min(...later))
  // The ticket without which no poll sees a segment of a fair group may follow it by a while: a later look finds both.
  if (published.some(({ partition }) => partition.group !== undefined && isFairGroup(partition.group))) {
    await noteDue(engine, queue, now + PUBLISH_SPREAD_MS)
  }
  if (later.length === dueTimes.length || (await isMarked(engine, queue))) return
  try {
    await startRun(queue)
  } catch {
    // The next tick does what this could not.
    await noteDue(engine, queue, now)
  }
}

/**
 * Starts a run for each queue with something due, once a minute; and, with `sweep`, for each queue where a run left
 * something that other pollers may have given back since.
 *
 * reads: the due index, one query
 *
 * @returns how many were started
 */
export const tick = async (
  engine: Engine,
  { startRun, sweep = false }: WakeOptions & { readonly sweep?: boolean },
): Promise<number> => {
  const starting: Promise<void>[] = []
  for await (const { queue, due } of dueQueues(engine)) {
    const at = Math.min(due.at ?? Number.POSITIVE_INFINITY, due.guard ?? Number.POSITIVE_INFINITY)
    if (at <= engine.clock.now() || (sweep && due.left)) starting.push(startRun(queue))
  }
  const outcomes = await Promise.allSettled(starting)
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  // The next tick finds the same entries.
  if (failed) throw failed.reason
  return starting.length
}
