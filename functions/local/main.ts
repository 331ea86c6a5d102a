import { CommanderError } from 'commander'
import { createEngine } from '../../lib/engine.ts'
import { createApp } from '../http/app.ts'
import { openApiDocument } from '../http/openapi.ts'
import { allOperations } from '../operations/all.ts'
import { type SqsEndpointParts, sqsEndpoint } from '../sqs/endpoint.ts'
import type { Authenticator } from '../sqs/sigv4.ts'
import { banner } from './banner.ts'
import { callerCheck, isLoopback } from './caller-check.ts'
import { endingSignal } from './ending.ts'
import { frontDoor } from './front-door.ts'
import { openStore } from './open-store.ts'
import { type LocalOptions, parseOptions } from './options.ts'
import { startRedriveWorker } from './redrive-worker.ts'
import { startServer } from './server.ts'
import { authenticatorFrom } from './sqs-keys.ts'
import { stderrLog as log } from './stderr-log.ts'
import type { LocalStore } from './store.ts'
import { UsageError } from './usage-error.ts'

/** `npm start`: all of Holdfast in one process, with the handlers that run in Lambda. Answers the exit code. */
const main = async (args: readonly string[]): Promise<number> => {
  // Every file that this process or its engine creates is its user's alone.
  process.umask(0o077)
  const options = parseOptions(args)
  const authenticate = options.auth === undefined ? undefined : await authenticatorFrom(options.auth, log)
  const store = await openStore(options, process.env, log)
  try {
    return await serveUntilEnded(options, store, authenticate)
  } finally {
    await store.close()
  }
}

const serveUntilEnded = async (
  options: LocalOptions,
  { store, description, warning, failed }: LocalStore,
  authenticate: Authenticator | undefined,
): Promise<number> => {
  const { host, port } = options
  const signed = authenticate !== undefined
  const httpOpen = options.httpOpen || !signed
  const engine = createEngine({ store })
  const redrives = startRedriveWorker(engine, log)
  try {
    const answer = frontDoor({
      check: callerCheck({ host, allowedHosts: options.allowedHost }),
      signed,
      httpOpen,
      http: createApp({ operations: allOperations(redrives.wake), engine: () => engine, log }),
      sqs: sqsEndpoint({ engine, redrives: redrives.wake, log, ...sqsSettings(options, authenticate) }),
      openApi: openApiDocument,
    })
    const server = await startServer({ host, port, answer, log })
    const exposed = !isLoopback(host)
    console.log(banner({ host, port: server.port, store: description, warning, signed, httpOpen, exposed }))
    const failure = await Promise.race([endingSignal(), failed])
    if (failure !== undefined) log.error(failure, {})
    await server.stop()
    return failure === undefined ? 0 : 1
  } finally {
    await redrives.stop()
  }
}

const sqsSettings = (
  { cooldowns, regions }: LocalOptions,
  authenticate: Authenticator | undefined,
): Partial<SqsEndpointParts> => ({
  cooldowns: { recreation: cooldowns, purge: cooldowns },
  // Keys and policies name accounts and regions: with them, these have queues of their own.
  sharedScopes: !regions && authenticate === undefined,
  ...(authenticate && { authenticate }),
})

/** A command line that is wrong is told apart from a failure, and has been printed already by the one that parsed it. */
const exitCodeOf = (error: Error): number => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  process.stderr.write(`holdfast: ${error.message}\n`)
  return error instanceof UsageError ? 2 : 1
}

process.exit(await main(process.argv.slice(2)).catch(exitCodeOf))
