import type { SegmentKey } from '../../../lib/model/segment-key.ts'
import type { Store } from '../../../lib/store/port.ts'

/** A store that tells of each segment after it was stored, as the stream of a table does. */
export const tellingStore = (store: Store, told: (keys: readonly SegmentKey[]) => void): Store => ({
  ...store,
  insert: async (segment) => {
    const outcome = await store.insert(segment)
    told([segment.segment.key])
    return outcome
  },
  transact: async (writes) => {
    const outcome = await store.transact(writes)
    const inserted = writes.flatMap((write) => (write.kind === 'insert' ? [write.insert.segment.key] : []))
    if (outcome.applied && inserted.length > 0) told(inserted)
    return outcome
  },
})
