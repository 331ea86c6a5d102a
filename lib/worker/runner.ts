import { type HeldLease, lostLease } from './lease-keeper.ts'
import { type RunnerParts, runBatch, runOne } from './run-handler.ts'
import { settlement } from './settlement.ts'
import { type Task, tasksOf } from './tasks.ts'

export interface Runner {
  /** The number of handlers that are running. */
  readonly running: number
  /** Runs whose handler has ended, and whose messages are being settled. */
  readonly settling: number
  /**
   * Starts handlers on leased messages, in order. On a FIFO queue the messages of one group follow each other, all others run
   * concurrently. `freed` is called when a handler has ended, and again when its messages are settled.
   */
  start(leases: readonly HeldLease[], freed: () => void): void
  /** Gives back messages that wait behind others of their group. */
  stop(): Promise<void>
  /** Gives back messages that will not be started. Their receive does not count. */
  giveBack(leases: readonly HeldLease[]): Promise<void>
  /** Resolves when nothing is running. */
  idle(): Promise<void>
  /** Aborts the signals of all running handlers. */
  cutOff(reason: Error): void
}

/**
 * Runs the handler on messages and settles each: acked when the handler returns, nacked by the retry policy when it throws, after the
 * time in `RetryLater`, dead-lettered for `Reject`. A message whose lease was lost is not settled, except by an ack, which succeeds
 * where no other consumer has received the message.
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

  /** Marks messages as begun. Returns false where they were given back before. */
  const begin = (leases: readonly HeldLease[]): boolean => {
    if (!leases.every((lease) => waiting.has(lease))) return false
    for (const lease of leases) {
      waiting.delete(lease)
      working.add(lease)
    }
    return true
  }

  /** Gives back the messages that follow a failed one in its group. */
  const giveBackWaiting = (leases: readonly HeldLease[]): Promise<void> => {
    const left = leases.filter((lease) => waiting.delete(lease))
    return settling.giveBack(left)
  }

  /** Drops messages whose leases ended before they were begun: another consumer may have them. */
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
