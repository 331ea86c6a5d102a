import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Engine } from '../../../lib/engine.ts'
import { isHoldfastError } from '../../../lib/model/errors.ts'
import type { SegmentKey } from '../../../lib/model/segment-key.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { getQueue } from '../../../lib/queues/get-queue.ts'
import { type GivenTrigger, setTrigger } from '../../../lib/triggers/trigger.ts'
import type { Log } from '../../runtime/log.ts'
import type { RunFunction } from '../../triggers/event-invoker.ts'
import { UsageError } from '../usage-error.ts'
import { type HandlerProcess, handlerProcess } from './handler-process.ts'
import { LocalRuns } from './local-runs.ts'

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

const isModule = (handler: string): boolean => /\.[cm]?[jt]s$/.test(handler)

/** @throws `UsageError` */
export const parseTrigger = (text: string): LocalTrigger => {
  const at = text.indexOf('=')
  if (at <= 0 || at === text.length - 1) {
    throw new UsageError(`--trigger ${text}: it must be QUEUE=HANDLER, such as orders=./handler.mjs`)
  }
  return { queue: text.slice(0, at), handler: text.slice(at + 1) }
}

interface TriggerOptions {
  readonly log: Log
  /** Takes what handlers print, line by line. */
  readonly print: (line: string) => void
  readonly environment: NodeJS.ProcessEnv
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
  { log, print, environment }: TriggerOptions,
): Promise<LocalTriggers> => {
  const handlers = new Map<string, HandlerProcess>()
  const functions = new Map<string, RunFunction>()
  for (const trigger of declared) {
    if (functions.has(trigger.queue)) throw new UsageError(`--trigger ${trigger.queue}: a queue has one trigger`)
    functions.set(trigger.queue, await functionOf(trigger, { print, environment, handlers }))
    await declare(engine, trigger)
  }
  if (functions.size === 0) return { published: () => {}, stop: async () => {} }
  const runs = new LocalRuns(engine, functions, log)
  return {
    published: (keys) => runs.published(keys),
    stop: async () => {
      await runs.stop()
      for (const handler of handlers.values()) handler.stop()
      await runs.ended()
    },
  }
}

const functionOf = async (
  { queue, handler }: LocalTrigger,
  { print, environment, handlers }: Omit<TriggerOptions, 'log'> & { readonly handlers: Map<string, HandlerProcess> },
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
