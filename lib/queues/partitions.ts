import type { Engine } from '../engine.ts'
import { groupPartition } from '../model/group.ts'
import { partitionOf, pollShards, type QueueState } from '../model/queue-record.ts'
import { type SegmentPartition, sortRightBehind } from '../model/segment-key.ts'
import type { Ticket } from '../model/ticket.ts'

/** A place in a queue from which a pass through the queue continues: a partition, and a sort key in it. */
export interface Cursor {
  readonly shard: number
  /** The group's hash, where the partition is that of a group. */
  readonly group?: string
  readonly from: string
}

export const START: Cursor = { shard: 0, from: '0' }

const TICKETS = 100

/** The partitions of a queue from a cursor on, always in the same order: its shards, then the groups that have tickets. */
export async function* partitions(engine: Engine, queue: QueueState, start: Cursor): AsyncGenerator<SegmentPartition> {
  const inShards = !queue.settings.fifo && start.group === undefined
  if (inShards) for (let shard = start.shard; shard < pollShards(queue); shard++) yield partitionOf(queue, shard)
  if (!queue.settings.fifo && !queue.grouped) return
  const first = inShards ? { shard: 0, group: '0' } : start
  for (let { shard, group: from = '0' } = first; shard < pollShards(queue); shard++, from = '0') {
    for await (const { group } of ticketsIn(engine, partitionOf(queue, shard), { from })) {
      yield { ...groupPartition(queue, group), shard }
    }
  }
}

/** The tickets of a shard in the order of their groups' hashes. @param from the first hash */
export async function* ticketsIn(
  engine: Engine,
  partition: SegmentPartition,
  { from = '0', consistent = false }: { readonly from?: string; readonly consistent?: boolean },
): AsyncGenerator<Ticket> {
  for (let next = from; ; ) {
    const page = await engine.store.tickets({ partition, from: next, to: '~', limit: TICKETS, consistent })
    yield* page.tickets
    const last = page.tickets.at(-1)
    if (!page.more || !last) return
    next = sortRightBehind(last.group)
  }
}

/** The cursor at a sort key of a partition. */
export const cursorIn = ({ shard, group }: SegmentPartition, from: string): Cursor => ({
  shard,
  ...(group !== undefined && { group }),
  from,
})

/** The cursor behind a partition. */
export const cursorBehind = ({ shard, group }: SegmentPartition): Cursor =>
  group !== undefined ? { shard, group: sortRightBehind(group), from: '0' } : { shard: shard + 1, from: '0' }
