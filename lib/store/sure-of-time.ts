import { HoldfastError } from '../model/errors.ts'
import { bestEffort } from './best-effort.ts'
import { queueKey } from './keys.ts'
import type { Store } from './port.ts'

/** How exact a clock is. */
export interface TimeKnowledge {
  /** The clock may be off by this much to either side, ms; Infinity while nothing is known. */
  uncertaintyMs(): number
  /** Whether the store shows no time that the clock could be compared with. */
  readonly untimed: boolean
}

const MAX_UNCERTAINTY_MS = 1_000

/**
 * A store that refuses to claim and to move messages while the clock may be more than a second off to either side: by such a clock a
 * poller could claim a message that another consumer holds. The refusal is `StoreUnavailable`. Before it the store makes a cheap
 * read, from which the clock learns the time for the next poll. For processes whose own clock cannot be trusted.
 */
export const sureOfTime = (store: Store, time: TimeKnowledge): Store => {
  const refuseUnlessSure = async (): Promise<void> => {
    if (time.untimed || time.uncertaintyMs() <= MAX_UNCERTAINTY_MS) return
    // The record of no queue.
    await bestEffort(store.getDocument(queueKey('')))
    const message = 'the time of the store is not known to within a second, so leases cannot be judged: try again'
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
