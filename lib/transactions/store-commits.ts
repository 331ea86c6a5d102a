import { isHoldfastError } from '../model/errors.ts'
import { headerAt } from '../store/header-at.ts'
import type { ActionFailure, JointCommits, JointOutcome } from '../store/joint.ts'
import type { Store, Write, WriteFailure } from '../store/port.ts'

/**
 * Commits on a store in memory or on disk, by the store's own transaction, which can't include writes of the caller's own. The
 * store knows no tokens, so a request without an answer is not sent again.
 */
export const storeCommits = (store: Store): JointCommits => ({
  repeatable: false,
  prepare: (writes) => ({ writes, actions: [], storeContent: async () => {} }),
  send: ({ writes }) => send(store, writes),
})

const send = async (store: Store, writes: readonly Write[]): Promise<JointOutcome> => {
  try {
    const outcome = await store.transact(writes)
    if (outcome.applied) return { kind: 'applied' }
    const failures = outcome.failures.map((failure) => withSegment(store, writes, failure))
    return { kind: 'canceled', failures: await Promise.all(failures), resent: false }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return { kind: error.code === 'StoreUnavailable' ? 'unknown' : 'refused', error }
  }
}

const withSegment = async (
  store: Store,
  writes: readonly Write[],
  { write: action, ...met }: WriteFailure,
): Promise<ActionFailure> => {
  const write = writes[action]
  if (write?.kind !== 'change') return { action, cause: 'condition', ...met }
  const segment = await headerAt(store, write.change.key, { consistent: true })
  return { action, cause: 'condition', ...met, ...(segment && { segment }) }
}
