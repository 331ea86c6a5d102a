import type { Engine } from '../engine.ts'
import { aliasWrite } from '../locate/alias.ts'
import type { Located } from '../locate/locate.ts'
import { type ContentMessage, withoutRedrive } from '../model/content.ts'
import { invalid } from '../model/errors.ts'
import { knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import type { StoredMessage } from '../model/message.ts'
import { checkNumber } from '../model/number-checks.ts'
import { plainName } from '../model/queue-name.ts'
import { expiryOf } from '../model/queue-record.ts'
import { type Lease, segmentDueAt, slotAt, TOKEN_BYTES } from '../model/segment.ts'
import { type Change, removeMessages } from '../model/segment-change.ts'
import { dueAtOf, priorityOf } from '../model/segment-key.ts'
import { touchGroup } from '../publish/group-place.ts'
import { newSegment } from '../publish/new-segment.ts'
import { touchGroupOf } from '../settle/group-release.ts'
import { followUp } from '../store/follow-up.ts'
import { changeUnleased } from './change-unleased.ts'
import { storedMessage } from './stored-message.ts'

/**
 * Gives a message that is not leased another due time. A message that was never received moves to a segment of the new due time,
 * from which its retention is counted; an alias keeps its id valid. A message that was received before stays in its segment and
 * backs off: its receives stay counted, its earlier handles stay invalid, and its due time must be before its expiry.
 *
 * writes: one transaction, or one update · condition: the message is unchanged since it was read
 * @throws `InvalidRequest`, `QueueNotFound`, `MessageNotFound`, `OperationInProgress` while it is leased
 */
export const rescheduleMessage = (
  engine: Engine,
  queue: string,
  messageId: string,
  when: { readonly delaySeconds?: number; readonly dueAt?: number },
): Promise<StoredMessage> => {
  const { delaySeconds, dueAt } = knownFields(when, { delaySeconds: true, dueAt: true })
  if ((delaySeconds === undefined) === (dueAt === undefined)) {
    throw invalid('dueAt', dueAt, 'or delaySeconds must be given, and not both')
  }
  if (delaySeconds !== undefined) checkNumber('delaySeconds', delaySeconds, 0, LIMITS.delaySeconds)
  if (dueAt !== undefined) checkNumber('dueAt', dueAt, 0, engine.clock.now() + LIMITS.delaySeconds * 1_000)
  return changeUnleased(engine, queue, messageId, async (located, now) => {
    if (located.queue.settings.fifo)
      throw invalid('queue', plainName(queue), 'must be a standard queue (a FIFO queue keeps its order)')
    const at = Math.max(now, Math.round(dueAt ?? now + (delaySeconds ?? 0) * 1_000))
    const slot = slotAt(located.stored.segment, located.index)
    const done =
      slot.kind === 'lease' && slot.receiveCount > 0
        ? await backOff(engine, located, slot, at)
        : await move(engine, located, messageId, at, now)
    return done && { done }
  })
}

/** Makes the message back off in its segment, under a new token, so that no earlier handle is valid. */
const backOff = async (
  engine: Engine,
  { queue, stored, index }: Located,
  before: Lease,
  at: number,
): Promise<StoredMessage | undefined> => {
  const { segment, content } = stored
  const expiresAt = expiryOf(queue, segmentDueAt(segment), segment.expiresAt)
  if (at >= expiresAt) throw invalid('dueAt', at, `must be before ${expiresAt}, when the message expires`)
  const backingOff: Lease = { ...before, token: engine.random.bytes(TOKEN_BYTES), until: at, backingOff: true }
  const change: Change = { ...removeMessages(segment, [index]), slots: [[index, backingOff]] }
  const [outcome] = await engine.store.change([change])
  if (outcome && !outcome.applied && outcome.error) throw outcome.error
  if (!outcome?.applied || !outcome.segment) return undefined
  await engine.visibility.release(segment.key, at)
  await followUp(engine, queue.name, () => touchGroupOf(engine, queue, segment.key))
  engine.wakeups.wake(queue.name, 1)
  return storedMessage(queue, outcome.segment, content, index, engine.clock.now())
}

const move = async (
  engine: Engine,
  { queue, stored, index }: Located,
  messageId: string,
  at: number,
  now: number,
): Promise<StoredMessage | undefined> => {
  const { segment, content } = stored
  const message = content.messages[index] as ContentMessage
  const moved = newSegment(engine, queue, {
    priority: priorityOf(segment.key.sort),
    dueAt: at,
    // A purge that this process does not know of yet drops the message nevertheless.
    publishedAt: segment.publishedAt,
    messages: [{ ...withoutRedrive(message), messageId, publishedAt: message.publishedAt ?? segment.publishedAt }],
    group: segment.key.partition.group,
    timeToLiveSeconds: (segment.expiresAt - dueAtOf(segment.key.sort)) / 1_000,
  })
  const outcome = await engine.store.transact([
    { kind: 'change', change: removeMessages(segment, [index]) },
    { kind: 'insert', insert: moved },
    aliasWrite(queue.name, messageId, moved.segment, 0),
    ...(segment.key.partition.group === undefined
      ? []
      : [touchGroup(engine, queue, segment.key.partition.group, moved)]),
  ])
  if (!outcome.applied) return undefined
  engine.wakeups.wake(queue.name, 1)
  return storedMessage(queue, moved.segment, moved.content, 0, now)
}
