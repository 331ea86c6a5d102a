import { skipsKey } from '../hints/in-flight-snapshot.ts'
import { priorityOf, type SegmentKey, sortFrom } from '../model/segment-key.ts'
import { earlyReleasePartition } from '../store/keys.ts'
import type { ExchangeParts } from './exchange-parts.ts'
import { KEPT_MS, readSnapshot } from './read-snapshot.ts'

/** As it is stored: the header's sort key, and when the message becomes visible, epoch ms. */
export interface EarlyRelease {
  readonly s: string
  readonly v: number
}

/** A load also reads early releases from this long before the snapshot or the last load, because they may have been stored late. */
export const RELEASES_LATE_MS = 5_000
/** How long a process decides by the snapshot that it read or wrote last, before it reads the stored one again. */
const SNAPSHOT_KNOWN_MS = 5_000

/**
 * Publishes that a message becomes visible sooner than the snapshot says.
 *
 * reads: the snapshot, 0.5 RRU every five seconds · writes: the early release, 1 WRU, only where the snapshot hides the message
 */
export const publishEarlyRelease = async (
  parts: ExchangeParts,
  { partition, sort }: SegmentKey,
  visibleAt: number,
): Promise<void> => {
  const { store, clock, random, polls } = parts
  const priority = priorityOf(sort)
  const target = { partition, priority, hints: polls.target(partition, priority) }
  const now = clock.now()
  const { latest, readAt = 0 } = target.hints.snapshot
  const snapshot = now - readAt < SNAPSHOT_KNOWN_MS ? latest : await readSnapshot(parts, target)
  if (!snapshot || !skipsKey(snapshot, sort, visibleAt)) return
  const unique = Buffer.from(random.bytes(4)).toString('hex')
  const key = { partition: earlyReleasePartition(partition), sort: sortFrom(priority, now) + unique }
  await store.transact([{ kind: 'put', key, value: { s: sort, v: visibleAt }, expiresAt: now + KEPT_MS }])
}
