import type { PollHints } from '../hints/poll-hints.ts'
import type { ScanTarget } from '../hints/scan-target.ts'
import type { SegmentKey } from '../model/segment-key.ts'

/** What processes tell each other of when messages become visible. All of it is hints: nothing is needed for correctness. */
export interface Visibility {
  /** A scan begins: publishes what this process knows to be in flight, where others gain by it. */
  publish(target: ScanTarget): Promise<void> | undefined
  /** Loads what other processes published, when that is due. Returns whether a scan must now read other ranges than before. */
  load(target: ScanTarget): Promise<boolean> | undefined
  /** A message becomes visible sooner than pollers may know. Epoch ms. */
  release(key: SegmentKey, visibleAt: number): Promise<void>
}

/** Processes that share nothing: each finds what others gave back when it checks, or when the key range ends. */
export const localVisibility = (polls: PollHints): Visibility => ({
  publish: () => undefined,
  load: () => undefined,
  release: async (key) => polls.release(key),
})
