import { Worker } from 'node:worker_threads'

export interface FunctionToLoad {
  readonly file: string
  /** `<module>.<export>`, as in the configuration of the function. */
  readonly handler: string
  readonly name: string
  readonly timeoutSeconds: number
  /** The whole of `process.env`. */
  readonly environment: Readonly<Record<string, string>>
}

export interface LoadedFunction {
  invoke(event: unknown): Promise<unknown>
  /** Everything that the function has printed. */
  output(): string
  stop(): Promise<void>
}

interface Reply {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
  readonly printed?: readonly string[]
}

const HOST = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { pathToFileURL } = require('node:url')
  const printed = []
  for (const stream of [process.stdout, process.stderr]) {
    stream.write = (text, ...rest) => {
      printed.push(String(text))
      rest.findLast((each) => typeof each === 'function')?.()
      return true
    }
  }
  const loading = import(pathToFileURL(workerData.file)).then((module) => module[workerData.export])
  parentPort.on('message', async ({ id, event }) => {
    const endsAt = Date.now() + workerData.timeoutSeconds * 1000
    const context = {
      awsRequestId: 'invocation-' + id,
      functionName: workerData.name,
      getRemainingTimeInMillis: () => endsAt - Date.now(),
    }
    try {
      const handler = await loading
      if (typeof handler !== 'function') throw new Error('there is no ' + workerData.export + ' in ' + workerData.file)
      const result = await handler(event, context)
      parentPort.postMessage({ id, result, printed: printed.splice(0) })
    } catch (error) {
      parentPort.postMessage({ id, error: String(error?.stack ?? error), printed: printed.splice(0) })
    }
  })
`

/** Loads a bundle in its own thread, whose environment is the function's alone. */
export const loadFunction = ({ file, handler, name, timeoutSeconds, environment }: FunctionToLoad): LoadedFunction => {
  const worker = new Worker(HOST, {
    eval: true,
    env: { ...environment },
    execArgv: [],
    workerData: { file, export: handler.split('.')[1], name, timeoutSeconds },
  })
  let output = ''
  const waiting = new Map<number, (reply: Reply) => void>()
  let broken: Error | undefined
  worker.on('error', (error: Error) => {
    broken = error
    for (const [id, reply] of waiting) reply({ id, error: String(error.stack ?? error) })
    waiting.clear()
  })
  worker.on('message', (reply: Reply) => {
    output += (reply.printed ?? []).join('')
    waiting.get(reply.id)?.(reply)
    waiting.delete(reply.id)
  })
  let invocations = 0
  return {
    invoke: async (event) => {
      const id = ++invocations
      if (broken) throw broken
      const reply = await new Promise<Reply>((resolve) => {
        waiting.set(id, resolve)
        worker.postMessage({ id, event: structuredClone(event) })
      })
      if (reply.error !== undefined) throw new Error(`${name} failed: ${reply.error}\n${output}`)
      return reply.result
    },
    output: () => output,
    stop: async () => void (await worker.terminate()),
  }
}
