import type { Engine } from '../engine.ts'
import { queueNotFound } from '../model/errors.ts'
import { layoutValue } from '../model/queue-layout.ts'
import { layoutOf, type QueueState, recordValue } from '../model/queue-record.ts'
import { layoutKey, queueKey, queueListKey } from '../store/keys.ts'
import type { Write } from '../store/port.ts'
import { contended, freshQueue, TRIES } from './rewrite-queue.ts'

/** A deleted queue's record is kept this long, so that the next one of its name knows of it. */
const TOMBSTONE_MS = 86_400_000

/**
 * Keeps the layout as long as the record. If it were deleted, the layout of the next queue of the name would begin with version 1 again, and a
 * publisher that still has this queue in its cache could write this queue's layout in place of that one: its condition is the version.
 */
const layoutTombstone = (queue: QueueState, now: number): Write => ({
  kind: 'put',
  key: layoutKey(queue.name),
  value: layoutValue(layoutOf(queue)),
  ifVersion: queue.layoutVersion,
  expiresAt: now + TOMBSTONE_MS,
})

/**
 * Deletes a queue with all that is in it. A queue of the name that others create after they deleted this one stays.
 *
 * @throws `QueueNotFound`
 */
export const deleteQueue = async (engine: Engine, name: string): Promise<void> => {
  let generation: string | undefined
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const queue = await freshQueue(engine, name)
    generation ??= queue.generation
    if (queue.generation !== generation) throw queueNotFound(name)
    const now = engine.clock.now()
    const value = recordValue({ ...queue, deletedAt: now })
    const { applied } = await engine.store.transact([
      { kind: 'put', key: queueKey(name), value, ifVersion: queue.version, expiresAt: now + TOMBSTONE_MS },
      { kind: 'delete', key: queueListKey(name) },
      ...(queue.layoutVersion > 0 ? [layoutTombstone(queue, now)] : []),
    ])
    // Where it is not applied, the record or the layout was changed since: both are read again.
    engine.queues.forget(name)
    if (applied) {
      engine.wakeups.wake(name, Number.POSITIVE_INFINITY)
      return
    }
  }
  throw contended(name)
}
