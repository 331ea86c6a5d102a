import type { Engine } from '../engine.ts'
import { aliasWrite } from '../locate/alias.ts'
import type { ContentMessage } from '../model/content.ts'
import { HoldfastError } from '../model/errors.ts'
import { groupHash } from '../model/group.ts'
import { afterPurge, type QueueState } from '../model/queue-record.ts'
import { placeInGroup } from '../publish/group-place.ts'
import { newSegment } from '../publish/new-segment.ts'
import { afterPublish } from '../queues/shards.ts'
import { followUp } from '../store/follow-up.ts'
import { queueKey } from '../store/keys.ts'
import type { NewSegment, PutWrite, Write } from '../store/port.ts'

export interface Moving {
  /** The write that removes the messages from the source. */
  readonly removal: Write
  /** The messages as the target stores them, each with the id it keeps. For a FIFO target all are of one group. */
  readonly messages: readonly ContentMessage[]
  readonly priority: number
  readonly now: number
  /** Result items of the source with the target's name. */
  readonly endings?: readonly PutWrite[]
  /**
   * The queue that the messages are taken from, as it was read: they move only if it was neither purged, changed nor deleted since. A
   * caller without a lease on the messages needs that, because a purge changes no message.
   */
  readonly from?: QueueState
}

const TRIES = 12

/**
 * Moves messages to the end of another queue. Returns false, and moves nothing, if the messages or the queue `from` have changed.
 *
 * writes, in one transaction: the removal, the messages at the target, an alias for each id · condition: that of the
 * removal and of `from`, and that the target's record is unchanged since it was read, because messages would be lost in a queue that is being
 * deleted · a crash leaves all of it or nothing
 *
 * @throws `QueueNotFound` when the target was deleted meanwhile
 */
export const moveTo = async (engine: Engine, into: QueueState, moving: Moving): Promise<boolean> => {
  const { removal, messages, priority, endings = [], from } = moving
  // A transaction takes one write of an item: a queue that is its own dead-letter queue is checked once.
  const checkOfSource = from && (from.name === into.name ? 1 : 2)
  const startedAt = engine.clock.now()
  let target = into
  let lastSequence: string | undefined
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const now = afterPurge(target, moving.now)
    const { writes, segment } = placement(engine, target, { messages, priority, now, lastSequence })
    const outcome = await engine.store.transact([
      removal,
      { kind: 'check', key: queueKey(target.name), ifVersion: target.version },
      ...(checkOfSource === 2 ? [checkOf(from as QueueState)] : []),
      ...writes,
      ...endings,
      ...messages.map(({ messageId }, index) => aliasWrite(target.name, messageId as string, segment, index)),
    ])
    if (outcome.applied) {
      await followUp(engine, target.name, () => afterPublish(engine, target, startedAt))
      return true
    }
    if (outcome.failures.some(({ write }) => write === 0 || write === checkOfSource)) return false
    if (outcome.failures.some(({ write }) => write === 1)) target = await engine.queues.fresh(target.name)
    // Another publisher advanced the group's ticket at the target.
    lastSequence = outcome.failures.find((failure) => failure.lastSequence)?.lastSequence
  }
  throw new HoldfastError(
    'Throttled',
    'other processes keep changing the queue or publishing to the group: try again',
    {
      queue: target.name,
      reason: 'contention',
    },
  )
}

const checkOf = ({ name, version }: QueueState): Write => ({ kind: 'check', key: queueKey(name), ifVersion: version })

const placement = (
  engine: Engine,
  target: QueueState,
  { messages, priority, now, lastSequence }: Omit<Moving, 'removal'> & { lastSequence: string | undefined },
) => {
  if (target.settings.fifo) {
    const group = groupHash(messages[0]?.groupId ?? '')
    const { writes, segments } = placeInGroup(engine, target, group, { now, contents: messages, lastSequence })
    // All of the messages have the same time to live, so they share one segment.
    return { writes, segment: (segments[0] as NewSegment).segment }
  }
  const within = Math.min(priority, target.settings.priorities - 1)
  const insert = newSegment(engine, target, { priority: within, dueAt: now, publishedAt: now, messages })
  const writes: Write[] = [{ kind: 'insert', insert }]
  return { writes, segment: insert.segment }
}
