import type { Engine } from '../engine.ts'
import { followUp } from '../follow-up.ts'
import { removeMessages } from '../model/segment-change.ts'
import { endingWrites, resultWakeup } from '../results/write-results.ts'
import { unlockGroupOf } from '../settle/group-release.ts'
import { onceUnleased } from './change-unleased.ts'

/**
 * Takes a message back before anyone works on it.
 *
 * writes: one delete or update; on a queue that keeps results, in one transaction with what tells of it · condition: it is as
 * it was read
 * @throws `QueueNotFound`, `MessageNotFound`, `OperationInProgress` while it is leased
 */
export const cancelMessage = (engine: Engine, queue: string, messageId: string): Promise<void> =>
  onceUnleased(engine, queue, messageId, async ({ queue: home, stored, index }) => {
    const change = removeMessages(stored.segment, [index])
    const told = endingWrites(home, stored.segment, [index], { kind: 'cancelled' }, engine.clock.now())
    const { applied } = await engine.store.transact([{ kind: 'change', change }, ...told])
    if (!applied) return undefined
    engine.wakeups.wake(resultWakeup(stored.segment.key), Number.POSITIVE_INFINITY)
    // What waited behind it in its group has its turn, however long it would have rested.
    await followUp(engine, home.name, () => unlockGroupOf(engine, home, stored.segment.key))
    return { done: undefined }
  })
