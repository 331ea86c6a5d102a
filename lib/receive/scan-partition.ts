import type { Engine } from '../engine.ts'
import { MIN_SKIPPED, type Range } from '../hints/scan-cache/read-plan.ts'
import type { Request, ScanTarget } from '../hints/scan-target.ts'
import { isHoldfastError } from '../model/errors.ts'
import type { Message } from '../model/message.ts'
import type { Segment } from '../model/segment.ts'
import { dueAtOf, sortFrom, sortRightBehind, sortUpTo } from '../model/segment-key.ts'
import type { HeaderPage } from '../store/port.ts'
import { type Claimed, claimFrom } from './claim.ts'
import { recordScan } from './record-scan.ts'
import type { ScanResult } from './scan-result.ts'

/** A scan reads a little past now, so that a long poll knows when to scan again. */
const AHEAD_MS = 1_000
const MIN_HEADERS = 4
/** About as many as the megabyte of a Query holds. */
const MAX_HEADERS = 4_000
const PAGE_GROWTH = 4

/** Receives up to `want` messages from one priority of one partition. */
export const scanPartition = async (engine: Engine, target: ScanTarget, request: Request): Promise<ScanResult> => {
  const messages: Message[] = []
  target.hints.scanning++
  const publishing = engine.visibility.publish(target)
  try {
    const result = await scanRanges(engine, target, request, messages, engine.visibility.load(target))
    // The ranges were chosen before the load had ended.
    return result.isOutdated ? await scanRanges(engine, target, request, messages) : result
  } catch (error) {
    if (messages.length === 0 || !isHoldfastError(error)) throw error
    return { messages, nextAt: Number.POSITIVE_INFINITY }
  } finally {
    target.hints.scanning--
    if (publishing !== undefined) await publishing
  }
}

/** A scan of one partition that is under way. */
interface Scan {
  readonly engine: Engine
  readonly target: ScanTarget
  readonly request: Request
  readonly messages: Message[]
  /** When the first message that was read and not claimed becomes visible, epoch ms. */
  nextAt: number
  /** The last key that was read. */
  readTo: string
  /** The load of what other processes published, concurrent with the first read. */
  loading: Promise<boolean> | undefined
  /** Whether something was loaded after the ranges that the scan reads were chosen. */
  isOutdated: boolean
}

/** Reads the ranges that may have something, and claims from them until there are as many messages as wanted. */
const scanRanges = async (
  engine: Engine,
  target: ScanTarget,
  request: Request,
  messages: Message[],
  loading?: Promise<boolean>,
): Promise<ScanResult & { readonly isOutdated?: boolean }> => {
  const scan: Scan = {
    engine,
    target,
    request,
    messages,
    nextAt: Number.POSITIVE_INFINITY,
    readTo: '',
    loading,
    isOutdated: false,
  }
  const { scanCache } = target.hints
  const now = engine.clock.now()
  const ranges = scanCache.ranges(sortFrom(target.priority), sortUpTo(target.priority, now + AHEAD_MS), now)
  for (let at = 0; at < ranges.length; ) {
    const together = readTogether(ranges, at)
    at += together.length
    await scanPages(scan, together)
    if (isOver(scan)) return scan
  }
  return { messages, nextAt: Math.min(scan.nextAt, scanCache.endsAt()) }
}

const isOver = ({ messages, request, isOutdated }: Scan): boolean =>
  messages.length >= request.want || request.signal?.aborted === true || isOutdated

/** Scans a range page by page, each larger than the one before. The ranges to check are read concurrently with the first page. */
const scanPages = async (scan: Scan, together: readonly Range[]): Promise<void> => {
  const { engine, target, request } = scan
  const main = together.at(-1) as Range
  let reads = together
  let limit = firstLimit(target, request.want) + Math.min(MIN_SKIPPED, main.headers)
  let isConnected = true
  for (;;) {
    const { releases } = target.hints.scanCache
    const pages = await readPages(scan, reads, limit)
    const claimed = await claimUnread(scan, pages)
    const recorded = recordPages(engine, target, reads, pages, { isConnected, releases }, claimed.after)
    scan.nextAt = Math.min(scan.nextAt, recorded.nextAt)
    isConnected = recorded.isConnected
    const next = isOver(scan) ? undefined : behindPage(pages.at(-1), engine.clock.now())
    if (next === undefined) return
    reads = [{ ...main, from: next }]
    limit = Math.min(MAX_HEADERS, limit * PAGE_GROWTH)
  }
}

/** Reads ranges concurrently. The first call also waits for the load of what other processes published. */
const readPages = async (scan: Scan, reads: readonly Range[], limit: number): Promise<HeaderPage[]> => {
  const { engine, target, loading } = scan
  const { hints } = target
  const readAt = engine.clock.now()
  const reading = readHeaders(engine, target, reads, limit)
  scan.loading = undefined
  if (loading !== undefined) [, scan.isOutdated] = await Promise.all([reading, loading])
  const pages = await reading
  hints.roundTripMs += (engine.clock.now() - readAt - hints.roundTripMs) / 8
  return pages
}

/** Claims from the segments of pages that no earlier page had. */
const claimUnread = async (scan: Scan, pages: readonly HeaderPage[]): Promise<Claimed> => {
  const { engine, target, request, messages } = scan
  const found = unread(scan.readTo, pages)
  scan.readTo = found.at(-1)?.key.sort ?? scan.readTo
  const remaining = { ...request, want: request.want - messages.length }
  const claimed = await claimFrom(engine, target, found, remaining, { more: pages.at(-1)?.more ?? false })
  messages.push(...claimed.messages)
  return claimed
}

/** Where the next page begins; `undefined` if the partition ends here or the next header is not due yet. */
const behindPage = (page: HeaderPage | undefined, now: number): string | undefined => {
  const last = page?.segments.at(-1)?.key.sort
  return page?.more && last !== undefined && dueAtOf(last) <= now ? sortRightBehind(last) : undefined
}

/** The ranges to check that come next, and the range behind them that may hold something. */
const readTogether = (ranges: readonly Range[], at: number): Range[] => {
  let last = at
  while (ranges[last]?.check && last < ranges.length - 1) last++
  return ranges.slice(at, last + 1)
}

const readHeaders = (
  engine: Engine,
  target: ScanTarget,
  reads: readonly Range[],
  limit: number,
): Promise<HeaderPage[]> =>
  allOf(
    reads.map(({ from, to, check, headers }) =>
      engine.store.headers({ partition: target.partition, from, to, limit: check ? headers : limit }),
    ),
  )

/** Records pages that were read concurrently. Returns when a message of them becomes visible, and whether all of them are cached. */
const recordPages = (
  engine: Engine,
  target: ScanTarget,
  reads: readonly Range[],
  pages: readonly HeaderPage[],
  before: { isConnected: boolean; releases: number },
  after: Claimed['after'],
): { nextAt: number; isConnected: boolean } => {
  let nextAt = Number.POSITIVE_INFINITY
  let { isConnected } = before
  for (const [position, page] of pages.entries()) {
    const { from, edge } = reads[position] as Range
    const recorded = recordScan(engine, target, { from, edge, page, ...before }, after)
    nextAt = Math.min(nextAt, recorded.nextAt)
    isConnected = recorded.isConnected
  }
  return { nextAt, isConnected }
}

/** `Promise.all`, without its cost where there is only one promise: about that of a whole page in the memory store. */
const allOf = async <T>(promises: readonly Promise<T>[]): Promise<T[]> => {
  const [only] = promises
  return only && promises.length === 1 ? [await only] : Promise.all(promises)
}

/** The segments of pages behind a key. Neighbouring ranges share the key between them: no segment is returned twice. */
const unread = (readTo: string, pages: readonly HeaderPage[]): Segment[] => {
  const found: Segment[] = []
  let last = readTo
  for (const { segments } of pages) {
    for (const segment of segments) {
      if (segment.key.sort <= last) continue
      last = segment.key.sort
      found.push(segment)
    }
  }
  return found
}

/** As many headers as should hold `want` messages: more when other polls, here or in other processes, claim the same ones. */
const firstLimit = ({ hints }: ScanTarget, want: number): number => {
  const rivals = hints.contention.pressure * Math.max(1, hints.scanning)
  const headers = Math.ceil((want / hints.density) * rivals)
  return Math.min(MAX_HEADERS, Math.max(MIN_HEADERS, headers + (want > 1 ? 1 : 0)))
}
