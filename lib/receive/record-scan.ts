import type { Engine } from '../engine.ts'
import { MAX_RANGE_HEADERS } from '../hints/key-ranges.ts'
import { MIN_SKIPPED, type ScanCache } from '../hints/scan-cache.ts'
import type { ScanTarget } from '../hints/scan-target.ts'
import { isDropped } from '../model/queue-record.ts'
import { nextVisibleAt, type Segment } from '../model/segment.ts'
import { removeSegment } from '../model/segment-change.ts'
import { sortRightBehind, sortUpTo } from '../model/segment-key.ts'
import type { HeaderPage } from '../store/port.ts'
import type { Claimed } from './claim.ts'

const EMPTIED_KEPT = 256
const DELETER_GONE_MS = 1_000

export interface PageRead {
  readonly from: string
  /** Through here what was read can be recorded even if no header ends it; see `Range`. */
  readonly edge: string
  readonly page: HeaderPage
  /** Whether all that lies before the page is recorded already. */
  readonly connected: boolean
  /** `scanCache.releases` before the page was read. */
  readonly releases: number
}

/**
 * Takes note of the headers of a page that have nothing to receive for now.
 *
 * @returns when the page next has something, epoch ms, and whether all through its end is recorded
 */
export const recordScan = (
  engine: Engine,
  target: ScanTarget,
  { from, edge, page, connected, releases }: PageRead,
  after: Claimed['after'],
): { nextAt: number; connected: boolean } => {
  const now = engine.clock.now()
  const dueTo = sortUpTo(target.priority, now)
  const run = runOf(target.hints.scanCache, { from, connected, now, releases })
  let nextAt = Number.POSITIVE_INFINITY
  for (const read of page.segments) {
    const { sort } = read.key
    const segment = after.has(sort) ? after.get(sort) : read
    const visibleAt = visibleAgainAt(engine, target, segment, now)
    if (visibleAt > now) nextAt = Math.min(nextAt, visibleAt)
    if (visibleAt <= now || sort > dueTo) run.breakAt(sort, edge)
    else run.add(sort, visibleAt)
  }
  return { nextAt, connected: run.end(page.more ? undefined : edge) }
}

/** Follows headers with nothing to receive, one behind the other, and has them recorded where that pays. */
const runOf = (scanCache: ScanCache, start: { from: string; connected: boolean; now: number; releases: number }) => {
  const { now, releases } = start
  let { from, connected } = start
  let last: string | undefined
  let headers = 0
  let until = Number.POSITIVE_INFINITY

  const record = (edge: string | undefined) => {
    const to = edge !== undefined && edge > (last ?? from) ? edge : last
    if (to === undefined || !(connected || headers >= MIN_SKIPPED)) return
    scanCache.record({ from, to, until, headers, now, releases })
    begin(sortRightBehind(to))
    connected = true
  }
  const begin = (at: string) => {
    from = at
    last = undefined
    headers = 0
    until = Number.POSITIVE_INFINITY
  }

  return {
    add: (sort: string, visibleAt: number) => {
      last = sort
      headers++
      until = Math.min(until, visibleAt)
      if (headers === MAX_RANGE_HEADERS) record(undefined)
    },
    /** A header that is to be read again. */
    breakAt: (sort: string, edge: string) => {
      record(edge <= sort ? edge : undefined)
      scanCache.forget(sort, sort)
      begin(sortRightBehind(sort))
      connected = false
    },
    end: (edge: string | undefined): boolean => {
      record(edge)
      return connected && headers === 0
    },
  }
}

const visibleAgainAt = (engine: Engine, target: ScanTarget, segment: Segment | 'unknown' | undefined, now: number) => {
  if (segment === undefined) return Number.POSITIVE_INFINITY
  if (segment === 'unknown') return now
  if (isDropped(target.queue, segment, now)) return Number.POSITIVE_INFINITY
  const next = nextVisibleAt(segment)
  if (next === Number.POSITIVE_INFINITY) sweep(engine, target, segment, now)
  return next
}

/**
 * A header whose messages are all gone lost its deleter between two writes, if it stays: most are seen right between
 * the two. Whether its removal works is not waited for.
 */
const sweep = (engine: Engine, { hints: { emptied } }: ScanTarget, segment: Segment, now: number): void => {
  const { sort } = segment.key
  const seenAt = emptied.get(sort)
  if (seenAt === undefined) {
    if (emptied.size >= EMPTIED_KEPT) emptied.clear()
    emptied.set(sort, now)
  } else if (now - seenAt >= DELETER_GONE_MS) {
    emptied.delete(sort)
    void engine.store.change([removeSegment(segment)])
  }
}
