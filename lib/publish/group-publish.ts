import type { Engine } from '../engine.ts'
import { invalid } from '../model/errors.ts'
import { groupHash, groupPartition } from '../model/group.ts'
import type { NewMessage, PublishResult } from '../model/message.ts'
import { afterPurge, type QueueState } from '../model/queue-record.ts'
import type { Write } from '../store/port.ts'
import { placeInGroup } from './group-place.ts'
import { asDuplicate, type Entry, entriesOf, type Place, type Placed, publishOnce } from './publish-once.ts'

/**
 * Publishes to message groups. The messages of one group in one call are one transaction: it advances the ticket, inserts the
 * segment and stores each deduplication id. Groups succeed and fail independently.
 *
 * Cost: 4 WRU for each group and 2 for each id; one round trip, two when the content needs body items.
 */
export const publishToGroups = async (
  engine: Engine,
  queue: QueueState,
  messages: readonly NewMessage[],
): Promise<PublishResult[]> => {
  const results = new Array<PublishResult>(messages.length)
  const { entries, repeats } = entriesOf(queue, messages)
  await Promise.all(
    [...byGroup(entries)].map(async ([group, members]) => {
      await publishOnce(engine, queue, members, placeInGroups(engine, queue), results)
      markGroupPublished(engine, queue, group)
    }),
  )
  for (const [position, of] of repeats) results[position] = asDuplicate(results[of] as PublishResult)
  if (results.some(({ ok }) => ok)) engine.wakeups.wake(queue.name, messages.length)
  return results
}

/** Entries by the hash of their group, in order. */
export const byGroup = (entries: readonly Entry[]): Map<string, Entry[]> => {
  const groups = new Map<string, Entry[]>()
  for (const entry of entries) {
    const group = groupHash(entry.message.groupId as string)
    const members = groups.get(group)
    if (members) members.push(entry)
    else groups.set(group, [entry])
  }
  return groups
}

/** Returns the writes that put messages of a FIFO queue at the ends of their groups. */
export const placeInGroups =
  (engine: Engine, queue: QueueState): Place =>
  (entries, lastSequences) => {
    const writes: Write[] = []
    const placed = new Map<Entry, Placed>()
    for (const [group, members] of byGroup(entries)) {
      const ofGroup = placeInGroup(engine, queue, group, {
        now: afterPurge(queue, engine.clock.now()),
        contents: members.map(({ content }) => content),
        timesToLive: members.map(({ message }) => message.timeToLiveSeconds),
        lastSequence: lastSequences.get(group),
      })
      writes.push(...ofGroup.writes)
      for (const [index, entry] of members.entries()) placed.set(entry, ofGroup.placed[index] as Placed)
    }
    return { writes, placed: entries.map((entry) => placed.get(entry) as Placed) }
  }

/** Marks a group as published to in the ticket cache, so that the next poll of this process tries it. */
export const markGroupPublished = (engine: Engine, queue: QueueState, group: string): void => {
  const at = engine.clock.now() + queue.settings.delaySeconds * 1_000
  engine.polls.tickets(groupPartition(queue, group)).markPublished(group, at)
}

/** Refuses messages without a group, and messages with their own delay, which later messages of the group would overtake. */
export const checkGroupMessages = (messages: readonly NewMessage[]): void => {
  for (const [position, message] of messages.entries()) checkGroupMessage(message, `messages[${position}]`)
}

/** Checks one message like `checkGroupMessages`. @param field the message's name in errors */
export const checkGroupMessage = ({ groupId, delaySeconds, dueAt }: NewMessage, field: string): void => {
  if (groupId === undefined) throw invalid(`${field}.groupId`, groupId, 'must be given on a FIFO queue')
  if (delaySeconds !== undefined) {
    throw invalid(
      `${field}.delaySeconds`,
      delaySeconds,
      "must not be given on a FIFO queue, where the queue's own delaySeconds applies",
    )
  }
  if (dueAt !== undefined)
    throw invalid(
      `${field}.dueAt`,
      dueAt,
      'must not be given on a FIFO queue, where messages are received in the order of their publish',
    )
}
