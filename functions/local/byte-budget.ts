import type { Clock } from '../../lib/clock.ts'

/** A request or an answer that is in memory, or waits to be. */
export interface Transfer {
  readonly bytes: number
  /** Whether its client has not sent all of the request, or not read all of the answer. */
  isUnderWay(): boolean
  /** Ends the client's connection. */
  cut(): void
}

/** Limits the bytes of the transfers that are in memory at one time. A transfer that does not fit waits, in order of arrival. */
export interface ByteBudget {
  /**
   * Resolves to true when the transfer has its bytes, which `release` gives back. Resolves to false when it has waited too long, or
   * its signal has aborted. A transfer larger than the budget fits when no other is in memory.
   */
  acquire(transfer: Transfer, signal: AbortSignal): Promise<boolean>
  /** Gives bytes to a transfer that can't be refused, even where it does not fit: later transfers wait. */
  force(transfer: Transfer): void
  /** Gives back bytes that a transfer does not need. Without effect for one that has no bytes, or fewer. */
  shrink(transfer: Transfer, bytes: number): void
  release(transfer: Transfer): void
}

/** Holdfast's own client gives a try up after ten seconds, and most SDKs later. */
const MAX_WAIT_MS = 8_000
/** A transfer that takes longer is cut off while others wait. */
const MAX_TRANSFER_MS = 10_000
const CHECK_EVERY_MS = 1_000

interface Waiting {
  readonly transfer: Transfer
  readonly admitted: AbortController
}

export const byteBudget = (maxBytes: number, clock: Clock): ByteBudget => {
  const held = heldTransfers(maxBytes, clock)
  const waiting = new Set<Waiting>()
  const admitNext = (): void => {
    for (const next of waiting) {
      if (!held.fits(next.transfer)) return
      waiting.delete(next)
      held.add(next.transfer)
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
    acquire: async (transfer, signal) => {
      const one = { transfer, admitted: new AbortController() }
      waiting.add(one)
      admitNext()
      if (!held.has(transfer)) await wait(one, signal)
      if (held.has(transfer)) return true
      waiting.delete(one)
      admitNext()
      return false
    },
    force: held.add,
    shrink: (transfer, bytes) => {
      if (held.shrink(transfer, bytes)) admitNext()
    },
    release: (transfer) => {
      if (held.delete(transfer)) admitNext()
    },
  }
}

/** The transfers that have bytes. */
const heldTransfers = (maxBytes: number, clock: Clock) => {
  const holders = new Map<Transfer, { readonly since: number; readonly bytes: number }>()
  let total = 0
  return {
    has: (transfer: Transfer): boolean => holders.has(transfer),
    fits: (transfer: Transfer): boolean => holders.size === 0 || total + transfer.bytes <= maxBytes,
    add: (transfer: Transfer): void => {
      holders.set(transfer, { since: clock.now(), bytes: transfer.bytes })
      total += transfer.bytes
    },
    shrink: (transfer: Transfer, bytes: number): boolean => {
      const holder = holders.get(transfer)
      if (!holder || holder.bytes <= bytes) return false
      holders.set(transfer, { ...holder, bytes })
      total -= holder.bytes - bytes
      return true
    },
    delete: (transfer: Transfer): boolean => {
      const holder = holders.get(transfer)
      if (!holder) return false
      holders.delete(transfer)
      total -= holder.bytes
      return true
    },
    cutSlow: (): void => {
      for (const [transfer, { since }] of holders) {
        if (clock.now() - since >= MAX_TRANSFER_MS && transfer.isUnderWay()) transfer.cut()
      }
    },
  }
}
