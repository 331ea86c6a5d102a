import { type HeldLease, lostLease } from './lease-keeper.ts'
import { type RunnerParts, runBatch, runOne } from './run-handler.ts'
import { settlement } from './settlement.ts'
import { type Task, tasksOf } from './tasks.ts'

export interface Runner {
  /** Handlers that are running. */
  readonly running: number
  /** Runs whose handler has ended, and whose messages are being settled. */
  readonly settling: number
  /**
   * Starts on leased messages, in order. Of a FIFO queue those of one group follow each other, the others run at once.
   * `freed` is called when a handler has ended, and again when its messages are settled.
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
  /** Handlers, and what settles their messages. */
  const runs = new Set<Promise<void>>()
  let running = 0
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

  /** Lets go of messages whose leases are over before their turn came: another consumer may have them. */
  const dropLost = (leases: readonly HeldLease[]): void => {
    for (const lease of leases.filter((one) => one.over && waiting.delete(one))) {
      lease.release()
      report(lostLease(name, lease.signal.reason), { during: 'extend', message: lease.message })
    }
  }

  /** What of a batch may be begun: in a group, nothing behind a message that was lost. */
  const beforeLost = (whole: readonly HeldLease[], lost: number): readonly HeldLease[] =>
    ordered ? whole.slice(0, lost) : whole.filter((lease) => !lease.over)

  const run = async (batch: readonly HeldLease[], handled: () => void): Promise<boolean> => {
    const [only] = batch
    if (!only) return true
    const done =
      batchSize === undefined
        ? await runOne(parts, settling, only, handled)
        : await runBatch(parts, settling, batch, { ordered, handled })
    for (const lease of batch) working.delete(lease)
    return done
  }

  const runTask = async (task: Task, handled: () => void): Promise<void> => {
    for (const [position, whole] of task.entries()) {
      const lost = whole.findIndex((lease) => lease.over)
      const batch = lost < 0 ? whole : beforeLost(whole, lost)
      if (lost >= 0) dropLost(whole)
      if (!begin(batch)) return
      const done = await run(batch, handled)
      if (!done || (ordered && lost >= 0)) return giveBackWaiting(task.slice(position).flat())
    }
  }

  const startTask = (task: Task, freed: () => void): void => {
    let counted = true
    running++
    const handled = () => {
      if (counted) running--
      counted = false
      freed()
    }
    // Until its ack a group of a FIFO queue stays locked: a poll before that would look for other groups in vain.
    const work = runTask(task, ordered ? () => {} : handled).catch((error: unknown) =>
      report(error, { during: 'handle' }),
    )
    runs.add(work)
    void work.then(() => {
      runs.delete(work)
      handled()
    })
  }

  return {
    get running() {
      return running
    },
    get settling() {
      return runs.size - running
    },
    start: (leases, freed) => {
      for (const lease of leases) waiting.add(lease)
      for (const task of tasksOf(leases, ordered, batchSize)) startTask(task, freed)
    },
    stop: () => giveBackWaiting([...waiting]),
    giveBack: settling.giveBack,
    idle: async () => {
      while (runs.size > 0) await Promise.all(runs)
    },
    cutOff: (reason) => {
      for (const lease of working) lease.abort(reason)
    },
  }
}
