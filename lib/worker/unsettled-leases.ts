import type { HeldLease } from './lease.ts'

/** The unsettled messages of a worker: each waits for its handler, or a handler works on it. */
export interface UnsettledLeases {
  readonly waiting: ReadonlySet<HeldLease>
  readonly working: ReadonlySet<HeldLease>
  wait(leases: readonly HeldLease[]): void
  /** Marks messages as begun. Returns false, and changes nothing, if one of them was removed before. */
  begin(leases: readonly HeldLease[]): boolean
  end(leases: readonly HeldLease[]): void
  /** Removes the messages that still wait for their handlers. */
  removeWaiting(leases: Iterable<HeldLease>): HeldLease[]
}

export const unsettledLeases = (): UnsettledLeases => {
  const waiting = new Set<HeldLease>()
  const working = new Set<HeldLease>()
  return {
    waiting,
    working,
    wait: (leases) => {
      for (const lease of leases) waiting.add(lease)
    },
    begin: (leases) => {
      if (!leases.every((lease) => waiting.has(lease))) return false
      for (const lease of leases) {
        waiting.delete(lease)
        working.add(lease)
      }
      return true
    },
    end: (leases) => {
      for (const lease of leases) working.delete(lease)
    },
    removeWaiting: (leases) => [...leases].filter((lease) => waiting.delete(lease)),
  }
}
