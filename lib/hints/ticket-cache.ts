import type { Ticket } from '../model/ticket.ts'

export interface Due {
  readonly group: string
  /** Whether this process changed the group. A read of its ticket must then show that change. */
  readonly own: boolean
}

/** The allowance at first, and its maximum, in tickets: about 300 read units. */
const MAX_ALLOWANCE = 25_000
/** The allowance that each scan adds: half a read unit, as much as the page that the scan reads. */
const PER_SCAN = 25
/** The allowance that each second adds: about three read units. */
const PER_SECOND = 250
/** The allowance that the ticket of a free group adds. A claim costs at least two write units, as much as reading 800 tickets. */
const PAID_PER_FREE_GROUP = 100
/** The number of due tickets that one scan reads. Each is a request of its own. */
const MAX_DUE = 10
/** The allowance for reading the ticket of one due group: half a read unit, like a page. */
const PER_LONE_READ = 25
/** The number of groups that stay in the cache: those that are due the soonest. */
const MAX_KNOWN = 1_000
/** A group that became due longer ago than this is probably locked by another process by now. */
const FORGOTTEN_MS = 60_000

interface KnownGroup {
  /** From when on the group is due, epoch ms. */
  readonly at: number
  readonly own: boolean
  readonly localVersion: number
}

/**
 * What this process knows of the tickets of a shard that has more than a page of them. It is a hint of which tickets are
 * probably worth a read. A scan always reads a page at a random place. In addition it reads
 *
 * - the tickets of groups that this process freed or published to, and of groups whose lock this process read and has ended since.
 *   These groups are *due*, and each is one read;
 * - further tickets on a pass through all of them. Each scan continues the pass where the last scan stopped, as far as the
 *   allowance permits.
 *
 * The allowance is a number of tickets. It is full at first, so the first scan of a process reads all tickets. It grows
 * slowly, with time and with each scan, and the ticket of a free group pays for many locked ones. So where groups are free a
 * scan costs what it finds, and where all are locked a scan costs a small constant. A pass through all tickets takes as long as
 * the allowance needs to grow by the number of tickets.
 */
export class TicketCache {
  /** Whether there are more tickets than a page. */
  crowded = false
  /** Whether the last scan found no free group at its random place. */
  scarce = false
  /** When another process last locked a group before this one could, epoch ms. */
  rivalsAt = Number.NEGATIVE_INFINITY
  /** Where the pass through all tickets continues, once it has begun. */
  cursor: string | undefined
  readonly #known = new Map<string, KnownGroup>()
  #allowance = MAX_ALLOWANCE
  #refilledAt: number | undefined
  #localVersion = 0

  /** Tickets that scans may read beyond their first pages. */
  get allowance(): number {
    return this.#allowance
  }

  /** Rises with each change that this process makes to a group. A ticket that was read before a change must not undo it. */
  get localVersion(): number {
    return this.#localVersion
  }

  /** Adds to the allowance at the start of a scan. */
  refill(now: number): void {
    const grown = PER_SCAN + (PER_SECOND * Math.max(0, now - (this.#refilledAt ?? now))) / 1_000
    this.#refilledAt = now
    this.#allowance = Math.min(MAX_ALLOWANCE, this.#allowance + grown)
  }

  /** Subtracts the tickets that were read from the allowance. The tickets of free groups add to it. */
  spend(read: number, free: number): void {
    this.#allowance = Math.min(MAX_ALLOWANCE, this.#allowance - read + free * PAID_PER_FREE_GROUP)
  }

  /** Records a ticket that was read, or a group found locked, by a request that began at that `localVersion`. */
  observe({ group, lockedUntil }: Pick<Ticket, 'group' | 'lockedUntil'>, localVersion: number): void {
    if ((this.#known.get(group)?.localVersion ?? 0) > localVersion) return
    if (lockedUntil === Number.POSITIVE_INFINITY) this.#known.delete(group)
    else this.#known.set(group, { at: lockedUntil, own: false, localVersion })
    this.#trim()
  }

  /** Records that this process made a group worth a poll from an instant on. */
  markReady(group: string, at: number): void {
    this.#localVersion++
    this.#known.set(group, { at, own: true, localVersion: this.#localVersion })
    this.#trim()
  }

  /** Records that this process published to a group. No effect while the group is known to be locked beyond that instant. */
  markPublished(group: string, at: number): void {
    if ((this.#known.get(group)?.at ?? 0) <= at) this.markReady(group, at)
  }

  /** Removes groups that are due: first those that this process changed, which need no allowance, then those it observed. */
  removeDue(now: number): Due[] {
    const own: Due[] = []
    const seen: Due[] = []
    for (const [group, { at, own: ours }] of this.#known) {
      if (at > now) continue
      if (at < now - FORGOTTEN_MS) this.#known.delete(group)
      else (ours ? own : seen).push({ group, own: ours })
    }
    // Half of the allowance is for the pass: due groups must not keep it from reaching every ticket.
    const affordable = Math.max(0, Math.floor(this.#allowance / 2 / PER_LONE_READ))
    const paid = seen.slice(0, Math.min(affordable, Math.max(0, MAX_DUE - own.length)))
    this.#allowance -= paid.length * PER_LONE_READ
    const due = [...own.slice(0, MAX_DUE), ...paid]
    for (const { group } of due) this.#known.delete(group)
    return due
  }

  /** When the next group is due, epoch ms. */
  nextAt(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const { at } of this.#known.values()) if (at > now && at < next) next = at
    return next
  }

  #trim(): void {
    if (this.#known.size < 2 * MAX_KNOWN) return
    const soonest = [...this.#known].sort(([, a], [, b]) => a.at - b.at)
    for (const [group] of soonest.slice(MAX_KNOWN)) this.#known.delete(group)
  }
}
