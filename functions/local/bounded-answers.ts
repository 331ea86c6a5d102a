import type { ServerResponse } from 'node:http'
import type { Clock } from '../../lib/clock.ts'
import { decodedPath, pathOf } from '../http/plain-path.ts'
import { isForSqs } from '../sqs/endpoint.ts'
import { jsonAction } from '../sqs/json-protocol.ts'
import { answerBudget } from './answer-budget.ts'
import { byteBudget, type Share } from './byte-budget.ts'
import type { FrontDoor } from './front-door.ts'
import { refuseOverBudget } from './over-budget.ts'
import type { Client } from './server.ts'

/** Bytes of answers that are being made, or that clients have not taken. An answer is held several times over while it is made. */
const BUDGET_BYTES = 67_108_864
/** Less than this is with the operating system at once, as a rule. */
const SMALL_BYTES = 65_536

interface BoundedAnswers {
  readonly door: FrontDoor
  /** To be called when an answer has been written to its connection. */
  readonly written: (answer: WrittenAnswer, client: Client) => void
}

interface WrittenAnswer extends Pick<ServerResponse, 'writableLength' | 'writableFinished'> {
  once(event: 'close', listener: () => void): unknown
}

/**
 * A front door that makes a bounded number of bytes of answers with messages at one time, and gives no more large answers while clients
 * leave too much of the former ones unread. Then it ends the connections of the slowest. The messages of an answer that is cut off can be
 * received again when their leases end.
 */
export const boundedAnswers = (answer: FrontDoor, clock: Clock): BoundedAnswers => {
  const budget = byteBudget(BUDGET_BYTES, clock)
  /** By its connection's part: what releases the share of an answer that is being made. */
  const making = new WeakMap<object, () => void>()
  return {
    door: async (request, arrival) => {
      if (!mayAnswerMuch(request, arrival.target)) return answer(request, arrival)
      const nothing: Share = { bytes: 0, isUnderWay: () => false, cut: () => {} }
      if (!(await budget.acquire(nothing, arrival.signal))) return refuseOverBudget(request, arrival.target)
      budget.release(nothing)
      if (!arrival.outgoing) return answer(request, arrival)
      const own = answerBudget(budget, arrival.signal)
      making.set(arrival.outgoing, own.release)
      return answer(request, { ...arrival, answerBudget: own })
    },
    written: (outgoing, { signal, cut }) => {
      const bytes = outgoing.writableLength
      const made = making.get(outgoing)
      if (bytes <= SMALL_BYTES || signal.aborted) return made?.()
      const share: Share = { bytes, isUnderWay: () => !outgoing.writableFinished, cut }
      budget.force(share)
      // Only now: otherwise a waiting request would take the bytes between the two.
      made?.()
      // An answer behind others of its connection does not close with the connection.
      const left = () => {
        budget.release(share)
        signal.removeEventListener('abort', left)
      }
      outgoing.once('close', left)
      signal.addEventListener('abort', left)
    },
  }
}

/**
 * Whether the answer may hold messages: acks, publishes and probes of health go on while receives wait. It reads a request as the
 * endpoint that answers it does: otherwise a receive that is written in another way would find its way past the bound.
 */
const mayAnswerMuch = (request: Request, target: string): boolean => {
  const action = request.headers.get('x-amz-target')
  if (action !== null) return jsonAction(action) === 'ReceiveMessage'
  if (target === '/health') return false
  // The body of a request of the query protocol names its action, at any path.
  if (request.method === 'GET' || !target.startsWith('/queues/') || isForSqs(request, target)) return true
  return decodedPath(pathOf(target)).endsWith('/poll')
}
