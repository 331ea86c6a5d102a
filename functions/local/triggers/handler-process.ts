import { randomUUID } from 'node:crypto'
import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Trigger } from '../../../lib/triggers/trigger.ts'
import type { FunctionOutcome, RunFunction } from '../../triggers/event-invoker.ts'
import { functionError } from '../../triggers/function-answer.ts'
import { type ChildOptions, HandlerChild } from './handler-child.ts'

/** A user's module in a process of its own, whose `handler` is called as Lambda would call it. */
export interface HandlerProcess {
  readonly run: RunFunction
  /** Ends the process at once; its invocations under way fail. */
  stop(): void
}

const RELOAD_AFTER_MS = 100

/**
 * @param file absolute path of an `.mjs`, `.js` or `.ts` module
 * @param print takes what the handler prints, line by line
 */
export const handlerProcess = (
  file: string,
  { print, environment }: Pick<ChildOptions, 'print' | 'environment'>,
): HandlerProcess => {
  let child: HandlerChild | undefined
  const ended = (one: HandlerChild): void => {
    if (child === one) child = undefined
  }
  const unwatch = watchFile(file, () => {
    print('changed, and loaded anew')
    child?.retire()
    child = undefined
  })
  return {
    run: async ({ functionName, functionTimeoutSeconds }: Trigger, event: Buffer): Promise<FunctionOutcome> => {
      child ??= new HandlerChild(file, { print, environment, ended })
      const endsAt = Date.now() + functionTimeoutSeconds * 1_000
      const invocation = { id: randomUUID(), event: event.toString(), name: basename(functionName), endsAt }
      const reply = await child.run(invocation, functionTimeoutSeconds)
      if (reply.error !== undefined) return { kind: 'failed', error: functionError('Unhandled', reply.error) }
      return { kind: 'answered', payload: reply.payload }
    },
    stop: () => {
      unwatch()
      child?.kill()
    },
  }
}

/** Calls `changed` soon after the file was written or replaced. Returns a function that ends the watch. */
const watchFile = (file: string, changed: () => void): (() => void) => {
  let timer: NodeJS.Timeout | undefined
  // Watches the directory, because editors replace a file rather than write to it.
  const watcher = watch(dirname(file), (_, name) => {
    if (name !== basename(file)) return
    clearTimeout(timer)
    timer = setTimeout(changed, RELOAD_AFTER_MS)
  })
  watcher.on('error', () => {})
  return () => {
    clearTimeout(timer)
    watcher.close()
  }
}
