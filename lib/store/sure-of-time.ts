import { HoldfastError } from '../model/errors.ts'
import { bestEffort } from './best-effort.ts'
import { queueKey } from './keys.ts'
import type { Store } from './port.ts'

/** How well a clock knows the time. */
export interface TimeKnowledge {
  /** How far it may be off to either side, ms; Infinity while nothing is known. */
  uncertaintyMs(): number
  /** Whether there is nothing to compare it with. */
  readonly untimed: boolean
}

const MAX_UNCERTAINTY_MS = 1_000

/**
 * A store that refuses to claim and to move messages while the clock may be more than a second off to either side: what a
 * poller decided by such a clock may take a message from its holder. The refusal is `StoreUnavailable`, and reads something cheap, from
 * which the clock learns the time for the next poll. For processes whose own clock is not to be trusted.
 */
export const sureOfTime = (store: Store, time: TimeKnowledge): Store => {
  const refuseUnlessSure = async (): Promise<void> => {
    if (time.untimed || time.uncertaintyMs() <= MAX_UNCERTAINTY_MS) return
    // The record of no queue.
    await bestEffort(store.getDocument(queueKey('')))
    const message = "the store's time is not known to two seconds, so no lease can be judged"
    throw new HoldfastError('StoreUnavailable', message)
  }
  return {
    ...store,
    claim: async (claims) => {
      await refuseUnlessSure()
      return store.claim(claims)
    },
    claimTogether: async (claims, fence) => {
      await refuseUnlessSure()
      return store.claimTogether(claims, fence)
    },
    transact: async (writes) => {
      // A message leaves its segment: to the dead-letter queue after its last lease, or to another due time.
      if (writes.some(({ kind }) => kind === 'change')) await refuseUnlessSure()
      return store.transact(writes)
    },
  }
}
