import type { Engine } from '../engine.ts'
import { groupPartition } from '../model/group.ts'
import type { QueueState } from '../model/queue-record.ts'
import { segmentDueAt } from '../model/segment.ts'
import { afterPublish } from '../queues/shards.ts'
import { resultWakeup } from '../results/write-results.ts'
import { releaseGroups } from '../settle/group-release.ts'
import { followUp } from '../store/follow-up.ts'
import type { NewSegment } from '../store/port.ts'
import type { Built } from './build.ts'

/**
 * Does the follow-up work of a commit's acks and publishes. It frees the groups of FIFO queues, records new and removed segments
 * in this process's hints, and wakes its polls. A failure here goes to the observer: the commit has already succeeded.
 */
export const followCommit = async (
  engine: Engine,
  { request, acked, placed, parts, builtAt }: Built,
): Promise<void> => {
  for (const { write } of parts) {
    if (write.kind === 'change' && !write.change.slots) engine.polls.gone(write.change.key)
  }
  for (const { queue, segments } of placed) {
    recordPublished(engine, queue, segments)
    await followUp(engine, queue.name, () => afterPublish(engine, queue, builtAt))
  }
  const handles = new Map<QueueState, string[]>()
  for (const { queue, key, held } of acked) {
    if (queue.settings.results) engine.wakeups.wake(resultWakeup(key), Number.POSITIVE_INFINITY)
    const ofQueue = handles.get(queue) ?? []
    handles.set(queue, ofQueue)
    for (const { position } of held) ofQueue.push(request.acks[position]?.receiptHandle ?? '')
  }
  await Promise.all(
    [...handles]
      .filter(([{ settings }]) => settings.fifo || settings.maxInFlightPerGroup !== undefined)
      .map(([queue, texts]) =>
        followUp(engine, queue.name, () =>
          releaseGroups(
            engine,
            queue,
            texts,
            texts.map(() => ({ ok: true })),
          ),
        ),
      ),
  )
}

const recordPublished = (engine: Engine, queue: QueueState, segments: readonly NewSegment[]): void => {
  const now = engine.clock.now()
  let messages = 0
  for (const { segment } of segments) {
    messages += segment.slots.length
    const { group } = segment.key.partition
    const dueAt = segmentDueAt(segment)
    if (group === undefined) engine.polls.release(segment.key)
    else if (queue.settings.fifo) engine.polls.tickets(groupPartition(queue, group)).markPublished(group, dueAt)
    else if (dueAt <= now) engine.polls.tickets(groupPartition(queue, group)).markReady(group, now)
  }
  engine.wakeups.wake(queue.name, messages)
}
