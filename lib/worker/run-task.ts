import { type HeldLease, lostLease } from './lease.ts'
import { type RunnerParts, runBatch, runOne } from './run-handler.ts'
import type { Settlement } from './settlement.ts'
import type { Task } from './tasks.ts'
import type { UnsettledLeases } from './unsettled-leases.ts'

export interface TaskParts<In, Out> {
  readonly parts: RunnerParts<In, Out>
  readonly settling: Settlement
  readonly leases: UnsettledLeases
  /** Whether the batches of a task are of one group of a FIFO queue. */
  readonly ordered: boolean
}

/**
 * Runs the handler on the batches of a task, one after the other. If one fails, the later ones are given back. `handled` is called when
 * the handler has ended for a batch.
 */
export const runTask = async <In, Out>(context: TaskParts<In, Out>, task: Task, handled: () => void): Promise<void> => {
  const { leases, settling, ordered } = context
  for (const [position, whole] of task.entries()) {
    const lost = whole.findIndex((lease) => lease.over)
    const batch = lost < 0 ? whole : beforeLost(whole, lost, ordered)
    if (lost >= 0) dropLost(context, whole)
    if (!leases.begin(batch)) return
    const done = await run(context, batch, handled)
    leases.end(batch)
    if (!done || (ordered && lost >= 0)) {
      return settling.giveBack(leases.removeWaiting(task.slice(position).flat()))
    }
  }
}

/** The messages of a batch that may be begun: in an ordered group, those before the first message whose lease was lost. */
const beforeLost = (whole: readonly HeldLease[], lost: number, ordered: boolean): readonly HeldLease[] =>
  ordered ? whole.slice(0, lost) : whole.filter((lease) => !lease.over)

/** Drops messages whose leases ended before they were begun: another consumer may have them. */
const dropLost = <In, Out>({ parts, leases }: TaskParts<In, Out>, batch: readonly HeldLease[]): void => {
  for (const lease of leases.removeWaiting(batch.filter(({ over }) => over))) {
    lease.release()
    parts.report(lostLease(parts.name, lease.signal.reason), { during: 'extend', message: lease.message })
  }
}

/** Runs the handler on a batch. Returns whether every message of it is done. */
const run = <In, Out>(
  { parts, settling, ordered }: TaskParts<In, Out>,
  batch: readonly HeldLease[],
  handled: () => void,
): Promise<boolean> | boolean => {
  const [only] = batch
  if (!only) return true
  return parts.batchSize === undefined
    ? runOne(parts, settling, only, handled)
    : runBatch(parts, settling, batch, { ordered, handled })
}
