import type { Message } from '../../lib/model/message.ts'
import type { InvokeOutcome } from '../../lib/triggers/invoker.ts'
import type { Trigger } from '../../lib/triggers/trigger.ts'
import type { Invocation } from './history.ts'
import type { RandomStream } from './random-stream.ts'
import type { Scheduler } from './scheduler.ts'

/** What can befall an invocation; probabilities. */
export interface FunctionFaults {
  /** It throws. */
  readonly fails?: number
  /** It names some of its messages as failed. */
  readonly reports?: number
  /** It runs until its timeout cuts it off. */
  readonly hangs?: number
  /** Its answer never arrives. */
  readonly answersLost?: number
  /** Its answer arrives this much later than it was given. */
  readonly answersLate?: number
  /** The connection breaks while it runs. */
  readonly connectionsBreak?: number
  /** The request to run it never arrives, which the caller can't know. */
  readonly requestsLost?: number
}

export interface SimulatedFunction {
  /** Until then every invocation is throttled. */
  throttleUntil(at: number): void
  /** Runs the function on behalf of a dispatcher, which may be dead when the answer comes. */
  invoke(request: InvokeRequest): Promise<InvokeOutcome>
}

interface InvokeRequest {
  readonly by: string
  readonly trigger: Trigger
  readonly messages: readonly Message[]
  readonly random: RandomStream
  /** Called when the function starts, if the request arrives. */
  readonly onStart: (invocation: Invocation) => void
}

const WORK_MS = [10, 3_000] as const
const LATE_MS = [1_000, 20_000] as const
/** Initialization comes before the function's own timeout. */
const INIT_MS = 5_000

export const simulatedFunction = (
  scheduler: Scheduler,
  faults: () => FunctionFaults,
  onEvent: (invocation: Invocation, what: 'starts' | 'ends' | 'fails') => void,
): SimulatedFunction => {
  let throttledUntil = 0

  const outcomeOf = (messages: readonly Message[], lot: number, which: number): InvokeOutcome => {
    const { fails = 0, reports = 0 } = faults()
    if (lot < fails) return { kind: 'failed', error: 'refused by the simulation' }
    if (lot >= fails + reports) return { kind: 'answered', failed: new Set() }
    const first = Math.floor(which * messages.length)
    return { kind: 'answered', failed: new Set(messages.slice(first, first + 2).map(({ messageId }) => messageId)) }
  }

  return {
    throttleUntil: (at) => {
      throttledUntil = at
    },
    invoke: ({ by, trigger: { functionTimeoutSeconds }, messages, random, onStart }) => {
      const { hangs = 0, answersLost = 0, answersLate = 0, requestsLost = 0, connectionsBreak = 0 } = faults()
      const wayMs = random.whole(1, 30)
      const workMs = random.whole(...WORK_MS)
      const initMs = random.chance(0.2) ? random.whole(0, INIT_MS) : 0
      const isHung = random.chance(hangs)
      const [lot, which] = [random.fraction(), random.fraction()]
      const isLost = random.chance(answersLost)
      const lateMs = random.chance(answersLate) ? random.whole(...LATE_MS) : 0
      const isNotSent = random.chance(requestsLost)
      const breaksAfterMs = random.chance(connectionsBreak) ? random.whole(1, WORK_MS[1]) : undefined
      const timeoutMs = functionTimeoutSeconds * 1_000
      return new Promise((resolve) => {
        const broken = { kind: 'unknown', error: 'the connection broke, by the simulation' } as const
        if (breaksAfterMs !== undefined) scheduler.after(wayMs + breaksAfterMs, () => resolve(broken))
        const unknown = () =>
          scheduler.after(timeoutMs, () => resolve({ kind: 'unknown', error: 'no answer, by the simulation' }))
        scheduler.after(wayMs, () => {
          if (scheduler.now() < throttledUntil) {
            const error = 'throttled by the simulation'
            scheduler.after(wayMs, () => resolve({ kind: 'not-run', reason: 'throttled', error }))
            return
          }
          if (isNotSent) return unknown()
          const invocation: Invocation = {
            by,
            messages,
            startedAt: scheduler.now(),
            endedAt: Number.POSITIVE_INFINITY,
            succeeded: [],
            deliveries: [],
            removals: [],
            settledAt: Number.POSITIVE_INFINITY,
          }
          onStart(invocation)
          onEvent(invocation, 'starts')
          scheduler.after(initMs + (isHung ? timeoutMs : Math.min(workMs, timeoutMs)), () => {
            invocation.endedAt = scheduler.now()
            const outcome: InvokeOutcome = isHung
              ? { kind: 'failed', error: 'timed out' }
              : outcomeOf(messages, lot, which)
            if (outcome.kind === 'answered') {
              invocation.succeeded = messages.map(({ messageId }) => messageId).filter((id) => !outcome.failed.has(id))
            }
            onEvent(invocation, outcome.kind === 'answered' ? 'ends' : 'fails')
            if (isLost) unknown()
            else scheduler.after(wayMs + lateMs, () => resolve(outcome))
          })
        })
      })
    },
  }
}
