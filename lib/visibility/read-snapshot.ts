import { decodeSnapshot, type InFlightSnapshot } from '../hints/in-flight-snapshot.ts'
import type { ScanTarget } from '../hints/scan-target.ts'
import type { JsonValue } from '../model/message.ts'
import { snapshotKey } from '../store/keys.ts'
import type { ExchangeParts } from './exchange-parts.ts'

/** With fewer headers in flight nothing is shared: reading all of them costs a few units, and checks find everything within seconds. */
export const MIN_SHARED = 64
/** A snapshot or an early release that nobody read for so long is of no use. */
export const KEPT_MS = 7 * 86_400_000

/** The latest snapshot of a scan target that this process knows, after a read of the stored one. reads: 0.5 RRU */
export const readSnapshot = async (
  { store, clock }: ExchangeParts,
  { partition, priority, hints }: Omit<ScanTarget, 'queue'>,
): Promise<InFlightSnapshot | undefined> => {
  const { snapshot: known, scanCache } = hints
  known.readAt = clock.now()
  const document = await store.getDocument(snapshotKey(partition, priority))
  const stored = document && readable(document.value, priority)
  if (stored && stored.writtenAt > (known.latest?.writtenAt ?? 0)) {
    known.latest = stored
    scanCache.markPublished(stored.keyRanges.at(-1)?.end ?? '')
  }
  return known.latest
}

/** The decoded snapshot. A damaged snapshot counts as absent: a poll then reads all headers. */
const readable = (value: JsonValue, priority: number): InFlightSnapshot | undefined => {
  try {
    return decodeSnapshot(value, priority)
  } catch {
    return undefined
  }
}
