import type { Engine } from '../engine.ts'
import {
  asDelayed,
  isDropped,
  partitionOf,
  pollPriorities,
  pollShards,
  type QueueState,
} from '../model/queue-record.ts'
import { liveAt, type Segment, segmentDueAt, visibleAt } from '../model/segment.ts'
import { dueAtOf, type SegmentPartition, sortFrom, sortRightBehind } from '../model/segment-key.ts'
import { partitions, START } from './partitions.ts'

export interface Counts {
  /** Can be received now. */
  readonly ready: number
  /** Not due yet, or backingOff after a nack. */
  readonly delayed: number
  readonly leased: number
  /** When the oldest ready message became due, epoch ms. */
  readonly oldestReadyAt?: number
  /** Whether every header was read. Otherwise the others are estimated. */
  readonly exact: boolean
}

/** A count reads at most this many headers: a few MB, some hundred read units. */
const MAX_HEADERS = 10_000
const PAGE = 2_500
/** The number of places at which the estimate reads headers, and how many at each. */
const PROBES = 16
const PROBE_HEADERS = 25

interface Tally {
  ready: number
  delayed: number
  leased: number
  oldestReadyAt: number
  headers: number
}

/**
 * How many messages a queue holds.
 *
 * Exact, from a consistent read of every header, up to 10,000 headers (that many messages or up to 25 times as many). Beyond, each
 * shard's share of headers is read from its front, and the others are estimated from the density of the keys at 16 instants spread
 * over them. So the cost is bounded, and the answer says that it is not exact. Message groups are counted one after the other up to
 * the same limit.
 *
 * @throws `QueueNotFound`
 */
export const counts = async (engine: Engine, queueName: string): Promise<Counts> =>
  countsOf(engine, await engine.queues.get(queueName))

/** The same for a queue whose state the caller has just read. */
export const countsOf = async (engine: Engine, queue: QueueState): Promise<Counts> => {
  const tally: Tally = { ready: 0, delayed: 0, leased: 0, oldestReadyAt: Number.POSITIVE_INFINITY, headers: 0 }
  const standard = queue.settings.fifo ? [] : shardsOf(queue)
  const complete = await Promise.all(standard.map((partition) => countShard(engine, queue, partition, tally)))
  if (queue.settings.fifo || queue.grouped) complete.push(await countGroups(engine, queue, tally))
  return {
    ready: Math.round(tally.ready),
    delayed: Math.round(tally.delayed),
    leased: Math.round(tally.leased),
    ...(tally.oldestReadyAt < Number.POSITIVE_INFINITY && { oldestReadyAt: tally.oldestReadyAt }),
    exact: complete.every(Boolean),
  }
}

const shardsOf = (queue: QueueState): SegmentPartition[] =>
  Array.from({ length: pollShards(queue) }, (_, shard) => partitionOf(queue, shard))

/** Counts group after group up to the limit. The groups behind it are not estimated. */
const countGroups = async (engine: Engine, queue: QueueState, tally: Tally): Promise<boolean> => {
  for await (const partition of partitions(engine, queue, { ...START, group: '0' })) {
    for (let from = '9'; ; ) {
      if (tally.headers >= MAX_HEADERS) return false
      const page = await engine.store.headers({ partition, from, to: '~', limit: PAGE, consistent: true })
      for (const segment of page.segments) add(tally, queue, segment, engine.clock.now(), 1)
      const last = page.segments.at(-1)
      if (!page.more || !last) break
      from = sortRightBehind(last.key.sort)
    }
  }
  return true
}

const countShard = async (
  engine: Engine,
  queue: QueueState,
  partition: SegmentPartition,
  tally: Tally,
): Promise<boolean> => {
  const most = Math.max(100, Math.floor(MAX_HEADERS / (pollShards(queue) * pollPriorities(queue))))
  let exact = true
  for (let priority = 0; priority < pollPriorities(queue); priority++) {
    const end = `${sortFrom(priority, 2 ** 48 - 1)}~`
    let from = sortFrom(priority)
    let read = 0
    for (;;) {
      const limit = Math.min(PAGE, most - read)
      const page = await engine.store.headers({ partition, from, to: end, limit, consistent: true })
      for (const segment of page.segments) add(tally, queue, segment, engine.clock.now(), 1)
      read += page.segments.length
      const last = page.segments.at(-1)
      if (!page.more || !last) break
      from = sortRightBehind(last.key.sort)
      if (read >= most) {
        exact = false
        await estimateRest(engine, queue, partition, { from, end, startAt: dueAtOf(last.key.sort), priority }, tally)
        break
      }
    }
  }
  return exact
}

const add = (tally: Tally, queue: QueueState, stored: Segment, now: number, weight: number): void => {
  const segment = asDelayed(queue, stored)
  if (isDropped(queue, segment, now)) return
  for (const slot of segment.slots) {
    if (slot.kind === 'gone') continue
    const visible = visibleAt(segment, slot)
    if (slot.kind === 'lease' && liveAt(slot, now)) tally.leased += weight
    else if (visible > now) tally.delayed += weight
    else {
      tally.ready += weight
      tally.oldestReadyAt = Math.min(tally.oldestReadyAt, segmentDueAt(segment))
    }
  }
  tally.headers += weight
}

interface Rest {
  readonly from: string
  readonly end: string
  readonly startAt: number
  readonly priority: number
}

/** Reads a few headers at each of some instants, and weighs them by the number of headers that should be between two instants. */
const estimateRest = async (
  engine: Engine,
  queue: QueueState,
  partition: SegmentPartition,
  { from, end, startAt, priority }: Rest,
  tally: Tally,
): Promise<void> => {
  const now = engine.clock.now()
  // Most messages that wait are due by now. Those scheduled ahead have no end to spread probes over: one probe reads them.
  const spanMs = Math.max(1, now - startAt)
  const starts = Array.from({ length: PROBES }, (_, probe) =>
    probe === 0 ? from : sortFrom(priority, Math.floor(startAt + (spanMs * probe) / PROBES)),
  )
  const pages = await Promise.all(
    [...starts, sortFrom(priority, now + 1)].map((start) =>
      engine.store.headers({ partition, from: start, to: end, limit: PROBE_HEADERS }),
    ),
  )
  for (const [probe, page] of pages.entries()) {
    const ahead = probe === PROBES
    const until = ahead ? Number.POSITIVE_INFINITY : startAt + (spanMs * (probe + 1)) / PROBES
    const inside = page.segments.filter(({ key }) => dueAtOf(key.sort) <= Math.min(until, ahead ? until : now))
    const [first] = inside
    const last = inside.at(-1)
    if (!first || !last) continue
    const full = page.more && inside.length === page.segments.length && !ahead
    const rate = inside.length / Math.max(1, dueAtOf(last.key.sort) - dueAtOf(first.key.sort))
    const expected = full ? Math.max(inside.length, rate * (until - dueAtOf(first.key.sort))) : inside.length
    for (const segment of inside) add(tally, queue, segment, now, expected / inside.length)
  }
}
