import type { Clock } from '../../lib/clock.ts'

/** The bytes of a request or an answer that is held in memory. */
export interface Share {
  readonly bytes: number
  /** Whether its client has not sent all of the request, or not taken all of the answer. */
  isUnderWay(): boolean
  /** Ends the client's connection. */
  cut(): void
}

/** Bounds how many bytes are held at one time. Shares that do not fit wait, in order of arrival. */
export interface ByteBudget {
  /**
   * Resolves when the share has its bytes, which `release` gives back. Resolves to false, without bytes, at the end of the longest wait
   * or when the signal aborts. A share larger than the budget fits when there is no other.
   */
  acquire(share: Share, signal: AbortSignal): Promise<boolean>
  /** Counts a share that is held already, whether it fits or not: shares that come later wait. */
  force(share: Share): void
  /** Gives back what a share turns out not to need. Without effect for one that was not acquired, or that has fewer bytes. */
  shrink(share: Share, bytes: number): void
  release(share: Share): void
}

/** Holdfast's own client gives a try up after ten seconds, and most SDKs later. */
const MAX_WAIT_MS = 8_000
/** What has not been sent or taken in this time is cut off while others wait for its bytes. */
const MAX_TRANSFER_MS = 10_000
const CHECK_EVERY_MS = 1_000

interface Waiting {
  readonly share: Share
  readonly admitted: AbortController
}

export const byteBudget = (maxBytes: number, clock: Clock): ByteBudget => {
  const held = heldShares(maxBytes, clock)
  const waiting = new Set<Waiting>()
  const admitNext = (): void => {
    for (const next of waiting) {
      if (!held.fits(next.share)) return
      waiting.delete(next)
      held.add(next.share)
      next.admitted.abort()
    }
  }
  const wait = async ({ admitted }: Waiting, signal: AbortSignal): Promise<void> => {
    const ended = AbortSignal.any([admitted.signal, signal])
    for (const end = clock.now() + MAX_WAIT_MS; clock.now() < end && !ended.aborted; held.cutSlow()) {
      await clock.sleep(CHECK_EVERY_MS, ended)
    }
  }
  return {
    acquire: async (share, signal) => {
      if (waiting.size === 0 && held.fits(share)) return held.add(share)
      const one = { share, admitted: new AbortController() }
      waiting.add(one)
      admitNext()
      if (!held.has(share)) await wait(one, signal)
      if (held.has(share)) return true
      waiting.delete(one)
      admitNext()
      return false
    },
    force: (share) => void held.add(share),
    shrink: (share, bytes) => {
      if (held.shrink(share, bytes)) admitNext()
    },
    release: (share) => {
      if (held.delete(share)) admitNext()
    },
  }
}

/** The shares that have their bytes. */
const heldShares = (maxBytes: number, clock: Clock) => {
  const acquired = new Map<Share, { readonly since: number; readonly bytes: number }>()
  let heldBytes = 0
  return {
    has: (share: Share): boolean => acquired.has(share),
    fits: (share: Share): boolean => acquired.size === 0 || heldBytes + share.bytes <= maxBytes,
    add: (share: Share): true => {
      acquired.set(share, { since: clock.now(), bytes: share.bytes })
      heldBytes += share.bytes
      return true
    },
    shrink: (share: Share, bytes: number): boolean => {
      const found = acquired.get(share)
      if (!found || found.bytes <= bytes) return false
      acquired.set(share, { ...found, bytes })
      heldBytes -= found.bytes - bytes
      return true
    },
    delete: (share: Share): boolean => {
      const found = acquired.get(share)
      if (!found) return false
      acquired.delete(share)
      heldBytes -= found.bytes
      return true
    },
    cutSlow: (): void => {
      for (const [share, { since }] of acquired) {
        if (clock.now() - since >= MAX_TRANSFER_MS && share.isUnderWay()) share.cut()
      }
    },
  }
}
