import type { Engine } from './engine.ts'
import type { Ticket } from './group.ts'
import { partitionOf, pollShards, type QueueState } from './queue-record.ts'
import { partitionId, type SegmentPartition, sortRightBehind } from './segment-key.ts'
import { shuffled } from './shuffle.ts'

/** As many tickets as half a read unit holds. */
const FIRST_PAGE = 25
const MOST_TICKETS = 1_000

/**
 * The tickets of a queue's groups, page by page, each page shuffled, every group equally likely to come early: from the
 * front where all of a shard's tickets are known to fit in a page, else from a random place on and around.
 */
export async function* ticketPages(engine: Engine, queue: QueueState): AsyncGenerator<readonly Ticket[]> {
  const shards = pollShards(queue)
  const first = Math.floor(engine.random.fraction() * shards)
  for (let turn = 0; turn < shards; turn++) yield* pagesOf(engine, partitionOf(queue, (first + turn) % shards))
}

async function* pagesOf(engine: Engine, partition: SegmentPartition): AsyncGenerator<readonly Ticket[]> {
  const { crowdedTickets } = engine.polls
  const name = partitionId(partition)
  const start = crowdedTickets.has(name) ? Buffer.from(engine.random.bytes(7)).toString('hex') : '0'
  const ranges =
    start === '0'
      ? [{ from: '0', to: '~' }]
      : [
          { from: start, to: '~' },
          { from: '0', to: start },
        ]
  for (const { from: begin, to } of ranges) {
    let limit = FIRST_PAGE
    for (let from = begin; ; ) {
      const { tickets, more } = await engine.store.tickets({ partition, from, to, limit })
      if (start === '0' && more) crowdedTickets.add(name)
      yield shuffled(tickets, engine.random.fraction)
      const last = tickets.at(-1)
      if (!more || !last) break
      from = sortRightBehind(last.group)
      limit = Math.min(MOST_TICKETS, limit * 4)
    }
  }
  // Seen through without finding enough: if it was because there are few, the front is the better start.
  crowdedTickets.delete(name)
}
