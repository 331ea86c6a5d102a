import { createEngine } from '../../lib/engine.ts'
import { isHoldfastError } from '../../lib/model/errors.ts'
import { encodeMessageId } from '../../lib/model/message-id.ts'
import { DEFAULT_FIFO } from '../../lib/model/queue-settings.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import type { Store } from '../../lib/store/port.ts'
import { type Coverage, newCoverage } from './coverage.ts'
import { faultTable, NO_FAULTS } from './faults.ts'
import { type History, newHistory } from './history.ts'
import { newLedger } from './ledger.ts'
import { newObserver, type Observer } from './observer.ts'
import { NO_OPERATIONS, type OperationLog } from './operations.ts'
import { isTransaction, type Network, newProcess, type Process, throttle, WRITES } from './process.ts'
import { type RandomStream, randomStream } from './random-stream.ts'
import { type Scheduler, scheduler } from './scheduler.ts'
import { DEFAULT_SPANS, type Spans } from './spans.ts'
import type { Reduction, Story } from './story.ts'
import { newTable, PLAIN_TABLE, type TableParts } from './table.ts'
import { type Tokens, withTokens } from './tokens.ts'
import { newTrace } from './trace.ts'
import { deadLetterQueueName, queueName, type WorldSettings } from './world-settings.ts'

/** An actor works in one process at a time, one action after the other, each with random numbers of its own. */
export interface Actor {
  readonly name: string
  readonly index: number
  readonly random: RandomStream
  /** Counts the actions. */
  step: number
  /** Counts the requests of the action. */
  requests: number
  process: Process
  /** The random numbers of the actor's engine: a stream for each action. */
  engineRandom: RandomStream
}

export interface World {
  readonly settings: WorldSettings
  readonly spans: Spans
  readonly scheduler: Scheduler
  readonly history: History
  /** The requests of clients and their answers, for an independent checker. */
  readonly log: OperationLog
  readonly coverage: Coverage
  readonly observer: Observer
  /** The store below all faults. */
  readonly store: Store
  readonly story: Story | undefined
  newActor(name: string): Actor
  /** Gives the actor a process of its own, with a clock of its own. */
  startProcess(actor: Actor): Process
  /** Numbers of an actor's action for a purpose of its own. */
  randomOf(actor: Actor, purpose: number): RandomStream
  /** Numbers that belong to no actor. */
  randomNamed(name: number): RandomStream
  /** Begins the actor's next action. Returns false if shrinking leaves the action out. */
  begin(actor: Actor, isOptional: boolean): boolean
  /** Runs work beside the actor's next actions. A failure of the work ends the history, as every failure does. */
  aside(work: Promise<unknown>, actor?: Actor): void
  /** Whether the work of an actor that runs aside is not over. That of a killed process is. */
  isBusy(): boolean
  /** Whether users must expect the error in this world: where queues are deleted, they are not found. */
  tolerates(error: unknown): boolean
  /** Failures of work that ran aside. */
  readonly failures: readonly unknown[]
  /** The tokens of users' transactions. */
  readonly tokens: Tokens
  /** From now on nothing fails. */
  calm(): void
  /** Hash of all that was done to the table. */
  traceHash(): string
  /** Requests to the store so far. */
  operations(): number
}

export interface WorldOptions {
  readonly seed: number
  /** What is left out of the history; for shrinking it. */
  readonly reduction?: Reduction | undefined
  readonly story?: Story | undefined
  readonly trace?: ((line: string) => void) | undefined
  /** Makes the log of requests and answers. @default no log */
  readonly logOn?: ((now: () => number) => OperationLog) | undefined
  /** Gets the clock of the world, for its story. */
  readonly onTime?: ((now: () => number) => void) | undefined
  /** Makes a store in place of a table in memory. */
  readonly storeOn?: ((parts: TableParts) => Promise<Store>) | undefined
  readonly quiet?: (() => Promise<void>) | undefined
}

/** Streams of random numbers that belong to no actor. */
const [ORDER, TABLE, SETUP, OTHER] = [-1, -2, -3, -4]
/** Streams of an action beside its own and those of its requests: of the engine, and of a process that starts in it. */
const [ENGINE, STARTED, PURPOSES] = [-1, -2, -3]

export const newWorld = async (settings: WorldSettings, options: WorldOptions): Promise<World> => {
  const { seed, reduction, story } = options
  const stream = (name: number): RandomStream => {
    const random = randomStream(seed)
    random.restart(name)
    return random
  }
  const order = stream(ORDER)
  const time = scheduler(() => order.bits() >>> 12, options.quiet)
  options.onTime?.(time.now)
  const coverage = newCoverage()
  const trace = newTrace(time.now, options.trace)
  const ledger = newLedger(time.now)
  const observer = newObserver({ now: time.now, trace, coverage, ledger })
  const history = newHistory(ledger)
  const log = options.logOn?.(time.now) ?? NO_OPERATIONS
  const spans = { ...DEFAULT_SPANS, ...settings.spans }
  const faults = faultTable(settings.faults ?? NO_FAULTS)
  const behaviour = { ...PLAIN_TABLE, ...settings.table }
  const requests = randomStream(seed)
  let calm = false
  let operations = 0
  const failures: unknown[] = []
  let busy = 0

  const repeat = (messageId: string): void => {
    history.repeat(messageId)
    log.storedAgain(messageId)
  }

  observer.onInsert(({ segment, content }, again) => {
    for (const [index, message] of content.messages.entries()) {
      const { messageId, deadLetter } = message
      const id = messageId ?? encodeMessageId(segment.key, index)
      if (again) repeat(id)
      if (messageId !== undefined) {
        const place = { at: time.now(), queue: segment.key.partition.queue, content: message }
        history.moved.set(id, [...(history.moved.get(id) ?? []), place])
      }
      if (deadLetter && !history.deadLettered.has(id)) history.deadLettered.set(id, time.now())
    }
  })
  if (behaviour.ttl !== 'on time') coverage.fault(`TTL ${behaviour.ttl}`)

  const parts: TableParts = {
    scheduler: time,
    random: stream(TABLE),
    behaviour,
    isCalm: () => calm,
    happened: coverage.fault,
  }
  const tokens: Tokens = new WeakMap()
  const store = withTokens(options.storeOn ? await options.storeOn(parts) : newTable(parts), tokens)
  const throttles = throttle()

  const networkOf = (actor: Actor): Network => ({
    scheduler: time,
    store,
    spans,
    random: requests,
    throttle: throttles,
    nameRequest: () => {
      operations++
      requests.restart(actor.index + 1, actor.step, ++actor.requests)
    },
    faultOf: (call) => {
      if (calm) return undefined
      const fault = faults.drawn(requests.fraction(), WRITES.has(call.operation), isTransaction(call))
      return fault !== undefined && reduction?.isLeftOut(idOf(actor, actor.requests)) ? undefined : fault
    },
    performed: observer.performed,
    met: (process, fault, call) => {
      coverage.fault(fault)
      story?.fault(idOf(actor, actor.requests), process, fault, call)
    },
  })

  const tolerates = (error: unknown) => (settings.cast.deleters ?? 0) > 0 && isHoldfastError(error, 'QueueNotFound')
  let actors = 0
  const startProcess = (actor: Actor): Process => {
    const random = randomStream(seed)
    random.restart(actor.index + 1, actor.step, STARTED)
    const mayBeOff = settings.kind === 'standard' || actor.name.startsWith('publisher')
    const off = mayBeOff ? (settings.clocksOffByMs ?? 0) : 0
    actor.process = newProcess(networkOf(actor), {
      name: actor.name,
      offByMs: random.whole(-off, off),
      random,
    })
    actor.engineRandom = random
    return actor.process
  }

  const setup = createEngine({ store, clock: time.clock, random: stream(SETUP) })
  const fifo = settings.kind === 'fifo' ? { fifo: DEFAULT_FIFO } : {}
  if (settings.settings?.deadLetter) await createQueue(setup, deadLetterQueueName(settings), { settings: fifo })
  await createQueue(setup, queueName(settings), { settings: { ...fifo, ...settings.settings } })

  return {
    settings,
    spans,
    scheduler: time,
    history,
    log,
    coverage,
    observer,
    store,
    story,
    newActor: (name) => {
      const index = actors++
      const actor = { name, index, random: randomStream(seed), step: 0, requests: 0 } as unknown as Actor
      startProcess(actor)
      return actor
    },
    startProcess,
    randomOf: ({ index, step }, purpose) => {
      const random = randomStream(seed)
      random.restart(index + 1, step, PURPOSES - purpose)
      return random
    },
    randomNamed: (name) => {
      const random = randomStream(seed)
      random.restart(OTHER, name)
      return random
    },
    begin: (actor, isOptional) => {
      actor.step++
      actor.requests = 0
      actor.random.restart(actor.index + 1, actor.step, 0)
      actor.engineRandom.restart(actor.index + 1, actor.step, ENGINE)
      return !(isOptional && reduction?.isLeftOut(idOf(actor)))
    },
    tolerates,
    aside: (work, actor) => {
      const done = work.catch((error: unknown) => tolerates(error) || failures.push(error))
      if (!actor) return
      busy++
      void Promise.race([done, actor.process.killed]).then(() => busy--)
    },
    isBusy: () => busy > 0,
    failures,
    tokens,
    calm: () => {
      calm = true
      throttles.end()
    },
    traceHash: trace.hash,
    operations: () => operations,
  }
}

/** Names an action, or a request of it. */
export const idOf = (actor: Actor, request?: number): string =>
  request === undefined ? `${actor.name}.${actor.step}` : `${actor.name}.${actor.step}/${request}`
