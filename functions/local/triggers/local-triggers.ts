import type { Engine } from '../../../lib/engine.ts'
import { ifQueueExists, isHoldfastError } from '../../../lib/model/errors.ts'
import type { SegmentKey } from '../../../lib/model/segment-key.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { getQueue } from '../../../lib/queues/get-queue.ts'
import { setTrigger } from '../../../lib/triggers/trigger.ts'
import type { Log } from '../../runtime/log.ts'
import type { RunFunction } from '../../triggers/event-invoker.ts'
import { standInCredentials } from '../stand-in-credentials.ts'
import { UsageError } from '../usage-error.ts'
import { type HandlerProcess, handlerProcess } from './handler-process.ts'
import { LocalRuns } from './local-runs.ts'
import { DEFAULT_TIMEOUT_SECONDS, type LocalTrigger, moduleOf } from './local-trigger.ts'

export interface LocalTriggers {
  /** Starts the runs of the queues to which segments were published. */
  published(keys: readonly SegmentKey[]): void
  /** Starts no more invocations. Resolves when those under way are settled, or after ten seconds. */
  stop(): Promise<void>
}

interface TriggerOptions {
  readonly log: Log
  /** Takes what handlers print, line by line. */
  readonly print: (line: string) => void
  readonly environment: NodeJS.ProcessEnv
}

/**
 * Delivers messages of queues to the user's handlers, by the protocol that runs in Lambda.
 *
 * @param declared triggers that `checkTriggers` has accepted
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
  trigger: LocalTrigger,
  { print, environment, handlers }: Omit<TriggerOptions, 'log'> & { readonly handlers: Map<string, HandlerProcess> },
): Promise<RunFunction> => {
  const { queue, declaredIn } = trigger
  const file = moduleOf(trigger)
  if (file !== undefined) {
    const started = handlerProcess(file, { print: (line) => print(`[${queue}] ${line}`), environment })
    handlers.set(queue, started)
    return started.run
  }
  // An optional package, which handlers in modules do not need.
  const { lambdaClient, lambdaFunction } = await import('../../triggers/lambda-function.ts').catch((cause: unknown) => {
    const cure = 'npm install @aws-sdk/client-lambda'
    throw new UsageError(`${declaredIn}: a Lambda function needs the package @aws-sdk/client-lambda: ${cure}`, {
      cause,
    })
  })
  return lambdaFunction(lambdaClient(standInCredentials(environment)), { errorsWithoutHeader: true })
}

const declare = async (engine: Engine, trigger: LocalTrigger): Promise<void> => {
  const { queue, handler, declaredIn, directory: _, createsQueue, ...settings } = trigger
  const given = { functionTimeoutSeconds: DEFAULT_TIMEOUT_SECONDS, ...settings, queue, functionName: handler }
  try {
    if (createsQueue && !(await ifQueueExists(getQueue(engine, queue)))) await createQueue(engine, queue, {})
    await setTrigger(engine, given)
  } catch (error) {
    if (!isHoldfastError(error, 'InvalidRequest')) throw error
    throw new UsageError(`${declaredIn}: ${error.message}`, { cause: error })
  }
}
