import { CommanderError } from 'commander'
import { createEngine, type Engine } from '../../lib/engine.ts'
import { isHoldfastError } from '../../lib/model/errors.ts'
import type { SegmentKey } from '../../lib/model/segment-key.ts'
import type { Store } from '../../lib/store/port.ts'
import type { Authenticator } from '../sqs/sigv4.ts'
import { removeAddress, writeAddress } from './address-file.ts'
import { banner, serverUrl } from './banner.ts'
import { boundedAnswers } from './bounded-answers.ts'
import { boundedBodies } from './bounded-bodies.ts'
import { isLoopback } from './caller-check.ts'
import { composeFrontDoor } from './compose.ts'
import { declaredText, declareQueues } from './declare-queues.ts'
import { endingSignal } from './ending.ts'
import { eventLines } from './event-lines.ts'
import { FlowLog } from './leases/flow-log.ts'
import { LeaseLog } from './leases/lease-log.ts'
import { watchLeases } from './leases/watch-leases.ts'
import { openStore } from './open-store.ts'
import { type LocalOptions, parseOptions } from './options.ts'
import { type QueueFile, readQueueFile } from './queue-file.ts'
import { startRedriveWorker } from './redrive-worker.ts'
import { printingRequests } from './request-lines.ts'
import { startServer } from './server.ts'
import { authenticatorFrom } from './sqs-keys.ts'
import { stderrLog as log } from './stderr-log.ts'
import type { LocalStore } from './store.ts'
import { checkTriggers, type LocalTrigger, parseTrigger } from './triggers/local-trigger.ts'
import { startTriggers } from './triggers/local-triggers.ts'
import { notifyingStore } from './triggers/notifying-store.ts'
import { UsageError } from './usage-error.ts'
import { usageLog } from './usage-log.ts'

/** `npm start`: all of Holdfast in one process, with the handlers that run in Lambda. Returns the exit code. */
const main = async (args: readonly string[]): Promise<number> => {
  // Only their owner may read the files that this process and its engine create.
  process.umask(0o077)
  const options = parseOptions(args)
  const authenticate = options.auth === undefined ? undefined : await authenticatorFrom(options.auth, log)
  const file = options.queues === undefined ? undefined : await readQueueFile(options.queues)
  const triggers = [...(file?.triggers ?? []), ...options.trigger.map(parseTrigger)]
  checkTriggers(triggers, process.env)
  const store = await openStore(options, process.env, log)
  try {
    return await serveUntilEnded(options, store, authenticate, file, triggers)
  } finally {
    await store.close()
  }
}

const serveUntilEnded = async (
  options: LocalOptions,
  { store, description, warning, directory, failed, meter }: LocalStore,
  authenticate: Authenticator | undefined,
  file: QueueFile | undefined,
  wanted: readonly LocalTrigger[],
): Promise<number> => {
  let published = (_keys: readonly SegmentKey[]): void => {}
  const notifying = wanted.length > 0 ? notifyingStore(store, (keys) => published(keys)) : store
  const { engine, ...seen } = watchedEngine(notifying, meter)
  const declared = file && (await declare(engine, options.queues ?? '', file))
  const triggers = await startTriggers(engine, wanted, { log, print: console.log, environment: process.env })
  published = triggers.published
  const redrives = startRedriveWorker(engine, log)
  try {
    const wakeRedrive = redrives.wake
    const open = composeFrontDoor({ options, engine, wakeRedrive, authenticate, log, place: description, ...seen })
    const { door: bounded, written } = boundedAnswers(open, engine.clock)
    const door = boundedBodies(bounded, engine.clock)
    const answer = options.verbose ? printingRequests(door, console.log) : door
    const { host } = options
    const server = await startServer({ host, port: options.port, answer, written, log })
    const address = { url: serverUrl(host, server.port), pid: process.pid, httpOpen: options.httpOpen || !authenticate }
    await writeAddress(directory, address)
    const facts = { host, port: server.port, store: description, warning, queues: declared }
    const openness = { signed: authenticate !== undefined, httpOpen: address.httpOpen, exposed: !isLoopback(host) }
    console.log(banner({ ...facts, ...openness }))
    const failure = await Promise.race([endingSignal(), failed])
    if (failure !== undefined) log.error(failure, {})
    await removeAddress(directory)
    await server.stop()
    return failure === undefined ? 0 : 1
  } finally {
    await Promise.all([redrives.stop(), triggers.stop()])
  }
}

/** An engine that tells the terminal what somebody has to know. Its leases are noted for the console, and its units for `GET /usage`. */
const watchedEngine = (store: Store, meter: LocalStore['meter']) => {
  const [leases, flows] = [new LeaseLog(Date.now), new FlowLog(Date.now)]
  const engine = createEngine({ store: watchLeases(store, { leases, flows }), observe: eventLines(printLine) })
  const usage = usageLog(engine.clock, meter !== undefined)
  meter?.(usage.consumed)
  return { engine, leases, flows, usage }
}

/** Prints to stderr, where the log goes too: scripts read stdout. */
const printLine = (line: string): void => void process.stderr.write(`holdfast: ${line}\n`)

const declare = async (engine: Engine, file: string, declared: QueueFile): Promise<string> => {
  try {
    return declaredText(file, await declareQueues(engine, declared))
  } catch (error) {
    if (isHoldfastError(error, 'InvalidRequest')) {
      throw new UsageError(`--queues ${file}: ${error.message}`, { cause: error })
    }
    throw error
  }
}

/** Prints the error, unless the parser of the command line has. Returns 2 for a wrong command line, 1 for any other failure. */
const exitCodeOf = (error: Error): number => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  process.stderr.write(`holdfast: ${error.message}\n`)
  return error instanceof UsageError ? 2 : 1
}

process.exit(await main(process.argv.slice(2)).catch(exitCodeOf))
