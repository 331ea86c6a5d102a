import type { Engine } from '../engine.ts'
import { toContent } from '../model/content.ts'
import type { DocumentKey } from '../model/document.ts'
import { invalid } from '../model/errors.ts'
import { groupHash, groupPartition } from '../model/group.ts'
import { LIMITS } from '../model/limits.ts'
import { messageBytes, type NewMessage } from '../model/message.ts'
import { afterPurge, type QueueState } from '../model/queue-record.ts'
import { partitionId } from '../model/segment-key.ts'
import {
  deduplicationIdOf,
  deduplicationRecordKey,
  deduplicationWrite,
  type FirstPublish,
} from '../publish/deduplication.ts'
import { placeInGroup, touchGroup } from '../publish/group-place.ts'
import { canShareSegment, newSegment, type PlanOfMessage, segmentPlanOf } from '../publish/new-segment.ts'
import { deduplicatedUntil, firstOf, type Placed } from '../publish/publish-once.ts'
import type { NewSegment, TicketKey } from '../store/port.ts'
import type { Part, ReadState } from './part.ts'

/** A message to be published, with its position among all messages of the transaction. */
export interface Publishing {
  readonly position: number
  readonly message: NewMessage
  /** The key of its deduplication record, if the message has a deduplication id. */
  readonly deduplicationKey: DocumentKey | undefined
}

export interface Placement {
  readonly parts: readonly Part[]
  readonly segments: readonly NewSegment[]
  /** Where each message is stored, by its position. */
  readonly sent: ReadonlyMap<number, FirstPublish>
}

/**
 * The messages of one queue, each with the key of its deduplication record.
 *
 * @throws `InvalidRequest` when two of them have the same deduplication id
 */
export const publishings = (
  queue: QueueState,
  messages: readonly { readonly position: number; readonly message: NewMessage }[],
): Publishing[] => {
  const seen = new Map<string, number>()
  return messages.map(({ position, message }) => {
    const id = deduplicationIdOf(queue, message)
    const deduplicationKey = id === undefined ? undefined : deduplicationRecordKey(queue, message, id)
    const before = deduplicationKey && seen.get(deduplicationKey.partition)
    if (before !== undefined) {
      throw invalid(`messages[${position}].deduplicationId`, id, `must not be that of messages[${before}] as well`)
    }
    if (deduplicationKey) seen.set(deduplicationKey.partition, position)
    return { position, message, deduplicationKey }
  })
}

/** Puts the messages of a queue into as few segments as possible. */
export const placeMessages = (
  engine: Engine,
  queue: QueueState,
  messages: readonly Publishing[],
  found: ReadState,
): Placement => {
  const placements = queue.settings.fifo
    ? byGroup(messages).map(([groupId, members]) => placeGroup(engine, queue, groupId, members, found))
    : placeSegments(engine, queue, messages)
  const placed = new Map(placements.flatMap((one) => [...one.placed]))
  return {
    parts: [
      ...placements.flatMap(({ parts }) => parts),
      ...messages.flatMap((one) => deduplicationParts(engine, queue, one, placed.get(one.position) as Placed, found)),
    ],
    segments: placements.flatMap(({ segments }) => segments),
    sent: new Map([...placed].map(([position, where]) => [position, firstOf(where)])),
  }
}

interface Placing {
  readonly parts: readonly Part[]
  readonly segments: readonly NewSegment[]
  readonly placed: ReadonlyMap<number, Placed>
}

const byGroup = (messages: readonly Publishing[]): [string, Publishing[]][] => {
  const groups = new Map<string, Publishing[]>()
  for (const one of messages) {
    const groupId = one.message.groupId as string
    groups.set(groupId, [...(groups.get(groupId) ?? []), one])
  }
  return [...groups]
}

/** Places the messages of one group of a FIFO queue. One write of the group's ticket gives all of them their numbers. */
const placeGroup = (
  engine: Engine,
  queue: QueueState,
  groupId: string,
  members: readonly Publishing[],
  found: ReadState,
): Placing => {
  const group = groupHash(groupId)
  const { writes, segments, placed } = placeInGroup(engine, queue, group, {
    now: afterPurge(queue, engine.clock.now()),
    contents: members.map(({ message }) => toContent(message)),
    timesToLive: members.map(({ message }) => message.timeToLiveSeconds),
    lastSequence: found.lastSequences.get(ticketId({ partition: groupPartition(queue, group), group })),
  })
  return {
    parts: writes.map((write): Part => ({ write, origin: { kind: 'placing', queue: queue.name } })),
    segments,
    placed: new Map(members.map(({ position }, at) => [position, placed[at] as Placed])),
  }
}

/** Messages of the same priority, due time, time to live and group share segments. Each group's ticket is opened once. */
const placeSegments = (engine: Engine, queue: QueueState, messages: readonly Publishing[]): Placing[] => {
  const now = afterPurge(queue, engine.clock.now())
  const opened = new Set<string>()
  return chunks(queue, messages, now).map(({ plan, members }) => {
    const insert = newSegment(engine, queue, { ...plan, messages: members.map(({ message }) => toContent(message)) })
    const origin = { kind: 'placing', queue: queue.name } as const
    const parts: Part[] = [{ write: { kind: 'insert', insert }, origin }]
    const { group } = plan
    if (group !== undefined && !opened.has(group)) {
      opened.add(group)
      parts.push({ write: touchGroup(engine, queue, group, insert), origin })
    }
    return {
      parts,
      segments: [insert],
      placed: new Map(members.map(({ position }, index) => [position, { segment: insert, index }])),
    }
  })
}

interface Chunk {
  readonly plan: PlanOfMessage
  readonly members: Publishing[]
  bytes: number
}

const chunks = (queue: QueueState, messages: readonly Publishing[], now: number): Chunk[] => {
  const all: Chunk[] = []
  for (const one of messages) {
    const plan = segmentPlanOf(queue, one.message, now)
    const bytes = messageBytes(one.message)
    const open = all.find(
      (chunk) =>
        canShareSegment(chunk.plan, plan) &&
        chunk.members.length < LIMITS.batchSize &&
        chunk.bytes + bytes <= LIMITS.publishBytes,
    )
    if (open) {
      open.members.push(one)
      open.bytes += bytes
    } else all.push({ plan, members: [one], bytes })
  }
  return all
}

const deduplicationParts = (
  engine: Engine,
  queue: QueueState,
  { position, deduplicationKey }: Publishing,
  where: Placed,
  found: ReadState,
): Part[] => {
  if (!deduplicationKey) return []
  const { publishedAt, expiresAt } = where.segment.segment
  const first = { ...firstOf(where), publishedAt }
  const replaces = found.replaces.get(position) ?? 0
  return [
    {
      write: deduplicationWrite(deduplicationKey, first, deduplicatedUntil(engine, queue, expiresAt), replaces),
      origin: { kind: 'deduplication', queue: queue.name, position },
    },
  ]
}

export const ticketId = ({ partition: { group: _, ...shard }, group }: TicketKey): string =>
  `${partitionId(shard)}#${group}`
