import type { LeaseEnd, LeasesSeen, SeenLease } from '../../../console/leases-seen.ts'
import { recent } from '../../../lib/hints/recent.ts'
import { isLeasedUnder, type Slot, sameToken } from '../../../lib/model/segment.ts'

interface Watched {
  readonly messageId: string
  readonly token: Uint8Array
  readonly receiveCount: number
  lease: SeenLease
}

/** Messages in queues, and messages that left, whose leases are kept. Beyond it, those that changed longest ago are forgotten. */
const MESSAGES = 5_000
const LEFT = 1_000
/** Leases kept of one message: the latest ones. */
const LEASES = 50

/** The leases that one process gave and saw end, in its memory. A message is known by its id in every queue that it was in. */
export class LeaseLog implements LeasesSeen {
  readonly since: number
  readonly #now: () => number
  /** The leases of each message, oldest first. */
  readonly #kept = recent<Watched[]>(MESSAGES)
  readonly #left = recent<Watched[]>(LEFT)
  /** The latest lease in each slot of a segment. */
  readonly #slots = recent<Watched>(MESSAGES)

  constructor(now: () => number) {
    this.#now = now
    this.since = now()
  }

  of(messageId: string): readonly SeenLease[] {
    const now = this.#now()
    const seen = this.#kept.get(messageId) ?? this.#left.get(messageId) ?? []
    return seen.map(({ lease }) =>
      lease.end === undefined && lease.until <= now ? { ...lease, end: { how: 'ranOut', at: lease.until } } : lease,
    )
  }

  /** A claim was stored. `place` is the slot's, in its segment. */
  claimed(place: string, messageId: string, queue: string, slot: Slot): void {
    if (slot.kind !== 'lease') return
    this.#end(this.#slots.get(place), 'ranOut')
    const lease: SeenLease = { queue, at: this.#now(), until: slot.until }
    const watched: Watched = { messageId, token: slot.token, receiveCount: slot.receiveCount, lease }
    const known = this.#kept.get(messageId) ?? this.#left.get(messageId)
    if (known) this.#left.delete(messageId)
    this.#kept.set(messageId, known ? [...known.slice(1 - LEASES), watched] : [watched])
    this.#slots.set(place, watched)
  }

  /** A slot was changed by something other than a claim. */
  changed(place: string, slot: Slot): void {
    const watched = this.#slots.get(place)
    if (!watched || watched.lease.end !== undefined) return
    if (!isLeasedUnder(slot, watched.token)) this.#undo(place, watched)
    else if (!slot.backingOff) watched.lease = { ...watched.lease, until: slot.until }
    else this.#end(watched, slot.receiveCount < watched.receiveCount ? 'unreceived' : 'nacked')
  }

  /** The message of a slot left its queue. Returns how the lease ended; nothing where there was none. */
  gone(
    place: string,
    how: (messageId: string) => { readonly how: LeaseEnd; readonly reason?: string },
  ): LeaseEnd | undefined {
    const watched = this.#slots.get(place)
    if (!watched) return undefined
    const lasted = watched.lease.end === undefined
    this.#slots.delete(place)
    const { how: end, reason } = how(watched.messageId)
    this.#end(watched, end, reason)
    const leases = this.#kept.get(watched.messageId)
    this.#kept.delete(watched.messageId)
    if (leases) this.#left.set(watched.messageId, leases)
    return lasted ? watched.lease.end?.how : undefined
  }

  /** A claim whose messages reached no consumer was taken back. */
  #undo(place: string, watched: Watched): void {
    this.#slots.delete(place)
    const leases = this.#kept.get(watched.messageId)?.filter(({ token }) => !sameToken(token, watched.token))
    if (leases) this.#kept.set(watched.messageId, leases)
  }

  #end(watched: Watched | undefined, how: LeaseEnd, reason?: string): void {
    if (!watched || watched.lease.end !== undefined) return
    const { lease } = watched
    const now = this.#now()
    // What happens to a message after the end of its lease does not end the lease.
    const end = lease.until <= now ? { how: 'ranOut' as const, at: lease.until } : { how, at: now, reason }
    watched.lease = { ...lease, end }
  }
}
