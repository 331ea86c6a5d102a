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
      const one = { guest, called: new AbortController() }
      waiting.add(one)
      callNext()
      if (!inside.has(guest)) await wait(one, signal)
      if (inside.has(guest)) return true
      waiting.delete(one)
      callNext()
      return false
    },
    force: inside.add,
    leave: (guest) => {
      if (inside.delete(guest)) callNext()
    },
  }
}

/** Those who are in. */
const seats = (maxBytes: number, clock: Clock) => {
  const enteredAt = new Map<Guest, number>()
  let bytes = 0
  return {
    has: (guest: Guest): boolean => enteredAt.has(guest),
    fits: (guest: Guest): boolean => enteredAt.size === 0 || bytes + guest.bytes <= maxBytes,
    add: (guest: Guest): void => {
      enteredAt.set(guest, clock.now())
      bytes += guest.bytes
    },
    delete: (guest: Guest): boolean => {
      if (!enteredAt.delete(guest)) return false
      bytes -= guest.bytes
      return true
    },
    cutSlow: (): void => {
      for (const [guest, since] of enteredAt) {
        if (clock.now() - since >= MAX_TRANSFER_MS && guest.isUnderWay()) guest.cut()
      }
    },
  }
}
