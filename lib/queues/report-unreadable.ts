import type { Engine } from '../engine.ts'
import type { QueueState } from '../model/queue-record.ts'
import type { SegmentKey } from '../model/segment-key.ts'
import { segmentPartition } from '../store/keys.ts'
import type { DocumentKey } from '../store/port.ts'

/** Polls may meet the same item many times a second: it is reported once in this time, ms. */
const REPEAT_AFTER_MS = 60_000
const MAX_REPORTED = 1_000
const reported = new WeakMap<Engine['queues'], Map<string, number>>()

/** Reports that a segment can't be read. */
export const reportUnreadable = (engine: Engine, queue: QueueState, key: SegmentKey, reason: string): void =>
  reportItem(engine, queue.name, { partition: segmentPartition(key.partition), sort: key.sort }, reason)

/** Reports that an item of a queue can't be read. */
export const reportItem = (engine: Engine, queue: string, { partition, sort }: DocumentKey, reason: string): void => {
  const known = reported.get(engine.queues) ?? new Map<string, number>()
  reported.set(engine.queues, known)
  const item = `${partition} ${sort}`
  const now = engine.clock.now()
  if (now - (known.get(item) ?? Number.NEGATIVE_INFINITY) < REPEAT_AFTER_MS) return
  if (known.size >= MAX_REPORTED) known.clear()
  known.set(item, now)
  engine.observe({ type: 'unreadable', queue, item, reason })
}
