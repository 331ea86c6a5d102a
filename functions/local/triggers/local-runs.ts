import type { Engine } from '../../../lib/engine.ts'
import type { SegmentKey } from '../../../lib/model/segment-key.ts'
import type { TriggerEvent } from '../../../lib/triggers/invoker.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { tick, wake } from '../../../lib/triggers/wake.ts'
import type { Log } from '../../runtime/log.ts'
import { DEFAULT_SCOPE, sharedQueueNames } from '../../sqs/queue-url.ts'
import { eventInvoker, type RunFunction } from '../../triggers/event-invoker.ts'

const TICK_MS = 1_000
const TICKS_A_SWEEP = 60
const LIFE_MS = 6 * 3_600_000
const STOP_MS = 10_000

/** The runs of this process, at most one of each queue at a time, and the ticks that start the runs that are due. */
export class LocalRuns {
  readonly #engine: Engine
  readonly #log: Log
  /** The function of each queue with a trigger. */
  readonly #functions: ReadonlyMap<string, RunFunction>
  readonly #stopping = new AbortController()
  /** Resolves when a queue's run has ended, by queue. */
  readonly #running = new Map<string, Promise<void>>()
  /** Queues whose next run was requested during a run: that run may have polled already, and end. */
  readonly #again = new Set<string>()
  readonly #ticking: Promise<void>

  constructor(engine: Engine, functions: ReadonlyMap<string, RunFunction>, log: Log) {
    this.#engine = engine
    this.#functions = functions
    this.#log = log
    this.#ticking = this.#tickUntilStopped()
  }

  /** Starts the runs of the queues to which segments were published. */
  published(keys: readonly SegmentKey[]): void {
    if (!keys.some(({ partition: { queue } }) => this.#functions.has(queue))) return
    wake(this.#engine, keys, { startRun: this.#startRun, observe: this.#observe }).catch((error: unknown) =>
      this.#log.warn('a publish did not start its trigger; the next tick does', { error }),
    )
  }

  /** Starts no more runs. Resolves when the present ones have ended, or after ten seconds. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.race([Promise.all([this.#ticking, ...this.#running.values()]), this.#engine.clock.sleep(STOP_MS)])
  }

  /** Resolves when the present runs have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  readonly #startRun = async (queue: string): Promise<void> => {
    const run = this.#functions.get(queue)
    if (!run || this.#stopping.signal.aborted) return
    // A second run would end at once: the first one holds the queue's mark.
    if (this.#running.has(queue)) {
      this.#again.add(queue)
      return
    }
    this.#again.delete(queue)
    this.#running.set(queue, this.#run(queue, run))
  }

  async #run(queue: string, run: RunFunction): Promise<void> {
    const invoker = eventInvoker(this.#engine, sharedQueueNames(DEFAULT_SCOPE), run)
    const endsAt = this.#engine.clock.now() + LIFE_MS
    const [startRun, observe, signal] = [this.#startRun, this.#observe, this.#stopping.signal]
    try {
      await dispatch(this.#engine, { queue, invoker, endsAt, startRun, observe, signal })
    } catch (error) {
      this.#log.error('a run of a trigger failed, and is started again', { queue, error })
    }
    this.#running.delete(queue)
    if (this.#again.has(queue)) await this.#startRun(queue)
  }

  readonly #observe = ({ type, ...fields }: TriggerEvent): void => {
    if (type !== 'invoked' && type !== 'unmatched') this.#log.warn(`trigger: ${type}`, fields)
  }

  async #tickUntilStopped(): Promise<void> {
    const { signal } = this.#stopping
    for (let count = 0; !signal.aborted; count++) {
      const sweep = count % TICKS_A_SWEEP === 0
      await tick(this.#engine, { startRun: this.#startRun, observe: this.#observe, sweep }).catch((error: unknown) =>
        this.#log.warn('a tick of the triggers failed, and is repeated', { error }),
      )
      await this.#engine.clock.sleep(TICK_MS, signal)
    }
  }
}
