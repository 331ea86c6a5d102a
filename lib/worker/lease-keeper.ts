import type { Clock } from '../clock.ts'
import { LIMITS } from '../model/limits.ts'
import type { Message } from '../model/message.ts'
import { type ExtensionParts, extendLeases } from './extend-leases.ts'
import { type HeldLease, Lease, lostLease } from './lease.ts'

/**
 * Extends leases at half their time, several at once if they are due at about the same instant. When a lease ends nevertheless, or
 * another consumer has the message, the lease's signal aborts.
 *
 * INVARIANT: while a lease is neither lost nor released, no other consumer has the message, provided that this clock and
 * the store's run at the same rate: the keeper counts the end of a lease from before the request that set it was sent.
 */
export class LeaseKeeper {
  readonly #parts: ExtensionParts
  readonly #held = new Set<Lease>()
  readonly #timer: WakeableTimer
  #watching = false
  #closed = false

  constructor(parts: ExtensionParts) {
    this.#parts = parts
    this.#timer = wakeableTimer(parts.clock)
  }

  /** @param leaseMs how long the poll leased the message; each extension leases it for as long again */
  hold(message: Message, askedAt: number, leaseMs: number): HeldLease {
    const lease = new Lease(message, askedAt, leaseMs, this.#parts.clock, this.#held)
    // As a rule a new lease is due later than earlier ones, so the watch need not wake.
    if (!this.#watching) void this.#watch()
    else if (lease.extendAt < this.#timer.wakesAt) this.#timer.wake()
    return lease
  }

  /** Tries to revive a lease that has ended, which works while no other consumer has received the message. */
  async revive({ message: { receiptHandle }, leaseMs }: HeldLease): Promise<boolean> {
    const { transport, queue } = this.#parts
    const entries = [{ receiptHandle, visibilityTimeoutSeconds: leaseMs / 1_000 }]
    const [result] = await transport.extend(queue, entries, { revive: true })
    return result?.ok ?? false
  }

  /** Stops extending leases. */
  close(): void {
    this.#closed = true
    this.#timer.wake()
  }

  async #watch(): Promise<void> {
    const { clock, queue } = this.#parts
    this.#watching = true
    while (this.#held.size > 0 && !this.#closed) {
      const now = clock.now()
      for (const lease of this.#held) if (lease.endsAt <= now) lease.lose(lostLease(queue))
      this.#extend(dueLeases(this.#held, now))
      if (this.#held.size > 0) await this.#timer.sleepUntil(nextCheck(this.#held))
    }
    this.#watching = false
  }

  #extend(due: readonly Lease[]): void {
    for (let start = 0; start < due.length; start += LIMITS.batchSize) {
      void extendLeases(this.#parts, due.slice(start, start + LIMITS.batchSize)).then(this.#timer.wake)
    }
  }
}

/** The extension of a due lease also extends leases that are due within this part of their length. */
const SOON_PART = 0.1

/** The leases to extend now: none unless one of them is due. */
const dueLeases = (held: Iterable<Lease>, now: number): Lease[] => {
  const waiting = [...held].filter(({ extending }) => !extending)
  if (!waiting.some(({ extendAt }) => extendAt <= now)) return []
  const due = waiting.filter(({ extendAt }) => extendAt <= now)
  const soon = waiting.filter(({ extendAt, leaseMs }) => extendAt > now && extendAt <= now + leaseMs * SOON_PART)
  return [...due, ...soon]
}

/** When the next lease ends, or is due to be extended. */
const nextCheck = (held: Iterable<Lease>): number => {
  let next = Number.POSITIVE_INFINITY
  for (const { endsAt, extendAt, extending } of held) next = Math.min(next, extending ? endsAt : extendAt, endsAt)
  return next
}

const MAX_SLEEP_MS = 60_000
/** The reason of every abort: an abort without a reason creates an exception each time. */
const WOKEN = new Error('woken')

/** A sleep that can be ended. A wake has no effect on a later sleep, so the caller checks the leases before each sleep. */
interface WakeableTimer {
  /** When the present sleep ends without being woken. */
  readonly wakesAt: number
  readonly wake: () => void
  sleepUntil(instant: number): Promise<void>
}

const wakeableTimer = (clock: Clock): WakeableTimer => {
  let sleep = new AbortController()
  let wakesAt = Number.POSITIVE_INFINITY
  return {
    get wakesAt() {
      return wakesAt
    },
    wake: () => sleep.abort(WOKEN),
    sleepUntil: (instant: number): Promise<void> => {
      const now = clock.now()
      const ms = Math.min(Math.max(0, instant - now), MAX_SLEEP_MS)
      sleep = new AbortController()
      wakesAt = now + ms
      return clock.sleep(ms, sleep.signal)
    },
  }
}
