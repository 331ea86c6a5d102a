import type { Clock } from '../clock.ts'
import { HoldfastError } from '../model/errors.ts'
import type { Message } from '../model/message.ts'

/** A lease that this process holds. Instants are those of a monotonic clock. */
export interface HeldLease {
  readonly message: Message
  /** When the lease ends unless it is extended: counted from before the poll, or the extension, was sent. */
  readonly endsAt: number
  readonly leaseMs: number
  /** Whether the keeper found that the lease has ended, or that another consumer has the message. It stays true. */
  readonly lost: boolean
  /** Whether the lease is lost, or has ended by the clock. After a blocked event loop the keeper may not have noticed its end yet. */
  readonly over: boolean
  /** Aborts when the lease is lost, with `LeaseLost`, or when the worker cuts the handler off. */
  readonly signal: AbortSignal
  abort(reason: unknown): void
  /** Stops extending the lease, because the message is settled or given up. */
  release(): void
}

/** A class, because there is one for each message: an object literal would create its accessors and closures each time. */
export class Lease implements HeldLease {
  readonly message: Message
  readonly leaseMs: number
  endsAt: number
  /** When the lease is due to be extended next. */
  extendAt: number
  extending = false
  lost = false
  readonly #clock: Clock
  readonly #held: Set<Lease>
  /** Created on first use: most handlers never read their signal. */
  #controller: AbortController | undefined
  #aborted: { readonly reason: unknown } | undefined

  /**
   * @param askedAt when the poll was sent that leased the message for `leaseMs`
   * @param held the leases that are extended: this one is among them until it is lost or released
   */
  constructor(message: Message, askedAt: number, leaseMs: number, clock: Clock, held: Set<Lease>) {
    this.message = message
    this.leaseMs = leaseMs
    this.endsAt = askedAt + leaseMs
    this.extendAt = askedAt + leaseMs / 2
    this.#clock = clock
    this.#held = held
    held.add(this)
  }

  get over(): boolean {
    return this.lost || this.endsAt <= this.#clock.now()
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(this.#aborted.reason)
    }
    return this.#controller.signal
  }

  /** Whether the lease is neither lost nor released. */
  get isHeld(): boolean {
    return this.#held.has(this)
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason }
    this.#controller?.abort(this.#aborted.reason)
  }

  release(): void {
    this.#held.delete(this)
  }

  /** Records a successful extension that was requested at this instant. */
  renew(askedAt: number): void {
    this.endsAt = askedAt + this.leaseMs
    this.extendAt = askedAt + this.leaseMs / 2
  }

  lose(error: HoldfastError): void {
    if (this.lost) return
    this.lost = true
    this.release()
    this.abort(error)
  }
}

export const lostLease = (queue: string, cause?: unknown): HoldfastError =>
  new HoldfastError(
    'LeaseLost',
    'the lease ended before the message was settled',
    { queue },
    cause === undefined ? undefined : { cause },
  )
