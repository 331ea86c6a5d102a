import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Engine } from '../../../lib/engine.ts'
import { isHoldfastError } from '../../../lib/model/errors.ts'
import type { SegmentKey } from '../../../lib/model/segment-key.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { getQueue } from '../../../lib/queues/get-queue.ts'
import type { TriggerEvent } from '../../../lib/triggers/invoker.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { type GivenTrigger, setTrigger } from '../../../lib/triggers/trigger.ts'
import { tick, wake } from '../../../lib/triggers/wake.ts'
import type { Log } from '../../runtime/log.ts'
import { DEFAULT_SCOPE, sharedQueueNames } from '../../sqs/queue-url.ts'
import { eventInvoker, type RunFunction } from '../../triggers/event-invoker.ts'
import { UsageError } from '../usage-error.ts'
import { type HandlerProcess, handlerProcess } from './handler-process.ts'

/** A trigger as the command line or a file declares it. */
export interface LocalTrigger extends Partial<Omit<GivenTrigger, 'queue' | 'functionName'>> {
  readonly queue: string
  /** Path of a module with a handler, or the name of a function behind AWS_ENDPOINT_URL_LAMBDA. */
  readonly handler: string
}

export interface LocalTriggers {
  /** Segments were stored. */
  published(keys: readonly SegmentKey[]): void
  /** Resolves when what is under way is settled, or was given ten seconds. */
  stop(): Promise<void>
}

const DEFAULT_TIMEOUT_SECONDS = 30
const TICK_MS = 1_000
const TICKS_A_SWEEP = 60
const LIFE_MS = 6 * 3_600_000
const STOP_MS = 10_000

const isModule = (handler: string): boolean => /\.[cm]?[jt]s$/.test(handler)

/** @throws `UsageError` */
export const parseTrigger = (text: string): LocalTrigger => {
  const at = text.indexOf('=')
  if (at <= 0 || at === text.length - 1) {
    throw new UsageError(`--trigger ${text}: it must be QUEUE=HANDLER, such as orders=./handler.mjs`)
  }
  return { queue: text.slice(0, at), handler: text.slice(at + 1) }
}

/**
 * Delivers messages of queues to handlers of the user's, by the protocol that runs in Lambda. A queue that is missing is
 * created.
 *
 * @throws `UsageError`
 */
export const startTriggers = async (
  engine: Engine,
  declared: readonly LocalTrigger[],
  { log, print, environment }: { log: Log; print: (line: string) => void; environment: NodeJS.ProcessEnv },
): Promise<LocalTriggers> => {
  const handlers = new Map<string, HandlerProcess>()
  const functions = new Map<string, RunFunction>()
  for (const trigger of declared) {
    if (functions.has(trigger.queue)) throw new UsageError(`--trigger ${trigger.queue}: a queue has one trigger`)
    functions.set(trigger.queue, await functionOf(trigger, { print, environment, handlers }))
    await declare(engine, trigger)
  }

  if (functions.size === 0) return { published: () => {}, stop: async () => {} }
  const stopping = new AbortController()
  const { signal } = stopping
  const runs = new Set<Promise<void>>()
  const running = new Set<string>()
  const again = new Set<string>()
  const observe = (event: TriggerEvent) => {
    const { type, ...fields } = event
    if (type !== 'invoked' && type !== 'unmatched') log.warn(`trigger: ${type}`, fields)
  }
  const startRun = async (queue: string): Promise<void> => {
    const run = functions.get(queue)
    if (!run || signal.aborted) return
    // A second run would find the mark of the first; one that ends may have looked already.
    if (running.has(queue)) {
      again.add(queue)
      return
    }
    running.add(queue)
    again.delete(queue)
    const invoker = eventInvoker(engine, sharedQueueNames(DEFAULT_SCOPE), run)
    const endsAt = engine.clock.now() + LIFE_MS
    const done = dispatch(engine, { queue, invoker, endsAt, startRun, observe, signal })
      .then(
        () => {},
        (error: unknown) => log.error('a run of a trigger failed, and is started again', { queue, error }),
      )
      .finally(() => {
        running.delete(queue)
        runs.delete(done)
        if (again.has(queue)) void startRun(queue)
      })
    runs.add(done)
  }
  const ticking = tickForever(engine, { startRun, observe, signal, log })

  return {
    published: (keys) => {
      if (!keys.some(({ partition: { queue } }) => functions.has(queue))) return
      wake(engine, keys, { startRun, observe }).catch((error: unknown) =>
        log.warn('a trigger was not woken; a tick follows', { error }),
      )
    },
    stop: async () => {
      stopping.abort()
      await Promise.race([Promise.all([ticking, ...runs]), engine.clock.sleep(STOP_MS)])
      for (const handler of handlers.values()) handler.stop()
      await Promise.all(runs)
    },
  }
}

const tickForever = async (
  engine: Engine,
  {
    startRun,
    observe,
    signal,
    log,
  }: {
    startRun: (queue: string) => Promise<void>
    observe: (event: TriggerEvent) => void
    signal: AbortSignal
    log: Log
  },
): Promise<void> => {
  for (let count = 0; !signal.aborted; count++) {
    await tick(engine, { startRun, observe, sweep: count % TICKS_A_SWEEP === 0 }).catch((error: unknown) =>
      log.warn('a tick of the triggers failed, and is repeated', { error }),
    )
    await engine.clock.sleep(TICK_MS, signal)
  }
}

const functionOf = async (
  { queue, handler }: LocalTrigger,
  {
    print,
    environment,
    handlers,
  }: { print: (line: string) => void; environment: NodeJS.ProcessEnv; handlers: Map<string, HandlerProcess> },
): Promise<RunFunction> => {
  if (!isModule(handler)) {
    if (!environment.AWS_ENDPOINT_URL_LAMBDA && !environment.AWS_ENDPOINT_URL) {
      throw new UsageError(
        `--trigger ${queue}=${handler}: it is no module (.mjs, .js, .ts); for a Lambda function, AWS_ENDPOINT_URL_LAMBDA must be set`,
      )
    }
    // An optional package: handlers that are modules need none.
    const { lambdaClient, lambdaFunction } = await import('../../triggers/lambda-function.ts').catch(
      (cause: unknown) => {
        throw new UsageError(`--trigger ${queue}=${handler}: it needs the package @aws-sdk/client-lambda`, { cause })
      },
    )
    return lambdaFunction(lambdaClient())
  }
  const file = resolve(handler)
  if (!existsSync(file)) throw new UsageError(`--trigger ${queue}=${handler}: there is no such file`)
  const started = handlerProcess(file, { print: (line) => print(`[${queue}] ${line}`), environment })
  handlers.set(queue, started)
  return started.run
}

const declare = async (engine: Engine, { queue, handler, ...settings }: LocalTrigger): Promise<void> => {
  const trigger = { functionTimeoutSeconds: DEFAULT_TIMEOUT_SECONDS, ...settings, queue, functionName: handler }
  try {
    const present = await getQueue(engine, queue).catch((error: unknown) => {
      if (!isHoldfastError(error, 'QueueNotFound')) throw error
    })
    if (!present) await createQueue(engine, queue, {})
    await setTrigger(engine, trigger)
  } catch (error) {
    if (!isHoldfastError(error, 'InvalidRequest')) throw error
    throw new UsageError(`--trigger ${queue}=${handler}: ${error.message}`, { cause: error })
  }
}
