import type { Engine } from '../engine.ts'
import { followUp } from '../follow-up.ts'
import {
  decodeSnapshot,
  encodeSnapshot,
  hides,
  type InFlightSnapshot,
  publishable,
} from '../hints/in-flight-snapshot.ts'
import type { KeyRange } from '../hints/scan-cache/key-range.ts'
import type { ScanTarget } from '../hints/scan-target.ts'
import { isOrdered } from '../model/group.ts'
import { priorityOf, type SegmentKey, sortFrom } from '../model/segment-key.ts'
import { bestEffort } from '../store/best-effort.ts'
import { earlyReleasePartition, snapshotKey } from '../store/keys.ts'
import type { Document } from '../store/port.ts'

/**
 * How the processes of a queue share what they know of its front. Whoever polls with many headers in flight before
 * them writes a hint now and then; a process that polls for the first time reads it beside its first Query. Whoever
 * makes a message visible sooner than the hint says leaves a notice, which pollers read every two seconds. So a new
 * process skips what is in flight, and finds what another gave back, without reading through all of it.
 *
 * Nothing here is needed for correctness, so nothing here may fail what it goes along with.
 */

/** With fewer headers in flight, reading them costs a few units and checks find everything within seconds. */
const MIN_PUBLISHED = 64
/** So much more in flight is news: a hint costs one write unit, about what it costs twice to read as many headers. */
const NEWS = 32
const PUBLISH_PAUSE_MS = 200
/** How long a nack goes by what it knows of the hint. */
const HINT_KNOWN_MS = 5_000
const RELEASES_EVERY_MS = 2_000
/** A notice may have been on its way when the hint was written, or when notices were last read. */
const RELEASES_LATE_MS = 5_000
const RELEASES_PAGE = 200
/** Unread for so long, a hint or a notice has nothing to say any more. */
const KEPT_MS = 7 * 86_400_000
/** A role that may not share hints can do all the rest without them. */
const ALSO_UNPERMITTED = { except: ['AccessDenied'] } as const

/**
 * Tells others what this process passes over, when that is news to them.
 *
 * reads: the hint that is there, 0.5 RRU · writes: the hint, 1 WRU for about every 40 headers that came to be in flight
 */
export const publishSnapshot = (engine: Engine, target: ScanTarget): Promise<void> | undefined => {
  const { scanCache, front } = target.hints
  if (scanCache.headers < MIN_PUBLISHED || scanCache.unpublished < NEWS) return undefined
  const now = engine.clock.now()
  if (now - (front.publishedAt ?? 0) < PUBLISH_PAUSE_MS) return undefined
  front.publishedAt = now
  // Waited for when the messages that were found are leased already.
  return followUp(engine, target.queue.name, () => bestEffort(tell(engine, target, now), undefined, ALSO_UNPERMITTED))
}

const tell = async (engine: Engine, target: ScanTarget, now: number): Promise<void> => {
  const { partition, priority, hints } = target
  const { scanCache, front } = hints
  const told = publishable(scanCache.keyRanges, priority, now)
  const end = told.at(-1)?.end
  // Pollers that start together do not all come to the same conclusion at once.
  const news = NEWS * (1 + engine.random.fraction())
  if (end === undefined || unpublishedIn(scanCache.keyRanges, front.hint, end) < news) return
  await loadHint(engine, target)
  if (unpublishedIn(scanCache.keyRanges, front.hint, end) < news) return
  const hint: InFlightSnapshot = { writtenAt: now, keyRanges: told }
  await engine.store.transact([
    { kind: 'put', key: snapshotKey(partition, priority), value: encodeSnapshot(hint), expiresAt: now + KEPT_MS },
  ])
  front.hint = hint
  front.hintAt = now
  scanCache.markPublished(end)
}

/** Headers that lie behind a hint, up to where the next one would end; about half of a key range that it ends in. */
const unpublishedIn = (row: readonly KeyRange[], hint: InFlightSnapshot | undefined, end: string): number => {
  const known = hint?.keyRanges.at(-1)?.end ?? ''
  return row.reduce((sum, keyRange) => {
    if (keyRange.end <= known || keyRange.end > end) return sum
    return sum + (keyRange.from < known ? keyRange.headers / 2 : keyRange.headers)
  }, 0)
}

/**
 * Learns what other processes know, when that is due: the hint at the first poll, notices now and then.
 *
 * reads: 0.5 RRU each · @returns whether there is something else to read now than there was
 */
export const loadEarlyReleases = (engine: Engine, target: ScanTarget): Promise<boolean> | undefined => {
  const { front, scanCache } = target.hints
  const now = engine.clock.now()
  const { loadedAt } = front
  if (loadedAt !== undefined && (scanCache.headers < MIN_PUBLISHED || now - loadedAt < RELEASES_EVERY_MS))
    return undefined
  front.loadedAt = now
  const hearing =
    loadedAt === undefined ? loadSnapshot(engine, target) : loadReleases(engine, target, loadedAt - RELEASES_LATE_MS)
  return bestEffort(hearing, false, ALSO_UNPERMITTED)
}

const loadSnapshot = async (engine: Engine, target: ScanTarget): Promise<boolean> => {
  const hint = await loadHint(engine, target)
  const now = engine.clock.now()
  const live = hint?.keyRanges.filter(({ until }) => until > now) ?? []
  if (!hint || live.length === 0) return false
  target.hints.scanCache.addSnapshot(live, now)
  await loadReleases(engine, target, hint.writtenAt - RELEASES_LATE_MS)
  return true
}

const loadReleases = async (engine: Engine, target: ScanTarget, since: number): Promise<boolean> => {
  const { partition, priority, hints } = target
  const { scanCache } = hints
  const before = scanCache.releases
  for (let after = sortFrom(priority, since); ; ) {
    const documents = await engine.store.listDocuments({
      partition: earlyReleasePartition(partition),
      prefix: String(9 - priority),
      after,
      limit: RELEASES_PAGE,
    })
    for (const document of documents) release(scanCache, document)
    const last = documents.at(-1)
    if (!last || documents.length < RELEASES_PAGE) return scanCache.releases > before
    after = last.sort
  }
}

const release = (scanCache: ScanTarget['hints']['scanCache'], { value }: Document): void => {
  const { s: sort, v: visibleAt } = value as { s: string; v: number }
  scanCache.release(sort, visibleAt)
}

/**
 * Tells pollers that a message becomes visible sooner than they may know, here and in other processes.
 *
 * reads: the hint, 0.5 RRU every five seconds · writes: a notice, 1 WRU, only where the hint hides the message
 */
export const releaseEarly = async (engine: Engine, key: SegmentKey, visibleAt: number): Promise<void> => {
  engine.polls.release(key)
  // In the groups of FIFO queues nothing is passed over.
  if (isOrdered(key.partition.group)) return
  await followUp(engine, key.partition.queue, () =>
    bestEffort(leaveNotice(engine, key, visibleAt), undefined, ALSO_UNPERMITTED),
  )
}

const leaveNotice = async (engine: Engine, { partition, sort }: SegmentKey, visibleAt: number): Promise<void> => {
  const priority = priorityOf(sort)
  const target = { partition, priority, hints: engine.polls.target(partition, priority) }
  const now = engine.clock.now()
  const { hint, hintAt = 0 } = target.hints.front
  const known = now - hintAt < HINT_KNOWN_MS ? hint : await loadHint(engine, target)
  if (!known || !hides(known, sort, visibleAt)) return
  const unique = Buffer.from(engine.random.bytes(4)).toString('hex')
  const notice = { partition: earlyReleasePartition(partition), sort: sortFrom(priority, now) + unique }
  const value = { s: sort, v: visibleAt }
  await engine.store.transact([{ kind: 'put', key: notice, value, expiresAt: now + KEPT_MS }])
}

const loadHint = async (
  engine: Engine,
  { partition, priority, hints }: Omit<ScanTarget, 'queue'>,
): Promise<InFlightSnapshot | undefined> => {
  const { front, scanCache } = hints
  front.hintAt = engine.clock.now()
  const document = await engine.store.getDocument(snapshotKey(partition, priority))
  const hint = document && decodeSnapshot(document.value, priority)
  if ((hint?.writtenAt ?? 0) > (front.hint?.writtenAt ?? 0)) {
    front.hint = hint
    scanCache.markPublished(hint?.keyRanges.at(-1)?.end ?? '')
  }
  return front.hint
}
