import type { ServerResponse } from 'node:http'
import type { Clock } from '../../lib/clock.ts'
import { byteBudget, type Transfer } from './byte-budget.ts'
import type { FrontDoor } from './front-door.ts'
import { overBudget } from './over-budget.ts'
import type { Client } from './server.ts'

/** Bytes of answers that clients have not taken. */
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
 * A front door that gives no more large answers while clients leave too much of the former ones unread, and then ends the
 * connections of the slowest. The messages of an answer that is cut off can be received again when their leases end.
 */
export const boundedAnswers = (answer: FrontDoor, clock: Clock): BoundedAnswers => {
  const budget = byteBudget(BUDGET_BYTES, clock)
  return {
    door: async (request, arrival) => {
      if (!mayAnswerMuch(request, arrival.target)) return answer(request, arrival)
      const receive: Transfer = { bytes: 0, isUnderWay: () => false, cut: () => {} }
      if (!(await budget.acquire(receive, arrival.signal))) return overBudget(request, arrival.target)
      budget.release(receive)
      return answer(request, arrival)
    },
    written: (outgoing, { signal, cut }) => {
      const bytes = outgoing.writableLength
      if (bytes <= SMALL_BYTES || signal.aborted) return
      const transfer: Transfer = { bytes, isUnderWay: () => !outgoing.writableFinished, cut }
      budget.force(transfer)
      // An answer behind others of its connection does not close with the connection.
      const left = () => {
        budget.release(transfer)
        signal.removeEventListener('abort', left)
      }
      outgoing.once('close', left)
      signal.addEventListener('abort', left)
    },
  }
}

/** Whether the answer may hold messages: acks, publishes and probes of health go on while receives wait. */
const mayAnswerMuch = (request: Request, target: string): boolean => {
  const action = request.headers.get('x-amz-target')
  if (action !== null) return action.endsWith('.ReceiveMessage')
  if (target === '/health') return false
  return request.method === 'GET' || !target.startsWith('/queues/') || /^[^?]*\/poll(?:\?|$)/.test(target)
}
