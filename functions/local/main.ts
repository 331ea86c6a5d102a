import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { createEngine } from '../../lib/engine.ts'
import { createApp } from '../http/app.ts'
import { openApiDocument } from '../http/openapi.ts'
import { allOperations } from '../operations/all.ts'
import { sqsExchange } from '../sqs/exchange.ts'
import { keyRing, keysInFile, parseKeys } from '../sqs/keys.ts'
import { type Authenticator, sigv4Authenticator } from '../sqs/sigv4.ts'
import { banner } from './banner.ts'
import { busyPoll } from './busy-poll.ts'
import { callerCheck, isLoopback } from './caller-check.ts'
import { type LocalOptions, parseOptions } from './options.ts'
import { startRedriveWorker } from './redrive-worker.ts'
import { startServer } from './server.ts'
import { stderrLog as log } from './stderr-log.ts'
import { type LocalStore, openStore } from './store.ts'

/** `npm start`: all of Holdfast in one process, with the very handlers that run in Lambda. Answers the exit code. */
const main = async (options: LocalOptions): Promise<number> => {
  const authenticate = options.auth === undefined ? undefined : await authenticator(options.auth)
  const store = await openStore(options, process.env, log)
  try {
    return await serveUntilEnded(options, store, authenticate)
  } finally {
    await store.close()
  }
}

const serveUntilEnded = async (
  { host, port, memory, cooldowns, allowedHost }: LocalOptions,
  { store, description, failed }: LocalStore,
  authenticate: Authenticator | undefined,
): Promise<number> => {
  const engine = createEngine({ store })
  const redrives = startRedriveWorker(engine, log)
  try {
    const server = await startServer({
      host,
      port,
      callers: { check: callerCheck({ host, allowedHosts: allowedHost }), signed: authenticate !== undefined },
      app: createApp({ operations: allOperations(redrives.wake), engine: () => engine, log }),
      sqs: sqsExchange({
        engine,
        redrives: redrives.wake,
        log,
        cooldowns: { recreation: cooldowns, purge: cooldowns },
        ...(authenticate && { authenticate }),
      }),
      // A durable answer takes so long that waking up for it doesn't count; a lone core is the client's too.
      polling: memory && availableParallelism() > 1 ? busyPoll() : undefined,
      openApi: openApiDocument,
    })
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`
    console.log(banner({ url, store: description, auth: authenticate !== undefined, exposed: !isLoopback(host) }))
    const failure = await Promise.race([endingSignal(), failed])
    if (failure !== undefined) log.error(failure, {})
    await server.stop()
    return failure === undefined ? 0 : 1
  } finally {
    await redrives.stop()
  }
}

/** Resolves at the first signal to end; a second one ends at once. */
const endingSignal = (): Promise<undefined> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        resolve(undefined)
        process.once(signal, () => process.exit(130))
      })
    }
    // npm hands a signal to the shell it runs us in, which ends without a word to us.
    if (process.env.npm_lifecycle_event !== undefined) void parentGone().then(() => resolve(undefined))
  })

const PARENT_LOOK_MS = 500

const parentGone = async (): Promise<void> => {
  const { ppid } = process
  while (process.ppid === ppid) await sleep(PARENT_LOOK_MS, undefined, { ref: false })
}

const authenticator = async (file: string) => {
  const load = keysInFile(file)
  try {
    // What is wrong with the file is said now, not at the first request.
    parseKeys(await load())
  } catch (error) {
    throw new Error(`--auth ${file}: ${(error as Error).message}`, { cause: error })
  }
  const failed = (error: unknown) =>
    log.warn(`the access keys in ${file} can't be read; those known stay in force`, { error })
  return sigv4Authenticator({ keys: keyRing({ load, failed }) })
}

main(parseOptions(process.argv)).then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`holdfast: ${error.message}\n`)
    process.exit(1)
  },
)
