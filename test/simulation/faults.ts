import { HoldfastError, type ThrottleReason } from '../../lib/model/errors.ts'
import type { RandomStream } from './random-stream.ts'
import type { Spans } from './spans.ts'

/**
 * Faults of a request to the store, or of the process that sends it. A fault is a course that the request takes in
 * place of the ordinary one: it travels, takes effect, travels back, and is answered.
 */
export interface Request {
  /** Random numbers of this request alone. A course draws them before it first waits. */
  readonly random: RandomStream
  readonly process: FaultyProcess
  readonly spans: Pick<Spans, 'lateMs' | 'pauseMs'>
  /** Calls `then` when the request arrives, `extraMs` later than usual. */
  travel(then: () => void, extraMs?: number): void
  /** Takes effect in the store, and calls `then` with the answer. */
  perform(then: (answer: unknown) => void): void
  /** The client below sends the request more than once, and a refusal shows that. */
  resend(): void
  /** Travels back and is answered, `extraMs` later than usual. */
  answer(answer: unknown, extraMs?: number): void
  /** Travels back and fails. */
  fail(error: HoldfastError): void
  /** From its arrival on for `ms`, requests are refused: those for the same partition, or those for the whole table. */
  throttle(scope: 'partition' | 'table', reason: ThrottlingReason, ms: number): void
}

export interface FaultyProcess {
  /** Kills the process after `ms`. Requests on their way take effect nevertheless. */
  kill(ms: number): void
  /** Pauses the process for `ms`; its clock goes on. */
  pause(ms: number): void
  /** Moves its clock by `ms`. */
  jump(ms: number): void
}

/** The reasons as DynamoDB names them. */
export type ThrottlingReason =
  | 'KeyRangeThroughputExceeded'
  | 'MaxOnDemandThroughputExceeded'
  | 'ProvisionedThroughputExceeded'
  | 'AccountLimitExceeded'

interface Fault {
  /** The requests that the fault can happen to. */
  readonly appliesTo: 'all' | 'writes' | 'transactions'
  readonly course: (request: Request) => void
}

export const JUMP_MS = 300
const THROTTLE_MS = [50, 1_500] as const

/** The reasons that the store's adapter gives for them. */
const REASONS: Readonly<Record<ThrottlingReason, ThrottleReason>> = {
  KeyRangeThroughputExceeded: 'key-range',
  MaxOnDemandThroughputExceeded: 'configured-maximum',
  ProvisionedThroughputExceeded: 'provisioned-capacity',
  AccountLimitExceeded: 'account-limit',
}

export const throttledFor = (reason: ThrottlingReason): HoldfastError =>
  new HoldfastError('Throttled', `refused by the simulation: ${reason}`, { reason: REASONS[reason] })
/** A throttled request of which an earlier sending had no answer. */
export const perhapsDone = (): HoldfastError =>
  new HoldfastError('StoreUnavailable', 'no answer to the first, and its repeat refused by the simulation')
const conflict = () =>
  new HoldfastError('Throttled', 'refused by the simulation: transaction conflict', { reason: 'contention' })
const notSent = () => new HoldfastError('StoreUnavailable', 'not sent, by the simulation')
const unanswered = () => new HoldfastError('StoreUnavailable', 'answer lost by the simulation')

const usual = (request: Request, { thereMs = 0, backMs = 0 } = {}): void =>
  request.travel(() => request.perform((answer) => request.answer(answer, backMs)), thereMs)

const throttling = (scope: 'partition' | 'table', reason: ThrottlingReason): Fault => ({
  appliesTo: 'all',
  course: (request) => {
    const ms = request.random.whole(...THROTTLE_MS)
    request.travel(() => {
      request.throttle(scope, reason, ms)
      request.fail(throttledFor(reason))
    })
  },
})

export const FAULTS = {
  'request lost': {
    appliesTo: 'all',
    course: (request) => request.travel(() => request.fail(notSent())),
  },
  'answer lost': {
    appliesTo: 'writes',
    course: (request) => request.travel(() => request.perform(() => request.fail(unanswered()))),
  },
  'request delayed': {
    appliesTo: 'all',
    course: (request) => usual(request, { thereMs: request.random.whole(...request.spans.lateMs) }),
  },
  'answer delayed': {
    appliesTo: 'all',
    course: (request) => usual(request, { backMs: request.random.whole(...request.spans.lateMs) }),
  },
  /** The answer to the first request is lost, and the client below sends the request again. */
  'sent twice': {
    appliesTo: 'writes',
    course: (request) => {
      request.resend()
      request.travel(() =>
        request.perform(() => request.travel(() => request.perform((answer) => request.answer(answer)))),
      )
    },
  },
  /** The first request is so slow that the client sends it again. The first takes effect after the second was answered. */
  'sent twice, the first late': {
    appliesTo: 'writes',
    course: (request) => {
      request.resend()
      usual(request)
      request.travel(() => request.perform(() => {}), request.random.whole(...request.spans.lateMs))
    },
  },
  /** The client gives the request up before it arrives. */
  'given up, and done late': {
    appliesTo: 'writes',
    course: (request) => {
      request.travel(() => request.fail(unanswered()))
      request.travel(() => request.perform(() => {}), request.random.whole(...request.spans.lateMs))
    },
  },
  'throttled once': {
    appliesTo: 'all',
    course: (request) => request.travel(() => request.fail(throttledFor('KeyRangeThroughputExceeded'))),
  },
  'throttled: key range': throttling('partition', 'KeyRangeThroughputExceeded'),
  'throttled: on-demand maximum': throttling('table', 'MaxOnDemandThroughputExceeded'),
  'throttled: provisioned throughput': throttling('table', 'ProvisionedThroughputExceeded'),
  'throttled: account limit': throttling('table', 'AccountLimitExceeded'),
  'transaction conflict': {
    appliesTo: 'transactions',
    course: (request) => request.travel(() => request.fail(conflict())),
  },
  /** Neither this request nor anything after it is sent. */
  'killed before sending': { appliesTo: 'all', course: ({ process }) => process.kill(0) },
  /** The process is killed at any later await: of this answer, of another one, of a sleep. */
  'killed while waiting': {
    appliesTo: 'all',
    course: (request) => {
      usual(request)
      // Now, before the answer comes, or at anything that it waits for later.
      request.process.kill(request.random.whole(0, request.random.oneOf([0, 30, 2_000])))
    },
  },
  paused: {
    appliesTo: 'all',
    course: (request) => {
      usual(request)
      request.process.pause(request.random.whole(...request.spans.pauseMs))
    },
  },
  'clock jumps': {
    appliesTo: 'all',
    course: (request) => {
      usual(request)
      request.process.jump(request.random.whole(-JUMP_MS, JUMP_MS))
    },
  },
} satisfies Record<string, Fault>

export type FaultKind = keyof typeof FAULTS
/** The probability of each fault, for each request; 0 if absent. */
export type Faults = Partial<Readonly<Record<FaultKind, number>>>

/** The faults in a fixed order, so that one random number decides. */
export const faultTable = (faults: Faults) => {
  const rows = (Object.entries(faults) as [FaultKind, number][]).filter(([, probability]) => probability > 0)
  const sum = rows.reduce((total, [, probability]) => total + probability, 0)
  return {
    /** The fault of this request, if any. */
    drawn: (lot: number, write: boolean, transaction: boolean): FaultKind | undefined => {
      if (lot >= sum) return undefined
      let left = lot
      for (const [kind, probability] of rows) {
        if (left < probability) {
          const { appliesTo } = FAULTS[kind] as Fault
          return appliesTo === 'all' || (appliesTo === 'writes' ? write : transaction) ? kind : undefined
        }
        left -= probability
      }
      return undefined
    },
  }
}

export const courseOf = (kind: FaultKind): ((request: Request) => void) => (FAULTS[kind] as Fault).course

export const NO_FAULTS: Faults = {}
export const SOME_FAULTS: Faults = {
  'throttled once': 0.02,
  'request lost': 0.01,
  'answer lost': 0.03,
  'sent twice': 0.03,
  'killed before sending': 0.001,
  'killed while waiting': 0.001,
}

/** Faults that leave requests on their way. */
const LATE = ['request delayed', 'answer delayed', 'sent twice, the first late', 'given up, and done late'] as const

/** How late a request may take effect. */
export const lateRequestsMs = (faults: Faults = {}, { lateMs }: Pick<Spans, 'lateMs'>): number =>
  LATE.some((kind) => faults[kind]) ? lateMs[1] : 0
