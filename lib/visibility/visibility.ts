import type { PollHints } from '../hints/poll-hints.ts'
import type { ScanTarget } from '../hints/scan-target.ts'
import type { SegmentKey } from '../model/segment-key.ts'

/** The exchange between processes about when messages become visible. All of it is hints: correctness does not depend on it. */
export interface Visibility {
  /** Called when a scan begins. Publishes what this process knows to be in flight, when that saves other processes reads. */
  publish(target: ScanTarget): Promise<void> | undefined
  /** Loads what other processes published, when that is due. Returns whether a scan must now read other ranges than before. */
  load(target: ScanTarget): Promise<boolean> | undefined
  /** Records, and publishes where needed, that a message becomes visible sooner than pollers may know. `visibleAt` is epoch ms. */
  release(key: SegmentKey, visibleAt: number): Promise<void>
}

/** Processes that share nothing: each finds what others gave back when it checks, or when the key range ends. */
export const localVisibility = (polls: PollHints): Visibility => ({
  publish: () => undefined,
  load: () => undefined,
  release: async (key) => polls.release(key),
})
