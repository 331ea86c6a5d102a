import type { Ticket } from '../model/ticket.ts'

/**
 * What this process knows of the tickets of one shard, where they are more than a page: hints alone, that say where
 * looking is likely to be worth it. A look reads a page at a random place in any case, and more of them
 *
 * - where this process freed a group or published to one, or saw one whose lease is over by now: these are *due*, and
 *   asked for directly;
 * - on a pass through all tickets that each look takes up where the last one stopped, as far as the allowance goes.
 *
 * The allowance is counted in tickets read. It is full at first, so a new process goes through everything at once; it
 * grows slowly, with time and with each look; and tickets of free groups pay for many of others. So where groups are
 * free looking costs what it finds, and where all are busy a look costs a small constant, and still every ticket is
 * read again within as long as the allowance takes to grow by their number.
 */
export interface TicketMemory {
  /** Whether there are more tickets than a page. */
  crowded: boolean
  /** Whether the last look found too little at its random place. */
  scarce: boolean
  /** When another process was last found to be ahead at a group, epoch ms. */
  rivalsAt: number
  /** Where the pass through all tickets goes on, once it has begun. */
  cursor: string | undefined
  /** Tickets that may be read behind a look's first page. */
  readonly allowance: number
  /** A look begins. */
  refill(now: number): void
  /** Tickets were read; those of free groups pay for others. */
  spend(read: number, free: number): void
  /** Rises with all that is said by this process; what was read before it was said must not undo it. */
  readonly localVersion: number
  /** A ticket was read, or a group found to be busy until then, by a request that began when `said` was as given. */
  observe(ticket: Pick<Ticket, 'group' | 'busyUntil'>, localVersion: number): void
  /** Of this process's doing a group can be looked at from an instant on. */
  markReady(group: string, at: number): void
  /** The same of a group that got something new: while it is known to be busy that changes nothing. */
  markPublished(group: string, at: number): void
  /** Takes groups that are due: first of this process's doing, which need no allowance, then of what it saw. */
  takeDue(now: number): Due[]
  /** When the next group is due, epoch ms. */
  nextAt(now: number): number
}

export interface Due {
  readonly group: string
  /** Of this process's doing: a read must not be older than that. */
  readonly own: boolean
}

/** About 300 read units. */
const FULL = 25_000
/** Half a read unit, as much as the page that is always read. */
const PER_LOOK = 25
/** About three read units. */
const PER_SECOND = 250
/** A claim costs two write units at least, as much as reading eight hundred tickets. */
const PAID_BY_A_FREE_ONE = 100
/** Each a request of its own, beside the others. */
const MAX_DUE = 10
/** Allowance for a ticket that is asked for alone: a read unit's half, like a page. */
const ALONE = 25
/** Groups kept in mind, those that are due the soonest. */
const MAX_KNOWN = 1_000
/** What was free so long ago is likely to be somebody else's by now. */
const FORGOTTEN_MS = 60_000

export const ticketMemory = (): TicketMemory => {
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
      const grown = PER_LOOK + (PER_SECOND * Math.max(0, now - (refilledAt ?? now))) / 1_000
      refilledAt = now
      allowance = Math.min(FULL, allowance + grown)
    },
    spend: (read, free) => {
      allowance = Math.min(FULL, allowance - read + free * PAID_BY_A_FREE_ONE)
    },
    get localVersion() {
      return localVersion
    },
    observe: ({ group, busyUntil }, since) => {
      if ((known.get(group)?.localVersion ?? 0) > since) return
      if (busyUntil === Number.POSITIVE_INFINITY) known.delete(group)
      else known.set(group, { at: busyUntil, own: false, localVersion: since })
      trim()
    },
    markReady,
    markPublished: (group, at) => {
      if ((known.get(group)?.at ?? 0) <= at) markReady(group, at)
    },
    takeDue: (now) => {
      const own: Due[] = []
      const seen: Due[] = []
      for (const [group, { at, own: ours }] of known) {
        if (at > now) continue
        if (at < now - FORGOTTEN_MS) known.delete(group)
        else (ours ? own : seen).push({ group, own: ours })
      }
      // Half of the allowance is the pass's, or what is due would keep it from ever coming round.
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
