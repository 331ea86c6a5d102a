import { doorbell } from './doorbell.ts'
import type { HeldLease } from './lease.ts'
import type { RunnerParts } from './run-handler.ts'
import { runTask } from './run-task.ts'
import { settlement } from './settlement.ts'
import { stages } from './stages.ts'
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
  const ordered = parts.name.endsWith('.fifo')
  const messages = stages()
  const settling = settlement(parts)
  const ended = doorbell()
  let running = 0
  /** Tasks whose messages are not all settled, running ones included. */
  let unsettled = 0

  const startTask = async (task: Task, freed: () => void): Promise<void> => {
    let counted = true
    const handled = () => {
      if (counted) running--
      counted = false
      freed()
    }
    running++
    unsettled++
    try {
      // Until its ack a group of a FIFO queue stays locked: a poll before that would look for other groups in vain.
      await runTask({ parts, settling, stages: messages, ordered }, task, ordered ? () => {} : handled)
    } catch (error) {
      parts.report(error, { during: 'handle' })
    }
    unsettled--
    handled()
    ended.ring()
  }

  return {
    get running() {
      return running
    },
    get settling() {
      return unsettled - running
    },
    start: (leases, freed) => {
      messages.wait(leases)
      for (const task of tasksOf(leases, ordered, parts.batchSize)) void startTask(task, freed)
    },
    stop: () => settling.giveBack(messages.takeWaiting(messages.waiting)),
    giveBack: settling.giveBack,
    idle: async () => {
      while (unsettled > 0) await ended.rung()
    },
    cutOff: (reason) => {
      for (const lease of messages.working) lease.abort(reason)
    },
  }
}
