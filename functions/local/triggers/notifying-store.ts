import type { SegmentKey } from '../../../lib/model/segment-key.ts'
import type { Store } from '../../../lib/store/port.ts'

/** A store that calls `inserted` after it has stored segments, as the stream of a table calls a function. */
export const notifyingStore = (store: Store, inserted: (keys: readonly SegmentKey[]) => void): Store => ({
  ...store,
  insert: async (segment) => {
    const outcome = await store.insert(segment)
    inserted([segment.segment.key])
    return outcome
  },
  transact: async (writes) => {
    const outcome = await store.transact(writes)
    const keys = writes.flatMap((write) => (write.kind === 'insert' ? [write.insert.segment.key] : []))
    if (outcome.applied && keys.length > 0) inserted(keys)
    return outcome
  },
})
