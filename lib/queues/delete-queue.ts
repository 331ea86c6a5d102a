import type { Engine } from '../engine.ts'
import { recordValue } from '../model/queue-record.ts'
import { layoutKey, queueKey, queueListKey } from '../store/keys.ts'
import { contended, freshQueue, TRIES } from './rewrite-queue.ts'

/** A deleted queue's record is kept this long, so that the next one of its name knows of it. */
const TOMBSTONE_MS = 86_400_000

/** Deletes a queue with all that is in it. @throws `QueueNotFound` */
export const deleteQueue = async (engine: Engine, name: string): Promise<void> => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const queue = await freshQueue(engine, name)
    const now = engine.clock.now()
    const value = recordValue({ ...queue, deletedAt: now })
    const { applied } = await engine.store.transact([
      { kind: 'put', key: queueKey(name), value, ifVersion: queue.version, expiresAt: now + TOMBSTONE_MS },
      { kind: 'delete', key: queueListKey(name) },
      ...(queue.layoutVersion > 0 ? [{ kind: 'delete', key: layoutKey(name) } as const] : []),
    ])
    engine.queues.forget(name)
    if (applied) {
      engine.wakeups.wake(name, Number.POSITIVE_INFINITY)
      return
    }
  }
  throw contended(name)
}
