import type { Clock } from '../../lib/clock.ts'
import { createEngine, type Engine } from '../../lib/engine.ts'
import type { HoldfastError } from '../../lib/model/errors.ts'
import type { Change } from '../../lib/model/segment-change.ts'
import { partitionId } from '../../lib/model/segment-key.ts'
import type { ChangeFailure, Claim, Store } from '../../lib/store/port.ts'
import { courseOf, type FaultKind, type FaultyProcess, perhapsDone, type Request, throttledFor } from './faults.ts'
import type { RandomStream } from './random-stream.ts'
import type { Scheduler } from './scheduler.ts'
import type { Spans } from './spans.ts'

export type Operation = keyof Store

/** One request to the store. */
export interface StoreCall {
  readonly operation: Operation
  readonly input: readonly unknown[]
  /** The partition of the request: requests of one partition are throttled together. */
  readonly partition: string
}

/** A process with its own engine on the shared store. Once killed, nothing of the process ever goes on. */
export interface Process {
  readonly name: string
  readonly engine: Engine
  isAlive(): boolean
  readonly killed: Promise<void>
  /** Ends it now. */
  kill(): void
  /** A sleep of the process, which does not end while the process is paused, and never ends once it is killed. */
  sleep(ms: number): Promise<void>
  /** A clock of the process that never jumps. */
  readonly monotonic: Clock
}

/** What all processes share, and the faults of their requests. */
export interface Network {
  readonly scheduler: Scheduler
  readonly store: Store
  readonly spans: Spans
  /** Random numbers of the request that is being sent; the stream restarts for each. */
  readonly random: RandomStream
  /** Starts the stream of numbers of the process's next request. */
  nameRequest(): void
  /** The fault that the request meets, if any. */
  faultOf(call: StoreCall): FaultKind | undefined
  throttle: Throttle
  /** Called with what a request did and answered. */
  performed(process: string, call: StoreCall, answer: unknown, sentAt: number): void
  /** Called for each fault. */
  met(process: string, fault: FaultKind, call: StoreCall): void
}

export const WRITES: ReadonlySet<Operation> = new Set([
  'insert',
  'change',
  'claim',
  'claimTogether',
  'lockTicket',
  'markTicket',
  'dropTicket',
  'transact',
])
export const isTransaction = ({ operation, input: [first, fence] }: StoreCall): boolean =>
  (operation === 'transact' || operation === 'claimTogether') &&
  ((first as readonly unknown[]).length > 1 || fence !== undefined)

export const newProcess = (
  network: Network,
  { name, offByMs, random }: { name: string; offByMs: number; random: RandomStream },
): Process => {
  const { scheduler } = network
  let alive = true
  let pausedUntil = 0
  let clockOffBy = offByMs
  let onKilled = () => {}
  const killed = new Promise<void>((resolve) => {
    onKilled = resolve
  })

  /** Continues in the process: now, when its pause is over, or never. */
  const enter = (goOn: () => void): void => {
    if (!alive) return
    const now = scheduler.now()
    if (now < pausedUntil) scheduler.after(pausedUntil - now, () => enter(goOn))
    else goOn()
  }

  const state: FaultyProcess & { enter: typeof enter; isAlive(): boolean } = {
    enter,
    isAlive: () => alive,
    kill: (ms) => {
      const die = () => {
        alive = false
        onKilled()
      }
      if (ms === 0) die()
      else scheduler.after(ms, die)
    },
    pause: (ms) => {
      pausedUntil = Math.max(pausedUntil, scheduler.now() + ms)
    },
    jump: (ms) => {
      // The jump counts from the first offset, so that the clocks of a world stay within bounds.
      clockOffBy = offByMs + ms
    },
  }

  const clock: Clock = {
    now: () => scheduler.now() + clockOffBy,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const wake = () => {
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        signal?.addEventListener('abort', wake, { once: true })
        scheduler.after(ms, () => enter(wake))
      }),
  }

  return {
    name,
    killed,
    isAlive: state.isAlive,
    kill: () => state.kill(0),
    sleep: (ms) => new Promise((resolve) => scheduler.after(ms, () => enter(resolve))),
    monotonic: { now: scheduler.now, sleep: clock.sleep },
    engine: createEngine({ store: remoteStore(network, name, state), clock, random: random }),
  }
}

/** The store as a process reaches it. A batch of changes is as many requests, each with a fate of its own. */
const remoteStore = (
  network: Network,
  name: string,
  process: FaultyProcess & { enter(goOn: () => void): void; isAlive(): boolean },
): Store => {
  const send = <T>(call: StoreCall): Promise<T> =>
    new Promise((resolve, reject) => {
      if (process.isAlive())
        sendRequest(network, { name, process, call, resolve: resolve as (answer: unknown) => void, reject })
    })

  const oneByOne = async <I, O>(
    operation: Operation,
    inputs: readonly I[],
    partitionOf: (input: I) => string,
  ): Promise<(O | ChangeFailure)[]> => {
    const sent = inputs.map((input) =>
      send<readonly O[]>({ operation, input: [[input]], partition: partitionOf(input) }).then(
        ([answer]) => answer as O,
        (error): ChangeFailure => ({ applied: false, segment: undefined, error: error as HoldfastError }),
      ),
    )
    const [only] = sent
    return only && sent.length === 1 ? [await only] : Promise.all(sent)
  }

  const others = Object.keys(network.store)
    .filter((operation) => operation !== 'change' && operation !== 'claim')
    .map((operation) => [
      operation,
      (...input: unknown[]) =>
        send({ operation: operation as Operation, input, partition: partitionOf(input[0] as Located) }),
    ])
  return {
    ...(Object.fromEntries(others) as unknown as Store),
    change: (changes) => oneByOne('change', changes, (change: Change) => partitionId(change.key.partition)),
    claim: (claims) => oneByOne('claim', claims, ({ change }: Claim) => partitionId(change.key.partition)),
  }
}

/** Any input that has the place of its request. */
type Located =
  | { readonly partition: Parameters<typeof partitionId>[0] | string }
  | { readonly segment: { readonly key: { readonly partition: Parameters<typeof partitionId>[0] } } }
  | readonly unknown[]

const partitionOf = (input: Located): string => {
  if ('segment' in input) return partitionId(input.segment.key.partition)
  if (!('partition' in input)) return ''
  return typeof input.partition === 'string' ? input.partition : partitionId(input.partition)
}

interface Sent {
  readonly name: string
  readonly process: FaultyProcess & { enter(goOn: () => void): void }
  readonly call: StoreCall
  resolve(answer: unknown): void
  reject(error: HoldfastError): void
}

/** Mostly a few ms, sometimes many. */
const latency = (random: RandomStream): number => {
  const word = random.bits()
  return (word & 0xff) < 13 ? 20 + ((word >>> 8) % 381) : 1 + ((word >>> 8) % 12)
}

const sendRequest = (network: Network, sent: Sent): void => {
  const { scheduler, random } = network
  network.nameRequest()
  const travel: Travel = { thereMs: latency(random), backMs: latency(random), sentAt: scheduler.now() }
  const fault = network.faultOf(sent.call)
  if (fault === undefined) deliver(network, sent, travel)
  else {
    network.met(sent.name, fault, sent.call)
    courseOf(fault)(requestOf(network, sent, travel))
  }
}

interface Travel {
  readonly thereMs: number
  readonly backMs: number
  readonly sentAt: number
}

/** The ordinary course, which nearly all requests take: there, done, and back. */
const deliver = (network: Network, { name, process, call, resolve, reject }: Sent, travel: Travel): void => {
  const { scheduler } = network
  const fail = (error: HoldfastError) => scheduler.after(travel.backMs, () => process.enter(() => reject(error)))
  scheduler.after(travel.thereMs, () => {
    const reason = network.throttle.reasonFor(call.partition, scheduler.now())
    if (reason !== undefined) return fail(throttledFor(reason))
    request(network, call).then((answer) => {
      network.performed(name, call, answer, travel.sentAt)
      scheduler.after(travel.backMs, () => process.enter(() => resolve(answer)))
    }, fail)
  })
}

const request = ({ store }: Network, { operation, input }: StoreCall): Promise<unknown> =>
  (store[operation] as (...input: readonly unknown[]) => Promise<unknown>)(...input)

const requestOf = (network: Network, { name, process, call, resolve, reject }: Sent, travel: Travel): Request => {
  const { scheduler, random } = network
  // A transaction carries a token. Sent again, a transaction that was done returns the same answer, and a refused one is tried anew.
  const once = isTransaction(call)
  let first: Promise<unknown> | undefined
  let resent = false
  const fail = (error: HoldfastError) => scheduler.after(travel.backMs, () => process.enter(() => reject(error)))
  return {
    random,
    process,
    spans: network.spans,
    fail,
    travel: (then, extraMs = 0) =>
      scheduler.after(travel.thereMs + extraMs, () => {
        const reason = network.throttle.reasonFor(call.partition, scheduler.now())
        if (reason === undefined) return then()
        fail(resent ? perhapsDone() : throttledFor(reason))
      }),
    perform: (then) => {
      const perform = () =>
        request(network, call).then((answer) => {
          network.performed(name, call, answer, travel.sentAt)
          return answer
        })
      first = once && first ? first.then((answer) => (isRefused(answer) ? perform() : answer)) : perform()
      first.then(then, fail)
    },
    resend: () => {
      resent = true
    },
    answer: (answer, extraMs = 0) => {
      const final = resent && isRefused(answer) ? { ...answer, resent } : answer
      scheduler.after(travel.backMs + extraMs, () => process.enter(() => resolve(final)))
    },
    throttle: (scope, reason, ms) =>
      network.throttle.start(scope === 'table' ? undefined : call.partition, reason, scheduler.now() + ms),
  }
}

/** Whether the answer is that of a transaction that was not done. */
const isRefused = (answer: unknown): answer is { readonly applied: false; readonly failures: unknown } =>
  answer !== null && typeof answer === 'object' && 'failures' in answer

/** Which partitions refuse requests, and until when. */
export const throttle = () => {
  const until = new Map<
    string | undefined,
    { readonly at: number; readonly reason: Parameters<typeof throttledFor>[0] }
  >()
  let ended = false
  return {
    /** A request that was on its way when all throttling ended throttles nothing. */
    start: (partition: string | undefined, reason: Parameters<typeof throttledFor>[0], at: number): void => {
      if (!ended) until.set(partition, { at, reason })
    },
    reasonFor: (partition: string, now: number): Parameters<typeof throttledFor>[0] | undefined => {
      if (until.size === 0) return undefined
      for (const name of [undefined, partition]) {
        const window = until.get(name)
        if (window && window.at > now) return window.reason
        until.delete(name)
      }
      return undefined
    },
    end: (): void => {
      ended = true
      until.clear()
    },
  }
}
type Throttle = ReturnType<typeof throttle>
