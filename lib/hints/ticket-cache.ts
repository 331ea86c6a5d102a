import type { Ticket } from '../model/ticket.ts'

/**
 * What this process knows of the tickets of a shard that has more than a page of them. It is a hint of which tickets are
 * probably worth a read. A scan always reads a page at a random place. In addition it reads
 *
 * - the tickets of groups that this process freed or published to, or whose lock it read and that has ended since. These
 *   groups are *due*, and each is one read;
 * - further tickets on a pass through all of them. Each scan continues the pass where the last scan stopped, as far as the
 *   allowance permits.
 *
 * The allowance is a number of tickets. It is full at first, so the first scan of a process reads all tickets. It grows
 * slowly, with time and with each scan, and the ticket of a free group pays for many locked ones. So where groups are free a
 * scan costs what it finds, and where all are locked a scan costs a small constant; and each ticket is read again within the
 * time that the allowance takes to grow by the number of tickets.
 */
export interface TicketCache {
  /** Whether there are more tickets than a page. */
  crowded: boolean
  /** Whether the last scan found no free group at its random place. */
  scarce: boolean
  /** When another process last locked a group before this one could, epoch ms. */
  rivalsAt: number
  /** Where the pass through all tickets continues, once it has begun. */
  cursor: string | undefined
  /** Tickets that scans may read beyond their first pages. */
  readonly allowance: number
  /** Adds to the allowance at the start of a scan. */
  refill(now: number): void
  /** Subtracts the tickets that were read from the allowance. The tickets of free groups add to it. */
  spend(read: number, free: number): void
  /** Rises with each change that this process makes to a group. A ticket that was read before a change must not undo it. */
  readonly localVersion: number
  /** Records a ticket that was read, or a group found locked, by a request that began at that `localVersion`. */
  observe(ticket: Pick<Ticket, 'group' | 'lockedUntil'>, localVersion: number): void
  /** Records that this process made a group worth a poll from an instant on. */
  markReady(group: string, at: number): void
  /** Records that this process published to a group. It has no effect while the group is known to be locked beyond that instant. */
  markPublished(group: string, at: number): void
  /** Removes groups that are due: first those that this process changed, which need no allowance, then those it observed. */
  removeDue(now: number): Due[]
  /** When the next group is due, epoch ms. */
  nextAt(now: number): number
}

export interface Due {
  readonly group: string
  /** This process changed the group: a read must show that change. */
  readonly own: boolean
}

/** About 300 read units. */
const FULL = 25_000
/** Half a read unit, as much as the page that each scan reads. */
const PER_SCAN = 25
/** About three read units. */
const PER_SECOND = 250
/** A claim costs at least two write units, as much as reading eight hundred tickets. */
const PAID_PER_FREE_GROUP = 100
/** Due tickets that one scan reads, each with a request of its own. */
const MAX_DUE = 10
/** Allowance for a ticket that is read alone: half a read unit, like a page. */
const ALONE = 25
/** Groups remembered: those that are due the soonest. */
const MAX_KNOWN = 1_000
/** A group that was free so long ago is likely to be locked by another process by now. */
const FORGOTTEN_MS = 60_000

export const ticketCache = (): TicketCache => {
  const known = new Map<string, { at: number; own: boolean; localVersion: number }>()
  let allowance = FULL
  let refilledAt: number | undefined
  let localVersion = 0

  const markReady = (group: string, at: number) => {
    localVersion++
    known.set(group, { at, own: true, localVersion })
    trim()
  }

  const trim = () => {
    if (known.size < 2 * MAX_KNOWN) return
    const soonest = [...known].sort(([, a], [, b]) => a.at - b.at)
    for (const [group] of soonest.slice(MAX_KNOWN)) known.delete(group)
  }

  return {
    crowded: false,
    scarce: false,
    rivalsAt: Number.NEGATIVE_INFINITY,
    cursor: undefined,
    get allowance() {
      return allowance
    },
    refill: (now) => {
      const grown = PER_SCAN + (PER_SECOND * Math.max(0, now - (refilledAt ?? now))) / 1_000
      refilledAt = now
      allowance = Math.min(FULL, allowance + grown)
    },
    spend: (read, free) => {
      allowance = Math.min(FULL, allowance - read + free * PAID_PER_FREE_GROUP)
    },
    get localVersion() {
      return localVersion
    },
    observe: ({ group, lockedUntil }, since) => {
      if ((known.get(group)?.localVersion ?? 0) > since) return
      if (lockedUntil === Number.POSITIVE_INFINITY) known.delete(group)
      else known.set(group, { at: lockedUntil, own: false, localVersion: since })
      trim()
    },
    markReady,
    markPublished: (group, at) => {
      if ((known.get(group)?.at ?? 0) <= at) markReady(group, at)
    },
    removeDue: (now) => {
      const own: Due[] = []
      const seen: Due[] = []
      for (const [group, { at, own: ours }] of known) {
        if (at > now) continue
        if (at < now - FORGOTTEN_MS) known.delete(group)
        else (ours ? own : seen).push({ group, own: ours })
      }
      // Half of the allowance is for the pass: due groups must not keep it from reaching every ticket.
      const affordable = Math.max(0, Math.floor(allowance / 2 / ALONE))
      const paid = seen.slice(0, Math.min(affordable, Math.max(0, MAX_DUE - own.length)))
      allowance -= paid.length * ALONE
      const due = [...own.slice(0, MAX_DUE), ...paid]
      for (const { group } of due) known.delete(group)
      return due
    },
    nextAt: (now) => {
      let next = Number.POSITIVE_INFINITY
      for (const { at } of known.values()) if (at > now && at < next) next = at
      return next
    },
  }
}
