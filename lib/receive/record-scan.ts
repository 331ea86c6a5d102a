import type { Engine } from '../engine.ts'
import { MAX_RANGE_HEADERS } from '../hints/scan-cache/key-range.ts'
import { MIN_SKIPPED } from '../hints/scan-cache/read-plan.ts'
import type { ScanCache } from '../hints/scan-cache/scan-cache.ts'
import type { ScanTarget } from '../hints/scan-target.ts'
import { isDropped } from '../model/queue-record.ts'
import { nextVisibleAt, type Segment } from '../model/segment.ts'
import { removeSegment } from '../model/segment-change.ts'
import { sortRightBehind, sortUpTo } from '../model/segment-key.ts'
import type { HeaderPage } from '../store/port.ts'
import type { Claimed } from './claim.ts'

export interface PageRead {
  readonly from: string
  /** See `Range`. */
  readonly edge: string
  readonly page: HeaderPage
  /** Whether all keys before the page are cached. */
  readonly isConnected: boolean
  /** `scanCache.releases` before the page was read. */
  readonly releases: number
}

/**
 * Adds the headers of a page that have nothing to receive now to the scan cache.
 *
 * @returns when a message of the page becomes visible, epoch ms, and whether all keys through the end of the page are cached
 */
export const recordScan = (
  engine: Engine,
  target: ScanTarget,
  { from, edge, page, isConnected, releases }: PageRead,
  after: Claimed['after'],
): { nextAt: number; isConnected: boolean } => {
  const now = engine.clock.now()
  const dueTo = sortUpTo(target.priority, now)
  const recorder: Recorder = { scanCache: target.hints.scanCache, now, releases, ...emptyRun(from, isConnected) }
  let nextAt = Number.POSITIVE_INFINITY
  for (const read of page.segments) {
    const { sort } = read.key
    const segment = after.has(sort) ? after.get(sort) : read
    const visibleAt = visibleAgainAt(engine, target, segment, now)
    if (visibleAt > now) nextAt = Math.min(nextAt, visibleAt)
    if (visibleAt <= now || sort > dueTo) endRunBefore(recorder, sort, edge)
    else addToRun(recorder, sort, visibleAt)
  }
  recordRun(recorder, page.more ? undefined : edge)
  return { nextAt, isConnected: recorder.isConnected && recorder.headers === 0 }
}

/** Headers with nothing to receive, one behind the other, that are not in the scan cache yet. */
interface Run {
  from: string
  /** Whether all keys before the run are cached. */
  isConnected: boolean
  last: string | undefined
  headers: number
  /** When the first message becomes visible, epoch ms. */
  until: number
}

interface Recorder extends Run {
  readonly scanCache: ScanCache
  readonly now: number
  readonly releases: number
}

const emptyRun = (from: string, isConnected: boolean): Run => ({
  from,
  isConnected,
  last: undefined,
  headers: 0,
  until: Number.POSITIVE_INFINITY,
})

const addToRun = (recorder: Recorder, sort: string, visibleAt: number): void => {
  recorder.last = sort
  recorder.headers++
  recorder.until = Math.min(recorder.until, visibleAt)
  if (recorder.headers === MAX_RANGE_HEADERS) recordRun(recorder, undefined)
}

/** Ends the run before a header that must be read again. */
const endRunBefore = (recorder: Recorder, sort: string, edge: string): void => {
  recordRun(recorder, edge <= sort ? edge : undefined)
  recorder.scanCache.forget(sort, sort)
  Object.assign(recorder, emptyRun(sortRightBehind(sort), false))
}

/** Puts the run into the scan cache, up to the edge if the edge lies behind it. A short run is put only if all keys before it are cached. */
const recordRun = (recorder: Recorder, edge: string | undefined): void => {
  const { scanCache, from, last, until, headers, now, releases, isConnected } = recorder
  const to = edge !== undefined && edge > (last ?? from) ? edge : last
  if (to === undefined || !(isConnected || headers >= MIN_SKIPPED)) return
  scanCache.record({ from, to, until, headers, now, releases })
  Object.assign(recorder, emptyRun(sortRightBehind(to), true))
}

/** When a segment next has something to receive, epoch ms; now where its state is unknown. */
const visibleAgainAt = (engine: Engine, target: ScanTarget, segment: Segment | 'unknown' | undefined, now: number) => {
  if (segment === undefined) return Number.POSITIVE_INFINITY
  if (segment === 'unknown') return now
  if (isDropped(target.queue, segment, now)) return Number.POSITIVE_INFINITY
  const next = nextVisibleAt(segment)
  if (next === Number.POSITIVE_INFINITY) deleteEmpty(engine, target, segment, now)
  return next
}

const MAX_EMPTIED = 256
/** The process that acked the last message deletes the header within this time, unless it died. */
const DELETER_GONE_MS = 1_000

/**
 * Deletes a header whose messages are all gone, a second after this process first read it. Most such headers are read between the
 * update and the delete of a process that acks the messages. The scan does not wait for the outcome.
 */
const deleteEmpty = (engine: Engine, { hints: { emptied } }: ScanTarget, segment: Segment, now: number): void => {
  const { sort } = segment.key
  const seenAt = emptied.get(sort)
  if (seenAt === undefined) {
    if (emptied.size >= MAX_EMPTIED) emptied.clear()
    emptied.set(sort, now)
  } else if (now - seenAt >= DELETER_GONE_MS) {
    emptied.delete(sort)
    void engine.store.change([removeSegment(segment)])
  }
}
