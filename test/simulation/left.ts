import { createEngine } from '../../lib/engine.ts'
import { isNumberKept } from '../../lib/model/group.ts'
import { isPurged, partitionOf, pollShards } from '../../lib/model/queue-record.ts'
import type { Segment } from '../../lib/model/segment.ts'
import { segmentId } from '../../lib/model/segment-key.ts'
import { readQueue } from '../../lib/queues/read-queue.ts'
import { mayBeHidden } from './receivable.ts'
import type { World } from './world.ts'
import { queueNames } from './world-settings.ts'

/** The segments that are left in the queues: neither purged nor of a deleted queue. */
const segmentsLeft = async ({ observer, store, settings }: World): Promise<Segment[]> => {
  const queues = await Promise.all(queueNames(settings).map((name) => readQueue(store, name, { consistent: true })))
  return [...observer.partitions().values()].flatMap((row) =>
    [...row.values()].filter((segment) => {
      const { generation, queue: name } = segment.key.partition
      const queue = queues.find((one) => one?.name === name)
      return queue?.generation === generation && !isPurged(queue, segment.publishedAt)
    }),
  )
}

export const leftMessages = async (world: World): Promise<string[]> =>
  (await segmentsLeft(world))
    .filter((segment) => !mayBeHidden(world, segment))
    .filter(({ expiresAt, slots }) => expiresAt > world.scheduler.now() && slots.some(({ kind }) => kind !== 'gone'))
    .map(({ key }) => `in ${segmentId(key)} there is still a message, after everything was acked`)

/** A poll reads every ticket within this time, and deletes the ones that are no longer needed. */
const TICKETS_READ_WITHIN_MS = 5_000

/** The tickets of each queue's groups. */
const ticketsLeft = async ({ settings, store, scheduler }: World) => {
  if (settings.kind !== 'fifo') return []
  const engine = createEngine({ store, clock: scheduler.clock })
  const pages = await Promise.all(
    queueNames(settings).map(async (name) => {
      const queue = await engine.queues.get(name)
      const shards = Array.from({ length: pollShards(queue) }, (_, shard) => partitionOf(queue, shard))
      const pages = await Promise.all(
        shards.map((partition) => store.tickets({ partition, from: '0', to: '~', limit: 100, consistent: true })),
      )
      return pages.flatMap(({ tickets }) => tickets.map((ticket) => ({ name, ...ticket })))
    }),
  )
  return pages.flat()
}

/**
 * At rest there is neither a ticket without messages nor a message without a ticket: both are gone with the last message.
 * Only a ticket that keeps a number from a fast clock stays until that number is in the past.
 */
export const leftOver = async (world: World): Promise<string[]> => {
  if (world.settings.kind !== 'fifo') return []
  const readAt = world.scheduler.now() - TICKETS_READ_WITHIN_MS
  const tickets = (await ticketsLeft(world))
    .filter(({ lastSequence }) => !isNumberKept(lastSequence, readAt))
    .map(({ name, group }) => `a ticket is left in ${name} for ${group}`)
  const segments = (await segmentsLeft(world))
    // An expired one stays until TTL deletes it, which may be never here.
    .filter(({ expiresAt }) => expiresAt > world.scheduler.now())
    .map(({ key }) => `a segment is left: ${segmentId(key)}`)
  return [...tickets, ...segments]
}

/** Whether the queues have neither messages nor tickets. */
export const isEmpty = async (world: World): Promise<boolean> =>
  (await leftMessages(world)).length === 0 && (await ticketsLeft(world)).length === 0
