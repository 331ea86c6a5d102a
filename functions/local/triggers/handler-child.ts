import { type ChildProcess, spawn } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { isTypeScript, typeScriptFlags } from './typescript.ts'

/** One call of the handler, as the process of the handler gets it. */
interface Invocation {
  readonly id: string
  /** The event, in JSON. */
  readonly event: string
  /** The function's name. */
  readonly name: string
  /** Epoch ms. */
  readonly endsAt: number
}

/** The handler's answer or its error, in JSON. */
export type Reply =
  | { readonly id: string; readonly payload: string; readonly error?: never }
  | { readonly id: string; readonly error: string }

export interface ChildOptions {
  /** Takes what the handler prints, line by line. */
  readonly print: (line: string) => void
  readonly environment: NodeJS.ProcessEnv
  /** The process has ended, or was not started: its invocations have failed. */
  readonly ended: (child: HandlerChild) => void
}

/** The program of the child process. It reports errors of the handler in the form of Lambda's. */
const HOST = `
const [file] = process.argv.slice(1)
const loading = import(file).then((module) => {
  const handler = module.handler ?? module.default?.handler ?? module.default
  if (typeof handler !== 'function') throw new Error('it exports no function named handler')
  return handler
})
loading.catch(() => {})
const errorOf = (error) => JSON.stringify({ errorType: error?.name ?? 'Error', errorMessage: String(error?.message ?? error) })
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
    process.send({ id, error: errorOf(error) })
  }
})
process.on('disconnect', () => process.exit())
`

/** One process with one version of a handler in it. */
export class HandlerChild {
  readonly #process: ChildProcess
  readonly #waiting = new Map<string, (reply: Reply) => void>()
  /** Whether a newer child has replaced this one, which then ends with its last invocation. */
  #retired = false

  /** @param file absolute path of an `.mjs`, `.js` or `.ts` module */
  constructor(file: string, { print, environment, ended }: ChildOptions) {
    const flags = isTypeScript(file) ? (typeScriptFlags(file) ?? []) : []
    this.#process = spawn(
      process.execPath,
      [...flags, '--input-type=module', '--eval', HOST, pathToFileURL(file).href],
      { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: environment, cwd: process.cwd() },
    )
    for (const stream of [this.#process.stdout, this.#process.stderr]) eachLine(stream, print)
    this.#process.on('message', (reply: Reply) => {
      this.#answer(reply)
      if (this.#retired && this.#waiting.size === 0) this.#process.kill()
    })
    const failAll = (reason: string) => () => {
      ended(this)
      const error = JSON.stringify({ errorType: 'Runtime.ExitError', errorMessage: reason })
      for (const id of [...this.#waiting.keys()]) this.#answer({ id, error })
    }
    this.#process.on('exit', failAll('the process of the handler ended'))
    this.#process.on('error', failAll('the process of the handler could not be started'))
  }

  /**
   * Runs the handler once. A timeout kills the process, so that nothing of the handler goes on, as in Lambda; the other
   * invocations in the process fail with it.
   */
  run(invocation: Invocation, timeoutSeconds: number): Promise<Reply> {
    const { id } = invocation
    return new Promise<Reply>((resolve) => {
      const timer = setTimeout(() => {
        const errorMessage = `Task timed out after ${timeoutSeconds.toFixed(2)} seconds`
        this.#answer({ id, error: JSON.stringify({ errorType: 'Sandbox.Timedout', errorMessage }) })
        this.kill()
      }, timeoutSeconds * 1_000)
      this.#waiting.set(id, (reply) => {
        clearTimeout(timer)
        resolve(reply)
      })
      this.#process.send(invocation, (error) => {
        if (error) this.#answer({ id, error: JSON.stringify({ errorMessage: error.message }) })
      })
    })
  }

  /** Ends the process once it has no invocation under way. */
  retire(): void {
    this.#retired = true
    if (this.#waiting.size === 0) this.#process.kill()
  }

  /** Ends the process at once; its invocations under way fail. */
  kill(): void {
    this.#process.kill('SIGKILL')
  }

  #answer(reply: Reply): void {
    this.#waiting.get(reply.id)?.(reply)
    this.#waiting.delete(reply.id)
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
