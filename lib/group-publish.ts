import { toContent } from './content.ts'
import { deduplicationIdOf, deduplicationKey, type FirstPublish, firstPublish, rememberWrite } from './deduplication.ts'
import type { Engine } from './engine.ts'
import { HoldfastError, invalid, isHoldfastError } from './errors.ts'
import { groupHash, sequenceAfter, sequenceNumber, sequenceOf } from './group.ts'
import { placeInGroup } from './group-place.ts'
import type { NewMessage, PublishResult } from './message.ts'
import { encodeMessageId } from './message-id.ts'
import type { QueueState } from './queue-record.ts'
import type { DocumentKey, NewSegment, WriteFailure } from './store.ts'

/** A message on its way into its group. */
interface Entry {
  readonly message: NewMessage
  /** Where it stood in the request. */
  readonly position: number
  readonly remembered: DocumentKey | undefined
}

/** Each further try follows a publish of another into the group, or a duplicate found. */
const TRIES = 12

/**
 * Publishes to message groups. What goes to one group in one call is one transaction: the ticket advances, the segment
 * appears, each deduplication id is remembered. Groups succeed and fail for themselves.
 *
 * Cost: 4 WRU a group and 2 an id; one round trip, two when bodies need items of their own.
 */
export const publishToGroups = async (
  engine: Engine,
  queue: QueueState,
  messages: readonly NewMessage[],
): Promise<PublishResult[]> => {
  const results = new Array<PublishResult>(messages.length)
  const repeats: [position: number, of: number][] = []
  const groups = new Map<string, Entry[]>()
  const seen = new Map<string, number>()
  for (const [position, message] of messages.entries()) {
    const id = deduplicationIdOf(queue, message)
    const remembered = id === undefined ? undefined : deduplicationKey(queue, message, id)
    const first = remembered && seen.get(remembered.partition)
    if (first !== undefined) {
      repeats.push([position, first])
      continue
    }
    if (remembered) seen.set(remembered.partition, position)
    const groupId = message.groupId as string
    groups.set(groupId, [...(groups.get(groupId) ?? []), { message, position, remembered }])
  }
  await Promise.all(
    [...groups].map(([groupId, entries]) => publishToGroup(engine, queue, groupHash(groupId), entries, results)),
  )
  for (const [position, of] of repeats) results[position] = asDuplicate(results[of] as PublishResult)
  if (results.some((result) => 'messageId' in result)) engine.wakeups.wake(queue.name, messages.length)
  return results
}

/** Refuses what a FIFO queue can't take. A delay of a single message would let the ones behind it overtake. */
export const checkGroupMessages = (messages: readonly NewMessage[]): void => {
  for (const [position, { groupId, delaySeconds, dueAt }] of messages.entries()) {
    const field = `messages[${position}]`
    if (groupId === undefined) throw invalid(`${field}.groupId`, groupId, 'must be given on a FIFO queue')
    if (delaySeconds !== undefined) {
      throw invalid(
        `${field}.delaySeconds`,
        delaySeconds,
        "must not be given on a FIFO queue, where the queue's applies",
      )
    }
    if (dueAt !== undefined) throw invalid(`${field}.dueAt`, dueAt, 'must not be given on a FIFO queue')
  }
}

const publishToGroup = async (
  engine: Engine,
  queue: QueueState,
  group: string,
  entries: readonly Entry[],
  results: PublishResult[],
): Promise<void> => {
  let pending = entries
  let lastSequence: string | undefined
  try {
    for (let attempt = 0; pending.length > 0; attempt++) {
      if (attempt === TRIES) throw new HoldfastError('Throttled', 'the message group is being published to by others')
      const now = Math.max(engine.clock.now(), (queue.purgedAt ?? 0) + 1)
      const plan = { now, contents: pending.map(({ message }) => toContent(message)), lastSequence }
      const { writes, placed } = placeInGroup(engine, queue, group, { ...plan, timesToLive: pending.map(timeToLive) })
      const firsts = placed.map(({ segment, index }) => published(segment, index))
      const remembering = pending.flatMap(({ remembered }, at) =>
        remembered ? [rememberWrite(queue, remembered, firsts[at] as FirstPublish, now)] : [],
      )
      const outcome = await engine.store.transact([...writes, ...remembering])
      if (outcome.applied) {
        for (const [at, { position }] of pending.entries()) results[position] = firsts[at] as FirstPublish
        return
      }
      lastSequence = outcome.failures.find(({ write }) => write === 0)?.lastSequence ?? lastSequence
      pending = await withoutDuplicates(engine, pending, writes.length, outcome.failures, results)
    }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    for (const { position } of pending) results[position] = { error }
  }
}

const timeToLive = ({ message }: Entry): number | undefined => message.timeToLiveSeconds

const published = ({ segment }: NewSegment, index: number): FirstPublish => ({
  messageId: encodeMessageId(segment.key, index),
  sequenceNumber: sequenceNumber(sequenceAfter(sequenceOf(segment.key.sort), index)),
})

/** Answers those whose id was taken with what it stands for; the rest is left to be tried again. */
const withoutDuplicates = async (
  engine: Engine,
  pending: readonly Entry[],
  before: number,
  failures: readonly WriteFailure[],
  results: PublishResult[],
): Promise<Entry[]> => {
  const remembering = pending.filter(({ remembered }) => remembered)
  const taken = new Set<Entry>()
  for (const { write, document } of failures) {
    const entry = remembering[write - before]
    if (!entry?.remembered) continue
    const found = firstPublish(document ?? (await engine.store.getDocument(entry.remembered, { consistent: true })))
    if (!found) continue
    taken.add(entry)
    results[entry.position] = asDuplicate(found)
  }
  return pending.filter((entry) => !taken.has(entry))
}

const asDuplicate = (result: PublishResult): PublishResult =>
  'error' in result ? result : { ...result, duplicate: true }
