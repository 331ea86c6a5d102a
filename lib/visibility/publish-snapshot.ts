import { encodeSnapshot, type InFlightSnapshot, publishable } from '../hints/in-flight-snapshot.ts'
import type { KeyRange } from '../hints/scan-cache/key-range.ts'
import type { ScanTarget } from '../hints/scan-target.ts'
import { snapshotKey } from '../store/keys.ts'
import type { ExchangeParts } from './exchange-parts.ts'
import { KEPT_MS, MIN_SHARED, readSnapshot } from './read-snapshot.ts'

/** A snapshot costs one write unit: about what it costs to read this many headers twice. */
const MIN_UNPUBLISHED = 32
const PUBLISH_PAUSE_MS = 200

/** Whether enough headers are in flight that the last snapshot does not have, so that a new one saves more than it costs. */
export const isWorthPublishing = ({ clock }: ExchangeParts, { hints: { scanCache, snapshot } }: ScanTarget): boolean =>
  scanCache.headers >= MIN_SHARED &&
  scanCache.unpublished >= MIN_UNPUBLISHED &&
  clock.now() - (snapshot.consideredAt ?? 0) >= PUBLISH_PAUSE_MS

/**
 * Publishes what this process knows to be in flight, unless another process has published most of it.
 *
 * reads: the stored snapshot, 0.5 RRU · writes: the snapshot, 1 WRU for about every 40 headers that come to be in flight
 */
export const publishSnapshot = async (parts: ExchangeParts, target: ScanTarget): Promise<void> => {
  const { store, clock, random } = parts
  const { partition, priority, hints } = target
  const { scanCache, snapshot: known } = hints
  const now = clock.now()
  known.consideredAt = now
  const keyRanges = publishable(scanCache.keyRanges, priority, now)
  const end = keyRanges.at(-1)?.end
  // Pollers that start together have different thresholds, so that not all of them write.
  const enough = MIN_UNPUBLISHED * (1 + random.fraction())
  const isNew = (): boolean => end !== undefined && unpublishedIn(scanCache.keyRanges, known.latest, end) >= enough
  if (!isNew()) return
  await readSnapshot(parts, target)
  if (end === undefined || !isNew()) return
  const snapshot: InFlightSnapshot = { writtenAt: now, keyRanges }
  await store.transact([
    { kind: 'put', key: snapshotKey(partition, priority), value: encodeSnapshot(snapshot), expiresAt: now + KEPT_MS },
  ])
  known.latest = snapshot
  known.readAt = now
  scanCache.markPublished(end)
}

/** The number of headers behind the end of a snapshot, up to `end`. Of a range in which the snapshot ends, half of the headers count. */
const unpublishedIn = (keyRanges: readonly KeyRange[], snapshot: InFlightSnapshot | undefined, end: string): number => {
  const published = snapshot?.keyRanges.at(-1)?.end ?? ''
  return keyRanges.reduce((sum, range) => {
    if (range.end <= published || range.end > end) return sum
    return sum + (range.from < published ? range.headers / 2 : range.headers)
  }, 0)
}
