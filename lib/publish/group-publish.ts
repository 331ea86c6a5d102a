import type { Engine } from '../engine.ts'
import { invalid } from '../model/errors.ts'
import { groupHash, groupPartition } from '../model/group.ts'
import type { NewMessage, PublishResult } from '../model/message.ts'
import { afterPurge, type QueueState } from '../model/queue-record.ts'
import { placeInGroup } from './group-place.ts'
import { asDuplicate, type Entry, entriesOf, publishOnce } from './publish-once.ts'

/**
 * Publishes to message groups. The messages of one group in one call are one transaction: it advances the ticket, inserts the
 * segment and stores each deduplication id. Groups succeed and fail independently.
 *
 * Cost: 4 WRU a group and 2 an id; one round trip, two when bodies need items of their own.
 */
export const publishToGroups = async (
  engine: Engine,
  queue: QueueState,
  messages: readonly NewMessage[],
): Promise<PublishResult[]> => {
  const results = new Array<PublishResult>(messages.length)
  const { entries, repeats } = entriesOf(queue, messages)
  const groups = new Map<string, Entry[]>()
  for (const entry of entries) {
    const groupId = entry.message.groupId as string
    groups.set(groupId, [...(groups.get(groupId) ?? []), entry])
  }
  await Promise.all(
    [...groups].map(async ([groupId, members]) => {
      const group = groupHash(groupId)
      await publishOnce(
        engine,
        queue,
        members,
        (contents, placing, lastSequence) => {
          const timesToLive = placing.map(({ message }) => message.timeToLiveSeconds)
          const now = afterPurge(queue, engine.clock.now())
          return placeInGroup(engine, queue, group, { now, contents, timesToLive, lastSequence })
        },
        results,
      )
      const at = engine.clock.now() + queue.settings.delaySeconds * 1_000
      engine.polls.tickets(groupPartition(queue, group)).markPublished(group, at)
    }),
  )
  for (const [position, of] of repeats) results[position] = asDuplicate(results[of] as PublishResult)
  if (results.some((result) => 'messageId' in result)) engine.wakeups.wake(queue.name, messages.length)
  return results
}

/** Refuses what a FIFO queue cannot hold. With a delay of its own a message would be overtaken by those behind it. */
export const checkGroupMessages = (messages: readonly NewMessage[]): void => {
  for (const [position, message] of messages.entries()) checkGroupMessage(message, `messages[${position}]`)
}

/** The same for one message; `field` names it in what is thrown. */
export const checkGroupMessage = ({ groupId, delaySeconds, dueAt }: NewMessage, field: string): void => {
  if (groupId === undefined) throw invalid(`${field}.groupId`, groupId, 'must be given on a FIFO queue')
  if (delaySeconds !== undefined) {
    throw invalid(`${field}.delaySeconds`, delaySeconds, "must not be given on a FIFO queue, where the queue's applies")
  }
  if (dueAt !== undefined) throw invalid(`${field}.dueAt`, dueAt, 'must not be given on a FIFO queue')
}
