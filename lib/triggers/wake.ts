import type { Engine } from '../engine.ts'
import { isFairGroup, isOrdered } from '../model/group.ts'
import { dueAtOf, type SegmentKey } from '../model/segment-key.ts'
import { isPaused } from '../queues/read-queue.ts'
import { type Due, type DueQueue, dueQueues, noteDue, notePaused, noteRescan, startsAt } from './due-index.ts'
import type { TriggerEvent } from './invoker.ts'
import { isMarked } from './mark.ts'
import { STAY_MS } from './times.ts'
import { readTrigger } from './trigger.ts'

export interface WakeOptions {
  /** Starts a run of a queue's dispatcher, which waits for nothing. */
  readonly startRun: (queue: string) => Promise<void>
  /** @default nobody */
  readonly observe?: (event: TriggerEvent) => void
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
export const wake = async (engine: Engine, keys: readonly SegmentKey[], options: WakeOptions): Promise<void> => {
  const byQueue = new Map<string, SegmentKey[]>()
  for (const key of keys) {
    const { queue } = key.partition
    const known = byQueue.get(queue)
    if (known) known.push(key)
    else byQueue.set(queue, [key])
  }
  await Promise.all([...byQueue].map(([queue, published]) => wakeQueue(engine, queue, published, options)))
}

const wakeQueue = async (
  engine: Engine,
  queue: string,
  published: readonly SegmentKey[],
  { startRun, observe = () => {} }: WakeOptions,
): Promise<void> => {
  // Both at once: either is read after the segments were stored.
  const [trigger, marked] = await Promise.all([readTrigger(engine, queue), isMarked(engine, queue)])
  if (!trigger?.enabled) return
  const now = engine.clock.now()
  const soon = now + STAY_MS
  const dueTimes = published.map(({ sort, partition }) => (isOrdered(partition.group) ? now : dueAtOf(sort)))
  const late = dueTimes.filter((at) => at > soon)
  if (late.length > 0) await noteDue(engine, queue, Math.min(...late))
  // The ticket without which no poll sees a segment of a fair group may follow it by a while: a later look finds both.
  const grouped = published.some(({ partition }) => partition.group !== undefined && isFairGroup(partition.group))
  if (grouped) await noteRescan(engine, queue)
  if (late.length === dueTimes.length || marked) return
  if (await isPaused(engine.store, queue)) return notePaused(engine, queue)
  // First: a start that is accepted and then lost is made up for by the next tick.
  await noteDue(engine, queue, now)
  await startRun(queue).catch((error: unknown) => observe({ type: 'start-failed', queue, error }))
}

export interface TickOptions extends WakeOptions {
  /** Also where a run left something that others may have given back since. @default false */
  readonly sweep?: boolean
  /** For every queue with a trigger, since wakes were lost and nobody knows whose. @default false */
  readonly all?: boolean
}

/**
 * Starts a run for each queue with something due, once a minute.
 *
 * reads: the due index, one query; the record of each queue that is paused, 1 read unit
 *
 * @returns how many were started
 * @throws what the store refuses for one queue, after the runs of all others were started
 */
export const tick = async (
  engine: Engine,
  { startRun, observe = () => {}, sweep = false, all = false }: TickOptions,
): Promise<number> => {
  const isDue = (due: Due): boolean => all || startsAt(due) <= engine.clock.now() || (sweep && due.left)
  const start = async ({ queue, due }: DueQueue): Promise<number> => {
    if (due.paused && (await isPaused(engine.store, queue))) return 0
    // An entry that asked for nothing would not ask again, should this start be lost.
    if (all) await noteDue(engine, queue, engine.clock.now())
    // The next tick finds the same entry.
    await startRun(queue).catch((error: unknown) => observe({ type: 'start-failed', queue, error }))
    return 1
  }
  const starting: DueQueue[] = []
  for await (const entry of dueQueues(engine)) if (entry.due.paused || isDue(entry.due)) starting.push(entry)
  // All of them end first: a function that fails is frozen, with the starts that are under way.
  const outcomes = await Promise.allSettled(starting.map(start))
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed) throw failed.reason
  return outcomes.reduce((sum, outcome) => sum + (outcome.status === 'fulfilled' ? outcome.value : 0), 0)
}
