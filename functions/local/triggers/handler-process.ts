import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { watch } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Trigger } from '../../../lib/triggers/trigger.ts'
import type { FunctionOutcome, RunFunction } from '../../triggers/event-invoker.ts'
import { functionError } from '../../triggers/function-answer.ts'

/** A user's module in a process of its own, whose `handler` is called as Lambda would call it. */
export interface HandlerProcess {
  readonly run: RunFunction
  /** Ends the process; what is under way in it fails. */
  stop(): void
}

interface Reply {
  readonly id: string
  /** JSON. */
  readonly payload?: string
  readonly error?: string
}

interface Child {
  readonly process: ChildProcess
  readonly waiting: Map<string, (reply: Reply) => void>
  /** A newer one has taken its place: it ends with its last invocation. */
  retired: boolean
}

/** Runs in the child. Errors of the handler are told as Lambda words them. */
const HOST = `
const [file] = process.argv.slice(1)
const loading = import(file).then((module) => {
  const handler = module.handler ?? module.default?.handler ?? module.default
  if (typeof handler !== 'function') throw new Error('it exports no function named handler')
  return handler
})
loading.catch(() => {})
const wordsOf = (error) => JSON.stringify({ errorType: error?.name ?? 'Error', errorMessage: String(error?.message ?? error) })
process.on('message', async ({ id, event, name, endsAt }) => {
  const context = {
    awsRequestId: id,
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:' + name,
    memoryLimitInMB: '128',
    getRemainingTimeInMillis: () => Math.max(0, endsAt - Date.now()),
  }
  try {
    const handler = await loading
    const answer = await new Promise((resolve, reject) => {
      const returned = handler(JSON.parse(event), context, (error, value) => (error ? reject(error) : resolve(value)))
      if (handler.length < 3 || typeof returned?.then === 'function') Promise.resolve(returned).then(resolve, reject)
    })
    process.send({ id, payload: JSON.stringify(answer) ?? 'null' })
  } catch (error) {
    console.error(error)
    process.send({ id, error: wordsOf(error) })
  }
})
process.on('disconnect', () => process.exit())
`

const RELOAD_AFTER_MS = 100

/**
 * @param file absolute path of an `.mjs`, `.js` or `.ts` module
 * @param print takes what the handler prints, line by line
 */
export const handlerProcess = (
  file: string,
  { print, environment }: { print: (line: string) => void; environment: NodeJS.ProcessEnv },
): HandlerProcess => {
  let child: Child | undefined

  const start = (): Child => {
    const process_ = spawn(
      process.execPath,
      [...loaderFlags(file), '--input-type=module', '--eval', HOST, pathToFileURL(file).href],
      { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: environment, cwd: process.cwd() },
    )
    const started: Child = { process: process_, waiting: new Map(), retired: false }
    for (const stream of [process_.stdout, process_.stderr]) eachLine(stream, print)
    process_.on('message', (reply: Reply) => {
      started.waiting.get(reply.id)?.(reply)
      started.waiting.delete(reply.id)
      if (started.retired && started.waiting.size === 0) process_.kill()
    })
    const ended = (words: string) => () => {
      if (child === started) child = undefined
      for (const [id, reply] of started.waiting) {
        reply({ id, error: JSON.stringify({ errorType: 'Runtime.ExitError', errorMessage: words }) })
      }
      started.waiting.clear()
    }
    process_.on('exit', ended('the process of the handler ended'))
    process_.on('error', ended('the process of the handler could not be started'))
    return started
  }

  const retire = (): void => {
    const old = child
    child = undefined
    if (!old) return
    old.retired = true
    if (old.waiting.size === 0) old.process.kill()
  }

  // The directory: editors replace files rather than write to them.
  let reloading: NodeJS.Timeout | undefined
  const watcher = watch(dirname(file), (_, changed) => {
    if (changed !== basename(file)) return
    clearTimeout(reloading)
    reloading = setTimeout(() => {
      print('changed, and loaded anew')
      retire()
    }, RELOAD_AFTER_MS)
  })
  watcher.on('error', () => {})

  return {
    run: async ({ functionName, functionTimeoutSeconds }: Trigger, event: string): Promise<FunctionOutcome> => {
      child ??= start()
      const used = child
      const id = randomUUID()
      const timeoutMs = functionTimeoutSeconds * 1_000
      const reply = await new Promise<Reply>((resolve) => {
        const timer = setTimeout(() => {
          // As in Lambda, nothing of a handler that is cut off goes on; what shares its process fails with it.
          used.process.kill('SIGKILL')
          const errorMessage = `Task timed out after ${functionTimeoutSeconds.toFixed(2)} seconds`
          resolve({ id, error: JSON.stringify({ errorType: 'Sandbox.Timedout', errorMessage }) })
        }, timeoutMs)
        used.waiting.set(id, (reply) => {
          clearTimeout(timer)
          resolve(reply)
        })
        const message = { id, event, name: basename(functionName), endsAt: Date.now() + timeoutMs }
        used.process.send(message, (error) => {
          if (error) used.waiting.get(id)?.({ id, error: JSON.stringify({ errorMessage: error.message }) })
        })
      })
      used.waiting.delete(id)
      if (reply.error !== undefined) return { kind: 'failed', error: functionError('Unhandled', reply.error) }
      return { kind: 'answered', payload: reply.payload ?? 'null' }
    },
    stop: () => {
      clearTimeout(reloading)
      watcher.close()
      child?.process.kill('SIGKILL')
    },
  }
}

/** What Node needs to load a TypeScript module: nothing where it strips types itself, else tsx where it is installed. */
const loaderFlags = (file: string): string[] => {
  const strips = (process.features as { typescript?: unknown }).typescript
  if (!file.endsWith('.ts') || strips) return []
  try {
    return ['--import', pathToFileURL(createRequire(file).resolve('tsx')).href]
  } catch {
    return []
  }
}

const eachLine = (stream: NodeJS.ReadableStream | null, print: (line: string) => void): void => {
  let rest = ''
  stream?.on('data', (data: Buffer) => {
    const lines = (rest + data.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) print(line)
  })
  stream?.on('end', () => {
    if (rest !== '') print(rest)
  })
}
