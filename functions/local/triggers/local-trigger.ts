import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { GivenTrigger } from '../../../lib/triggers/trigger.ts'
import { UsageError } from '../usage-error.ts'
import { isTypeScript, typeScriptFlags } from './typescript.ts'

/** A trigger as the command line or a file declares it. */
export interface LocalTrigger extends Partial<Omit<GivenTrigger, 'queue' | 'functionName'>> {
  readonly queue: string
  /** Path of a module with a handler, or the name of a function behind AWS_ENDPOINT_URL_LAMBDA. */
  readonly handler: string
  /** The place that declares it, in words, for errors. */
  readonly declaredIn: string
  /** The directory to which the path of a module is relative. @default the working directory */
  readonly directory?: string
  /** Whether a missing queue is created. Not for a trigger in a file: the file declares its queues, so another name is a mistake. */
  readonly createsQueue: boolean
}

/** The timeout of a handler whose declaration has none. */
export const DEFAULT_TIMEOUT_SECONDS = 30

/** @param text `QUEUE=HANDLER` @throws `UsageError` */
export const parseTrigger = (text: string): LocalTrigger => {
  const at = text.indexOf('=')
  if (at <= 0 || at === text.length - 1) {
    throw new UsageError(`--trigger ${text}: it must be QUEUE=HANDLER, such as orders=./handler.mjs`)
  }
  const declaredIn = `--trigger ${text}`
  return { queue: text.slice(0, at), handler: text.slice(at + 1), declaredIn, createsQueue: true }
}

const isModule = (handler: string): boolean => /\.[cm]?[jt]s$/.test(handler)

/** The file of a trigger's module; absent for a function at an endpoint. */
export const moduleOf = ({ handler, directory = '.' }: LocalTrigger): string | undefined =>
  isModule(handler) ? resolve(directory, handler) : undefined

/**
 * Refuses what is wrong without a look at the store: a queue with two triggers, a module that does not exist, a function
 * without an endpoint. The server checks this before it stores anything.
 *
 * @throws `UsageError`
 */
export const checkTriggers = (triggers: readonly LocalTrigger[], environment: NodeJS.ProcessEnv): void => {
  const seen = new Map<string, LocalTrigger>()
  for (const trigger of triggers) {
    const { queue, handler, declaredIn } = trigger
    const other = seen.get(queue)
    if (other) {
      const rule = `queue ${queue} has a trigger already, by ${other.declaredIn}: remove one of the two`
      throw new UsageError(`${declaredIn}: ${rule}`)
    }
    seen.set(queue, trigger)
    const file = moduleOf(trigger)
    if (file !== undefined && !existsSync(file)) throw new UsageError(`${declaredIn}: there is no file ${file}`)
    if (file !== undefined && isTypeScript(file) && !typeScriptFlags(file)) {
      const rule = 'needs the package tsx (npm install --save-dev tsx), or Node 22.18 or later'
      throw new UsageError(`${declaredIn}: a module in TypeScript ${rule}`)
    }
    if (file === undefined && !environment.AWS_ENDPOINT_URL_LAMBDA && !environment.AWS_ENDPOINT_URL) {
      const rule = 'is no module (.mjs, .js, .ts); for a Lambda function, AWS_ENDPOINT_URL_LAMBDA must be set'
      throw new UsageError(`${declaredIn}: ${handler} ${rule}`)
    }
  }
}
