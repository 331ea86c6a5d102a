import type { Engine } from '../engine.ts'
import { removeMessages } from '../model/segment-change.ts'
import { endingWrites, resultWakeup } from '../results/write-results.ts'
import { unlockGroupOf } from '../settle/group-release.ts'
import { followUp } from '../store/follow-up.ts'
import { changeUnleased } from './change-unleased.ts'

/**
 * Deletes a message that is not leased.
 *
 * writes: one delete or update; on a queue that keeps results, in one transaction with a result item · condition: the message is
 * unchanged since it was read
 * @throws `QueueNotFound`, `MessageNotFound`, `OperationInProgress` while it is leased
 */
export const cancelMessage = (engine: Engine, queue: string, messageId: string): Promise<void> =>
  changeUnleased(engine, queue, messageId, async ({ queue: home, stored, index }) => {
    const change = removeMessages(stored.segment, [index])
    const results = endingWrites(home, stored.segment, [index], { kind: 'cancelled' }, engine.clock.now())
    const { applied } = await engine.store.transact([{ kind: 'change', change }, ...results])
    if (!applied) return undefined
    engine.wakeups.wake(resultWakeup(stored.segment.key), Number.POSITIVE_INFINITY)
    // The next message of the group need not wait for the delay of this one any more.
    await followUp(engine, home.name, () => unlockGroupOf(engine, home, stored.segment.key))
    return { done: undefined }
  })
