import type { AnswerBudget } from '../../lib/engine.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import { MAX_ANSWER_BYTES } from '../runtime/answer-size.ts'
import type { ByteBudget, Share } from './byte-budget.ts'
import { overBudgetError } from './over-budget.ts'

/**
 * The share of one answer in the bytes of all answers. The size of its messages is not known before they are read, so the answer counts
 * as the largest until it is written: for a small answer that is a moment.
 *
 * `release` must be called when the answer was written. The end of the connection, by which the signal aborts, releases the share too.
 */
export const answerBudget = (budget: ByteBudget, signal: AbortSignal): AnswerBudget => {
  let share: Share | undefined
  let acquiring: Promise<void> | undefined
  const release = (): void => {
    if (share) budget.release(share)
    share = undefined
    acquiring = undefined
    signal.removeEventListener('abort', release)
  }
  const acquire = async (messages: number, ending: AbortSignal): Promise<void> => {
    const bytes = Math.min(messages * LIMITS.messageBytes, MAX_ANSWER_BYTES)
    const own = { bytes, isUnderWay: () => false, cut: () => {} }
    share = own
    signal.addEventListener('abort', release, { once: true })
    const acquired = await budget.acquire(own, ending)
    // The poll ends by the signal, and leases nothing. Or the answer was written meanwhile.
    if (ending.aborted || share !== own) return budget.release(own)
    if (!acquired) throw overBudgetError()
  }
  return {
    acquire: (messages, ending = signal) => {
      acquiring ??= acquire(messages, ending)
      return acquiring
    },
    release,
  }
}
