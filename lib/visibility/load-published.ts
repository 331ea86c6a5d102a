import type { ScanCache } from '../hints/scan-cache/scan-cache.ts'
import type { ScanTarget } from '../hints/scan-target.ts'
import { sortFrom } from '../model/segment-key.ts'
import { earlyReleasePartition } from '../store/keys.ts'
import type { Document } from '../store/port.ts'
import { type EarlyRelease, RELEASES_LATE_MS } from './early-release.ts'
import type { ExchangeParts } from './exchange-parts.ts'
import { MIN_SHARED, readSnapshot } from './read-snapshot.ts'

const RELEASES_EVERY_MS = 2_000
const RELEASES_PAGE = 200

/**
 * Loads the snapshot at the first poll of a process, and early releases every two seconds while many headers are in flight.
 *
 * reads: 0.5 RRU each
 * @returns whether a scan must now read other ranges than before; nothing when neither is due
 */
export const loadPublished = (parts: ExchangeParts, target: ScanTarget): Promise<boolean> | undefined => {
  const { snapshot: known, scanCache } = target.hints
  const now = parts.clock.now()
  const { loadedAt } = known
  if (loadedAt === undefined) {
    known.loadedAt = now
    return loadSnapshot(parts, target)
  }
  if (scanCache.headers < MIN_SHARED || now - loadedAt < RELEASES_EVERY_MS) return undefined
  known.loadedAt = now
  return loadReleases(parts, target, loadedAt - RELEASES_LATE_MS)
}

const loadSnapshot = async (parts: ExchangeParts, target: ScanTarget): Promise<boolean> => {
  const snapshot = await readSnapshot(parts, target)
  const now = parts.clock.now()
  const live = snapshot?.keyRanges.filter(({ until }) => until > now) ?? []
  if (!snapshot || live.length === 0) return false
  target.hints.scanCache.addSnapshot(live, now)
  await loadReleases(parts, target, snapshot.writtenAt - RELEASES_LATE_MS)
  return true
}

const loadReleases = async ({ store }: ExchangeParts, target: ScanTarget, since: number): Promise<boolean> => {
  const { partition, priority, hints } = target
  const { scanCache } = hints
  const before = scanCache.releases
  for (let after = sortFrom(priority, since); ; ) {
    const documents = await store.listDocuments({
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

const release = (scanCache: ScanCache, { value }: Document): void => {
  const { s: sort, v: visibleAt } = (value ?? {}) as Partial<EarlyRelease>
  if (typeof sort === 'string' && typeof visibleAt === 'number') scanCache.release(sort, visibleAt)
}
