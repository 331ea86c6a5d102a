import type { HeldLease } from './lease-keeper.ts'
import { type RunnerParts, runBatch, runOne } from './run-handler.ts'
import { settlement } from './settlement.ts'
import { type Task, tasksOf } from './tasks.ts'

export interface Runner {
  /** Handlers that are running. */
  readonly running: number
  /**
   * Starts on leased messages, in order. Of a FIFO queue those of one group follow each other, the others run at once.
   * `freed` is called as often as a handler ends.
   */
  start(leases: readonly HeldLease[], freed: () => void): void
  /** Gives back what waits behind others of its group. */
  stop(): Promise<void>
  /** Gives messages back that are not to be started, without counting their receive. */
  giveBack(leases: readonly HeldLease[]): Promise<void>
  /** Resolves when nothing is running. */
  idle(): Promise<void>
  /** Aborts the signals of all that is running. */
  cutOff(reason: Error): void
}

/**
 * Runs the handler on messages and settles each by how that ended: acked when it returned, given back by the retry
 * policy when it threw, after its own time for `RetryLater`, dead-lettered for `Reject`. A message whose lease was lost
 * is left alone, but for an ack, which tells whether the message was this worker's after all.
 */
export const runner = <In, Out>(parts: RunnerParts<In, Out>): Runner => {
  const { name, batchSize, report } = parts
  const ordered = name.endsWith('.fifo')
  const running = new Set<Promise<void>>()
  const working = new Set<HeldLease>()
  const waiting = new Set<HeldLease>()
  const settling = settlement(parts)

  /** Marks messages as begun; false where they were given back meanwhile. */
  const begin = (leases: readonly HeldLease[]): boolean => {
    if (!leases.every((lease) => waiting.has(lease))) return false
    for (const lease of leases) {
      waiting.delete(lease)
      working.add(lease)
    }
    return true
  }

  /** What follows in the group of a message that failed waits behind it, in the queue. */
  const giveBackWaiting = (leases: readonly HeldLease[]): Promise<void> => {
    const left = leases.filter((lease) => waiting.delete(lease))
    return settling.giveBack(left)
  }

  const runTask = async (task: Task): Promise<void> => {
    for (const [position, batch] of task.entries()) {
      if (!begin(batch)) return
      const [only] = batch
      const done =
        batchSize === undefined && only
          ? await runOne(parts, settling, only)
          : await runBatch(parts, settling, batch, ordered)
      for (const lease of batch) working.delete(lease)
      if (!done) return giveBackWaiting(task.slice(position + 1).flat())
    }
  }

  return {
    get running() {
      return running.size
    },
    start: (leases, freed) => {
      for (const lease of leases) waiting.add(lease)
      for (const task of tasksOf(leases, ordered, batchSize)) {
        const work = runTask(task).catch((error: unknown) => report(error, { during: 'handle' }))
        running.add(work)
        void work.then(() => {
          running.delete(work)
          freed()
        })
      }
    },
    stop: () => giveBackWaiting([...waiting]),
    giveBack: settling.giveBack,
    idle: async () => {
      while (running.size > 0) await Promise.all(running)
    },
    cutOff: (reason) => {
      for (const lease of working) lease.abort(reason)
    },
  }
}
