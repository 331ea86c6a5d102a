import type { Engine } from '../engine.ts'
import { followUp } from '../follow-up.ts'
import { removeMessages } from '../model/segment-change.ts'
import { unlockGroupOf } from '../settle/group-release.ts'
import { onceUnleased } from './change-unleased.ts'

/**
 * Takes a message back before anyone works on it.
 *
 * writes: one delete or update · condition: it is as it was read
 * @throws `QueueNotFound`, `MessageNotFound`, `OperationInProgress` while it is leased
 */
export const cancelMessage = (engine: Engine, queue: string, messageId: string): Promise<void> =>
  onceUnleased(engine, queue, messageId, async ({ queue: home, stored, index }) => {
    const [outcome] = await engine.store.change([removeMessages(stored.segment, [index])])
    if (outcome && !outcome.applied && outcome.error) throw outcome.error
    if (!outcome?.applied) return undefined
    // What waited behind it in its group has its turn, however long it would have rested.
    await followUp(engine, home.name, () => unlockGroupOf(engine, home, stored.segment.key))
    return { done: undefined }
  })
