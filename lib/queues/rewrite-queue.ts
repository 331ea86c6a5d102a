import type { Engine } from '../engine.ts'
import { HoldfastError, queueNotFound } from '../model/errors.ts'
import type { QueueLayout } from '../model/queue-layout.ts'
import { plainName } from '../model/queue-name.ts'
import { layoutOf, type QueueRecord, type QueueState, recordValue, withLayout } from '../model/queue-record.ts'
import { queueKey } from '../store/keys.ts'
import { readQueue } from './read-queue.ts'
import { layoutWrite } from './shards.ts'

/** How often a change of a queue is tried. Retried only when another process changed the queue concurrently. */
export const TRIES = 8

/** Whether `now` is within an interval after `at`. With an interval of 0 never, even where the clock is before `at`. */
export const isWithinInterval = (intervalMs: number, at: number, now: number): boolean =>
  intervalMs > 0 && now - at < intervalMs

/** A queue's record and layout after a change; without `layout`, the layout does not change. */
export interface Rewritten {
  readonly record: QueueRecord & Partial<Pick<QueueState, 'recordShards'>>
  readonly layout?: QueueLayout
}

/** Writes a queue's record, and its layout where that changes too, on condition that neither changed concurrently. */
export const rewriteQueue = async (
  engine: Engine,
  name: string,
  change: (queue: QueueState, now: number) => Promise<Rewritten>,
): Promise<QueueState> => {
  const changeId = Buffer.from(engine.random.bytes(6)).toString('base64url')
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const sentAt = engine.clock.now()
    const queue = await freshQueue(engine, name)
    // The SDK sent the write again after a lost response, and the write's condition failed because the first one was done.
    if (attempt > 0 && queue.changeId === changeId) {
      engine.queues.put(queue, sentAt)
      return queue
    }
    const { record: changed, layout } = await change(queue, engine.clock.now())
    const record: QueueRecord = { ...changed, changeId }
    const { applied } = await engine.store.transact([
      { kind: 'put', key: queueKey(name), value: recordValue(record), ifVersion: queue.version },
      ...(layout ? [layoutWrite(queue, layout)] : []),
    ])
    if (applied) {
      const layoutVersion = queue.layoutVersion + (layout ? 1 : 0)
      const state = withLayout(
        { ...record, name, version: queue.version + 1 },
        layout ?? layoutOf(queue),
        layoutVersion,
      )
      engine.queues.put(state, sentAt)
      return state
    }
    engine.queues.forget(name)
  }
  throw contended(name)
}

export const freshQueue = async (engine: Engine, name: string): Promise<QueueState> => {
  const queue = await readQueue(engine.store, name, { consistent: true })
  if (!queue) throw queueNotFound(name)
  return queue
}

export const contended = (name: string): HoldfastError =>
  new HoldfastError('OperationInProgress', `queue ${plainName(name)} is being changed by other processes: try again`, {
    queue: name,
  })
