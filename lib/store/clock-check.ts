import { HoldfastError } from '../model/errors.ts'
import { bestEffort } from './best-effort.ts'
import { queueKey } from './keys.ts'
import type { Store } from './port.ts'

/** How exact a clock is. */
export interface ClockAccuracy {
  /** By how much the clock may be wrong, to either side; Infinity while nothing is known. */
  uncertaintyMs(): number
  /** Whether the store's responses have no time that the clock could be compared with. */
  readonly untimed: boolean
}

/** How far the clock of a process that changes leases may be off, to either side. */
export const MAX_UNCERTAINTY_MS = 1_000

/**
 * A store for processes whose clock may be wrong. It refuses to claim and to move messages, with `StoreUnavailable`, while
 * the clock may be wrong by more than a second: by such a clock a poller could claim a message that another consumer holds.
 * Before it refuses, the store makes a cheap read, from whose response the clock learns the time for the next poll.
 */
export const withClockCheck = (store: Store, time: ClockAccuracy): Store => {
  const checkClock = async (): Promise<void> => {
    if (time.untimed || time.uncertaintyMs() <= MAX_UNCERTAINTY_MS) return
    // No queue has an empty name: the read finds nothing, and costs half a unit.
    await bestEffort(store.getDocument(queueKey('')))
    const message =
      "the store's time is not known to within a second, so it is not known which leases are over: try again"
    throw new HoldfastError('StoreUnavailable', message)
  }
  return {
    ...store,
    claim: async (claims) => {
      await checkClock()
      return store.claim(claims)
    },
    claimTogether: async (claims, fence) => {
      await checkClock()
      return store.claimTogether(claims, fence)
    },
    transact: async (writes) => {
      // A change in a transaction moves a message: to the dead-letter queue after its last lease, or to another due time.
      if (writes.some(({ kind }) => kind === 'change')) await checkClock()
      return store.transact(writes)
    },
  }
}
