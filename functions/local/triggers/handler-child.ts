import { type ChildProcess, spawn } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { isTypeScript, typeScriptFlags } from './typescript.ts'

/** What the handler is told beside its event. */
interface Invocation {
  readonly id: string
  /** JSON. */
  readonly event: string
  /** Of the function. */
  readonly name: string
  /** Epoch ms. */
  readonly endsAt: number
}

/** JSON, of the answer or of the error. */
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

/** One process with one version of a handler in it. */
export class HandlerChild {
  readonly #process: ChildProcess
  readonly #waiting = new Map<string, (reply: Reply) => void>()
  /** A newer one has taken its place: it ends with its last invocation. */
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
    const failAll = (words: string) => () => {
      ended(this)
      const error = JSON.stringify({ errorType: 'Runtime.ExitError', errorMessage: words })
      for (const id of [...this.#waiting.keys()]) this.#answer({ id, error })
    }
    this.#process.on('exit', failAll('the process of the handler ended'))
    this.#process.on('error', failAll('the process of the handler could not be started'))
  }

  /** Runs the handler once. As in Lambda, nothing of a handler that is cut off goes on; what shares its process fails with it. */
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

  /** Ends the process as soon as nothing is under way in it. */
  retire(): void {
    this.#retired = true
    if (this.#waiting.size === 0) this.#process.kill()
  }

  /** Ends the process; what is under way in it fails. */
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
