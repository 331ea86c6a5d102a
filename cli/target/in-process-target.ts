import { createApp } from '../../functions/http/app.ts'
import { callOperation } from '../../functions/http/call-operation.ts'
import { pathOfOperation, routeOf } from '../../functions/http/operation-path.ts'
import type { OperationId } from '../../functions/http/routes.ts'
import { allOperations } from '../../functions/operations/all.ts'
import { type Log, silentLog } from '../../functions/runtime/log.ts'
import { continueRedrives } from '../../functions/runtime/redrives.ts'
import type { Engine } from '../../lib/engine.ts'
import { errorFrom } from '../../lib/transport/wire-errors.ts'
import type { Wire } from '../../lib/transport/wire-values.ts'
import type { AnswerOf, CallParts, Target } from './target.ts'

export interface InProcessParts {
  readonly engine: Engine
  readonly name: string
  readonly options: string
  readonly close?: () => Promise<void>
}

/** The operations of the HTTP API over an engine in this process, with the caller's own rights. A redrive runs in this process too. */
export const inProcessTarget = ({ engine, name, options, close = async () => {} }: InProcessParts): Target => {
  const failures = unexpectedFailures()
  const redrives = redriveRunner(engine)
  const operations = allOperations(redrives.wake)
  const app = createApp({ operations, engine: () => engine, log: failures.log })
  return {
    name,
    options,
    call: async <O extends OperationId>(operation: O, parts: CallParts<O> = {}) => {
      const { params, query, body, idempotencyKey, signal } = parts
      const answer = await callOperation(app, {
        method: routeOf(operation).method,
        path: pathOfOperation(operation, params),
        ...(query && { query }),
        ...(body !== undefined && { body }),
        ...(idempotencyKey !== undefined && { headers: { 'Idempotency-Key': idempotencyKey } }),
        ...(signal && { signal }),
      })
      if (answer.ok) return answer.body as AnswerOf<O>
      throw failures.take(answer.problem.requestId) ?? errorFrom(answer.problem as unknown as Wire)
    },
    close: async () => {
      await redrives.stop()
      await close()
    },
  }
}

/**
 * Keeps the failures behind answers whose message is only "error in the service". In this process the caller's own rights or table are
 * missing, so the command prints the failure itself.
 */
const unexpectedFailures = (): { readonly log: Log; take(requestId: string | undefined): unknown } => {
  const failures = new Map<unknown, unknown>()
  return {
    log: {
      ...silentLog,
      error: (_, { requestId, error }) => {
        if (error !== undefined) failures.set(requestId, error)
      },
    },
    take: (requestId) => {
      const failure = failures.get(requestId)
      failures.delete(requestId)
      return failure
    },
  }
}

/** Runs the redrives that this process starts. The deployment, or the next process that waits for it, continues one that is cut off. */
const redriveRunner = (engine: Engine) => {
  const stopping = new AbortController()
  const running = new Set<Promise<void>>()
  return {
    wake: async (queue: string, taskId: string): Promise<void> => {
      const tasks = [{ queue, taskId }]
      const work = continueRedrives(engine, { signal: stopping.signal, log: silentLog, tasks })
      running.add(work.finally(() => running.delete(work)))
    },
    stop: async () => {
      stopping.abort()
      await Promise.allSettled(running)
    },
  }
}
