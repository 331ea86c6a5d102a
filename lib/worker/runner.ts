import type { HeldLease } from './lease.ts'
import { notifier } from './notifier.ts'
import type { RunnerParts } from './run-handler.ts'
import { runTask } from './run-task.ts'
import { type Settlement, settlement } from './settlement.ts'
import { type Task, tasksOf } from './tasks.ts'
import { unsettledLeases } from './unsettled-leases.ts'

/** What a poller needs of a runner. */
export interface Runs {
  /** The number of handlers that are running. */
  readonly running: number
  /** Runs whose handler has ended, and whose messages are being settled. */
  readonly settling: number
  /**
   * Starts handlers on leased messages, in order. On a FIFO queue the messages of one group follow each other, all others run
   * concurrently. `freed` is called when a handler has ended, and again when its messages are settled.
   */
  start(leases: readonly HeldLease[], freed: () => void): void
  /** Gives back messages that will not be started. Their receive does not count. */
  giveBack(leases: readonly HeldLease[]): Promise<void>
}

/**
 * Runs the handler on messages and settles each: acked when the handler returns, nacked by the retry policy when it throws, after the
 * time in `RetryLater`, dead-lettered for `Reject`. A message whose lease was lost is not settled, except by an ack, which succeeds
 * where no other consumer has received the message.
 */
export class Runner<In, Out> implements Runs {
  readonly #parts: RunnerParts<In, Out>
  readonly #ordered: boolean
  readonly #leases = unsettledLeases()
  readonly #settlement: Settlement
  readonly #ended = notifier()
  #running = 0
  /** Tasks whose messages are not all settled, running ones included. */
  #unsettled = 0

  constructor(parts: RunnerParts<In, Out>) {
    this.#parts = parts
    this.#ordered = parts.name.endsWith('.fifo')
    this.#settlement = settlement(parts)
  }

  get running(): number {
    return this.#running
  }

  get settling(): number {
    return this.#unsettled - this.#running
  }

  start(leases: readonly HeldLease[], freed: () => void): void {
    this.#leases.wait(leases)
    for (const task of tasksOf(leases, this.#ordered, this.#parts.batchSize)) void this.#run(task, freed)
  }

  giveBack(leases: readonly HeldLease[]): Promise<void> {
    return this.#settlement.giveBack(leases)
  }

  /** Gives back messages that wait behind others of their group. */
  stop(): Promise<void> {
    return this.giveBack(this.#leases.removeWaiting(this.#leases.waiting))
  }

  /** Resolves when nothing is running. */
  async idle(): Promise<void> {
    while (this.#unsettled > 0) await this.#ended.notified()
  }

  /** Aborts the signals of all running handlers. */
  cutOff(reason: Error): void {
    for (const lease of this.#leases.working) lease.abort(reason)
  }

  async #run(task: Task, freed: () => void): Promise<void> {
    let counted = true
    const handled = () => {
      if (counted) this.#running--
      counted = false
      freed()
    }
    this.#running++
    this.#unsettled++
    const context = { parts: this.#parts, settling: this.#settlement, leases: this.#leases, ordered: this.#ordered }
    try {
      // A group of a FIFO queue stays locked until the ack. A poll before the ack would read other groups and often return nothing.
      await runTask(context, task, this.#ordered ? () => {} : handled)
    } catch (error) {
      this.#parts.report(error, { during: 'handle' })
    }
    this.#unsettled--
    handled()
    this.#ended.notify()
  }
}
