import type { Engine } from '../engine.ts'
import { MIN_SKIPPED, type Range } from '../hints/scan-cache.ts'
import type { Request, ScanTarget } from '../hints/scan-target.ts'
import { isHoldfastError } from '../model/errors.ts'
import type { Message } from '../model/message.ts'
import type { Segment } from '../model/segment.ts'
import { dueAtOf, sortFrom, sortRightBehind, sortUpTo } from '../model/segment-key.ts'
import type { HeaderPage } from '../store/port.ts'
import { loadEarlyReleases, publishSnapshot } from '../visibility/snapshot-exchange.ts'
import { type Claimed, claimFrom } from './claim.ts'
import { recordScan } from './record-scan.ts'
import type { ScanResult } from './scan-result.ts'

/** Reads a little past now, so that a long poll knows when to look again. */
const AHEAD_MS = 1_000

const MIN_HEADERS = 4

/** About a Query's megabyte. */
const MAX_HEADERS = 4_000

const PAGE_GROWTH = 4

/** Takes what is wanted from one priority of one partition. */
export const scanPartition = async (engine: Engine, target: ScanTarget, request: Request): Promise<ScanResult> => {
  const messages: Message[] = []
  target.hints.scanning++
  const telling = publishSnapshot(engine, target)
  try {
    const result = await scanRanges(engine, target, request, messages, loadEarlyReleases(engine, target))
    // What others told was not known yet when it was decided what to read.
    return result.stale ? await scanRanges(engine, target, request, messages) : result
  } catch (error) {
    if (messages.length === 0 || !isHoldfastError(error)) throw error
    return { messages, nextAt: Number.POSITIVE_INFINITY }
  } finally {
    target.hints.scanning--
    if (telling !== undefined) await telling
  }
}

/** Adds to `messages` till there are as many as wanted; `stale` when it stopped for news that came beside its first read. */
const scanRanges = async (
  engine: Engine,
  target: ScanTarget,
  request: Request,
  messages: Message[],
  hearing?: Promise<boolean>,
): Promise<ScanResult & { stale?: boolean }> => {
  const { hints, priority } = target
  const { scanCache } = hints
  const startedAt = engine.clock.now()
  let nextAt = Number.POSITIVE_INFINITY
  let seenTo = ''
  const ranges = scanCache.ranges(sortFrom(priority), sortUpTo(priority, startedAt + AHEAD_MS), startedAt)
  for (let at = 0; at < ranges.length; ) {
    let reads = readTogether(ranges, at)
    at += reads.length
    const main = reads.at(-1) as Range
    let limit = firstLimit(target, request.want) + Math.min(MIN_SKIPPED, main.headers)
    for (let connected = true; ; ) {
      const { releases } = scanCache
      const readAt = engine.clock.now()
      const reading = readHeaders(engine, target, reads, limit)
      const [pages, stale] = hearing !== undefined ? await Promise.all([reading, hearing]) : [await reading, false]
      hearing = undefined
      hints.roundTripMs += (engine.clock.now() - readAt - hints.roundTripMs) / 8
      const found = behind(seenTo, pages)
      seenTo = found.at(-1)?.key.sort ?? seenTo
      const remaining = { ...request, want: request.want - messages.length }
      const result = await claimFrom(engine, target, found, remaining, { more: pages.at(-1)?.more ?? false })
      messages.push(...result.messages)
      const recorded = recordPages(engine, target, reads, pages, { connected, releases }, result.after)
      nextAt = Math.min(nextAt, recorded.nextAt)
      connected = recorded.connected
      if (messages.length >= request.want || request.signal?.aborted) return { messages, nextAt }
      if (stale) return { messages, nextAt, stale }
      const page = pages.at(-1)
      const last = page?.segments.at(-1)?.key.sort
      if (!page?.more || last === undefined || dueAtOf(last) > engine.clock.now()) break
      reads = [{ ...main, from: sortRightBehind(last) }]
      limit = Math.min(MAX_HEADERS, limit * PAGE_GROWTH)
    }
  }
  return { messages, nextAt: Math.min(nextAt, scanCache.endsAt()) }
}

/** The next range that is to be read for what it may hold, after those to check that come before it. */
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

/** Takes note of what was read side by side. Answers when that next has something, and whether all of it is recorded. */
const recordPages = (
  engine: Engine,
  target: ScanTarget,
  reads: readonly Range[],
  pages: readonly HeaderPage[],
  before: { connected: boolean; releases: number },
  after: Claimed['after'],
): { nextAt: number; connected: boolean } => {
  let nextAt = Number.POSITIVE_INFINITY
  let { connected } = before
  for (const [position, page] of pages.entries()) {
    const { from, edge } = reads[position] as Range
    const recorded = recordScan(engine, target, { from, edge, page, ...before }, after)
    nextAt = Math.min(nextAt, recorded.nextAt)
    connected = recorded.connected
  }
  return { nextAt, connected }
}

/** `Promise.all`, whose own work is about what a whole page of the hints store costs, where there is but one. */
const allOf = async <T>(promises: readonly Promise<T>[]): Promise<T[]> => {
  const [only] = promises
  return only && promises.length === 1 ? [await only] : Promise.all(promises)
}

/** The segments of pages one behind the other. Neighbouring ranges share the key between them: none comes twice. */
const behind = (seenTo: string, pages: readonly HeaderPage[]): Segment[] => {
  const found: Segment[] = []
  let last = seenTo
  for (const { segments } of pages) {
    for (const segment of segments) {
      if (segment.key.sort <= last) continue
      last = segment.key.sort
      found.push(segment)
    }
  }
  return found
}

/** As many headers as the wish should take, more when others, here or elsewhere, are after the same ones. */
const firstLimit = ({ hints }: ScanTarget, want: number): number => {
  const rivals = hints.contention.pressure * Math.max(1, hints.scanning)
  const headers = Math.ceil((want / hints.density) * rivals)
  return Math.min(MAX_HEADERS, Math.max(MIN_HEADERS, headers + (want > 1 ? 1 : 0)))
}
