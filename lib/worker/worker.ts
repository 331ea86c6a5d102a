import type { Clock } from '../clock.ts'
import type { Reading, Rejecting } from '../codecs/read-message.ts'
import { invalid, unknownField } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { Message } from '../model/message.ts'
import { checkNumber, checkWholeNumber } from '../model/number-checks.ts'
import type { QueueTelemetry } from '../telemetry/telemetry.ts'
import type { Transport } from '../transport/port.ts'
import { type BatchHandler, type ErrorContext, type Handler, reporter } from './handler.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { Poller } from './poller.ts'
import { Runner } from './runner.ts'
import { settler } from './settler.ts'
import { onTermination } from './termination.ts'

export interface ConsumeOptions {
  /** Handlers that run at the same time. @default 1 */
  readonly concurrency?: number
  /** How long messages are leased, seconds, 1 … 604800; extended at half of it while they are held. @default the queue's */
  readonly visibilityTimeoutSeconds?: number
  /** Polls under way at the same time. @default 1 */
  readonly pollers?: number
  /** Stops the worker when it aborts. */
  readonly signal?: AbortSignal
  /** Is called with every failure. The worker continues. @default a warning of the process */
  readonly onError?: (error: unknown, context: ErrorContext) => void
  /** How long handlers may continue after a stop before their signals abort, seconds. @default 25 */
  readonly drainSeconds?: number
  /** Whether the worker stops on SIGTERM. @default true */
  readonly stopOnSigterm?: boolean
}

export interface BatchOptions extends ConsumeOptions {
  /** Maximum number of messages that the handler gets at once, 1 … 25. */
  readonly batchSize: number
}

export interface StopOptions {
  /** @default that of the worker */
  readonly drainSeconds?: number
}

export interface Worker {
  /**
   * Stops polling, gives back messages that were not started without counting their receive, lets handlers finish within the drain
   * time, then aborts their signals. Resolves when every message is settled, or five seconds after that abort. The leases of handlers
   * that still run then are no longer extended, so that their messages are received again.
   */
  stop(options?: StopOptions): Promise<void>
  /** Resolves when the worker has stopped, for any reason. */
  readonly stopped: Promise<void>
  /** Handlers that are running. */
  readonly running: number
  [Symbol.asyncDispose](): Promise<void>
}

export interface WorkerParts<In, Out> extends Reading<In, Out>, Rejecting {
  readonly transport: Transport
  readonly telemetry: QueueTelemetry
  /** Monotonic. */
  readonly clock: Clock
  readonly fraction?: () => number
  /** @default setImmediate; a simulation, which has no turns, has another */
  readonly afterTurn?: (work: () => void) => void
}

const DRAIN_SECONDS = 25
/** How long a handler may take to end after its signal was aborted at a stop. */
const ABORT_GRACE_MS = 5_000

/** Polls a queue and runs a handler on its messages, until it is stopped. */
export const consume = <In, Out>(
  parts: WorkerParts<In, Out>,
  handler: Handler<Out> | BatchHandler<Out>,
  options: ConsumeOptions & { readonly batchSize?: number } = {},
): Worker => {
  checkOptions(handler, options)
  const { transport, telemetry, name: queue, clock, fraction = Math.random, afterTurn = setImmediate } = parts
  const { batchSize, concurrency = 1 } = options
  const report = reporter(queue, options.onError)
  const onError = (error: unknown, message: Message) => report(error, { during: 'extend', message })
  const keeper = new LeaseKeeper({ transport, queue, clock, onError })
  const settle = settler({ transport, queue, clock, keeper, fraction, afterTurn })
  const runs = new Runner({ ...parts, handler, batchSize, settle, report })
  const polls = new Poller({
    transport,
    telemetry,
    queue,
    clock,
    fraction,
    keeper,
    runs,
    report,
    concurrency,
    ...options,
  })
  const worker = new QueueWorker({ clock, keeper, runs, polls, drainSeconds: options.drainSeconds ?? DRAIN_SECONDS })
  stopFromOutside(worker.stop, options, worker.stopping)
  return worker
}

interface Workings {
  readonly clock: Clock
  readonly keeper: Pick<LeaseKeeper, 'close'>
  readonly runs: Pick<Runner<unknown, unknown>, 'running' | 'stop' | 'idle' | 'cutOff'>
  readonly polls: Pick<Poller, 'stop'>
  readonly drainSeconds: number
}

class QueueWorker implements Worker {
  readonly #workings: Workings
  readonly #stops = new AbortController()
  readonly #stopped = withResolvers()

  constructor(workings: Workings) {
    this.#workings = workings
  }

  /** Aborts when the worker begins to stop. */
  get stopping(): AbortSignal {
    return this.#stops.signal
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise
  }

  get running(): number {
    return this.#workings.runs.running
  }

  // A property, so that users can pass `stop` on without the worker.
  readonly stop = ({ drainSeconds = this.#workings.drainSeconds }: StopOptions = {}): Promise<void> => {
    checkNumber('drainSeconds', drainSeconds, 0, LIMITS.visibilityTimeoutSeconds)
    if (!this.stopping.aborted) {
      this.#stops.abort()
      // A message that is not settled by then comes back when its lease ends.
      this.#stopped.resolve(this.#finish(drainSeconds).finally(() => this.#workings.keeper.close()))
    }
    return this.stopped
  };

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #finish(drainSeconds: number): Promise<void> {
    const { clock, polls, runs } = this.#workings
    const polled = polls.stop()
    await runs.stop()
    const idle = polled.then(() => runs.idle())
    if (await endsWithin(clock, drainSeconds * 1_000, idle)) return
    runs.cutOff(new Error('the worker is stopping, and its drain time is over'))
    await endsWithin(clock, ABORT_GRACE_MS, idle)
  }
}

const withResolvers = () => {
  let resolve: (value: Promise<void>) => void = () => {}
  const promise = new Promise<void>((given) => {
    resolve = given
  })
  return { promise, resolve }
}

/** Lets the caller's signal and SIGTERM stop a worker that has not stopped yet. */
const stopFromOutside = (
  stop: () => Promise<void>,
  { signal, stopOnSigterm = true }: ConsumeOptions,
  stopped: AbortSignal,
): void => {
  const onAbort = () => void stop()
  const unregister = stopOnSigterm ? onTermination(stop) : () => {}
  stopped.addEventListener('abort', () => {
    unregister()
    signal?.removeEventListener('abort', onAbort)
  })
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
}

/** Waits for work, at most `ms`. Returns whether the work ended. */
const endsWithin = async (clock: Clock, ms: number, work: Promise<void>): Promise<boolean> => {
  const over = new AbortController()
  const ended = work.then(() => true)
  const late = clock.sleep(ms, over.signal).then(() => false)
  const result = await Promise.race([ended, late])
  over.abort()
  return result
}

/** The names of the options: a mistyped one, such as `concurency: 10`, would have no effect. */
const OPTIONS = {
  concurrency: true,
  visibilityTimeoutSeconds: true,
  pollers: true,
  signal: true,
  onError: true,
  drainSeconds: true,
  stopOnSigterm: true,
  batchSize: true,
} satisfies Record<keyof BatchOptions, true>

const checkOptions = (handler: unknown, options: ConsumeOptions & { readonly batchSize?: number }): void => {
  if (typeof handler !== 'function') throw invalid('handler', typeof handler, 'must be a function')
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !Object.hasOwn(OPTIONS, name)) throw unknownField(name, value, Object.keys(OPTIONS))
  }
  const { concurrency, visibilityTimeoutSeconds, pollers, batchSize, drainSeconds, onError, signal } = options
  if (onError !== undefined && typeof onError !== 'function') throw invalid('onError', onError, 'must be a function')
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalid('signal', typeof signal, 'must be an AbortSignal')
  }
  if (concurrency !== undefined) checkWholeNumber('concurrency', concurrency, 1, 10_000)
  if (pollers !== undefined) checkWholeNumber('pollers', pollers, 1, 100)
  if (batchSize !== undefined) checkWholeNumber('batchSize', batchSize, 1, LIMITS.batchSize)
  if (visibilityTimeoutSeconds !== undefined) {
    checkWholeNumber('visibilityTimeoutSeconds', visibilityTimeoutSeconds, 1, LIMITS.visibilityTimeoutSeconds)
  }
  if (drainSeconds !== undefined) checkNumber('drainSeconds', drainSeconds, 0, LIMITS.visibilityTimeoutSeconds)
}
