import type { LeaseEnd, LeasesSeen, SeenLease } from '../../../console/leases-seen.ts'
import { recent } from '../../../lib/hints/recent.ts'
import { isLeasedUnder, type Slot, sameToken } from '../../../lib/model/segment.ts'

interface Watched {
  readonly messageId: string
  readonly token: Uint8Array
  readonly receiveCount: number
  lease: SeenLease
}

/** What a message and a lease occupy in memory, about: an id, and objects with five and four members. */
const MESSAGE_BYTES = 400
const LEASE_BYTES = 300
/**
 * Bytes kept of messages in queues, and of messages that left: 5,000 and 1,000 messages with one lease each. Beyond that, the messages
 * that changed longest ago are forgotten. The maps hold up to twice as much, 8.4 MB together.
 */
const IN_QUEUES_BYTES = 5_000 * (MESSAGE_BYTES + LEASE_BYTES)
const LEFT_BYTES = 1_000 * (MESSAGE_BYTES + LEASE_BYTES)
/** Slots whose latest lease is known. */
const SLOTS = 5_000
/** Leases kept of one message: the latest ones. */
const LEASES = 50

/** A lease gets its reason while it is in neither map, so this does not change in a map. */
const bytesOf = (leases: readonly Watched[]): number =>
  leases.reduce((sum, { lease }) => sum + LEASE_BYTES + 2 * (lease.end?.reason?.length ?? 0), MESSAGE_BYTES)

/** The leases that one process gave and saw end, in its memory. A message is known by its id in every queue that it was in. */
export class LeaseLog implements LeasesSeen {
  readonly since: number
  readonly #now: () => number
  /** The leases of each message, oldest first. */
  readonly #kept = recent<Watched[]>(IN_QUEUES_BYTES, bytesOf)
  readonly #left = recent<Watched[]>(LEFT_BYTES, bytesOf)
  /** The latest lease in each slot of a segment. */
  readonly #slots = recent<Watched>(SLOTS)

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
    const leases = this.#kept.get(watched.messageId)
    // Before the lease gets a reason: the map subtracts what its entry weighs now.
    this.#kept.delete(watched.messageId)
    const { how: end, reason } = how(watched.messageId)
    this.#end(watched, end, reason)
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
