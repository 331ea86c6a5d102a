import type { Clock } from '../../lib/clock.ts'

/** A request or an answer that is held in memory. */
export interface Guest {
  readonly bytes: number
  /** Whether its client has not sent all of the request, or not taken all of the answer. */
  isUnderWay(): boolean
  /** Ends the client's connection. */
  cut(): void
}

/** How many bytes are held at one time. Who does not fit waits, in order of arrival. */
export interface Room {
  /**
   * Resolves when the guest has its bytes, which `leave` gives back. Answers false when it has waited in vain, or has gone.
   * A guest larger than the room fits when nobody else is in it.
   */
  enter(guest: Guest, signal: AbortSignal): Promise<boolean>
  /** Lets a guest in that can't be turned away, though it may not fit: those who come after it wait. */
  force(guest: Guest): void
  /** Gives back what a guest turns out not to need. Without effect for one that is not in, or that has fewer bytes. */
  shrink(guest: Guest, bytes: number): void
  leave(guest: Guest): void
}

/** Holdfast's own client gives a try up after ten seconds, and most SDKs later. */
const MAX_WAIT_MS = 8_000
/** What has not been sent or taken in this time is cut off while others wait for its room. */
const MAX_TRANSFER_MS = 10_000
const CHECK_EVERY_MS = 1_000

interface Waiting {
  readonly guest: Guest
  readonly called: AbortController
}

export const createRoom = (maxBytes: number, clock: Clock): Room => {
  const inside = seats(maxBytes, clock)
  const waiting = new Set<Waiting>()
  const callNext = (): void => {
    for (const next of waiting) {
      if (!inside.fits(next.guest)) return
      waiting.delete(next)
      inside.add(next.guest)
      next.called.abort()
    }
  }
  const wait = async ({ called }: Waiting, signal: AbortSignal): Promise<void> => {
    const ended = AbortSignal.any([called.signal, signal])
    for (const end = clock.now() + MAX_WAIT_MS; clock.now() < end && !ended.aborted; inside.cutSlow()) {
      await clock.sleep(CHECK_EVERY_MS, ended)
    }
  }
  return {
    enter: async (guest, signal) => {
      if (waiting.size === 0 && inside.fits(guest)) return inside.add(guest)
      const one = { guest, called: new AbortController() }
      waiting.add(one)
      callNext()
      if (!inside.has(guest)) await wait(one, signal)
      if (inside.has(guest)) return true
      waiting.delete(one)
      callNext()
      return false
    },
    force: (guest) => void inside.add(guest),
    shrink: (guest, bytes) => {
      if (inside.shrink(guest, bytes)) callNext()
    },
    leave: (guest) => {
      if (inside.delete(guest)) callNext()
    },
  }
}

/** Those who are in. */
const seats = (maxBytes: number, clock: Clock) => {
  const taken = new Map<Guest, { readonly since: number; readonly bytes: number }>()
  let held = 0
  return {
    has: (guest: Guest): boolean => taken.has(guest),
    fits: (guest: Guest): boolean => taken.size === 0 || held + guest.bytes <= maxBytes,
    add: (guest: Guest): true => {
      taken.set(guest, { since: clock.now(), bytes: guest.bytes })
      held += guest.bytes
      return true
    },
    shrink: (guest: Guest, bytes: number): boolean => {
      const seat = taken.get(guest)
      if (!seat || seat.bytes <= bytes) return false
      taken.set(guest, { ...seat, bytes })
      held -= seat.bytes - bytes
      return true
    },
    delete: (guest: Guest): boolean => {
      const seat = taken.get(guest)
      if (!seat) return false
      taken.delete(guest)
      held -= seat.bytes
      return true
    },
    cutSlow: (): void => {
      for (const [guest, { since }] of taken) {
        if (clock.now() - since >= MAX_TRANSFER_MS && guest.isUnderWay()) guest.cut()
      }
    },
  }
}
