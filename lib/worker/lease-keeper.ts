import type { Clock } from '../clock.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { Message } from '../model/message.ts'
import type { Transport } from '../transport/port.ts'

/** A lease that this process holds. Instants are those of a monotonic clock. */
export interface HeldLease {
  readonly message: Message
  /** When it ends unless it is extended: counted from before the poll, or the extension, was sent. */
  readonly endsAt: number
  readonly leaseMs: number
  /** Whether it ended, or another consumer has the message: set for good. */
  readonly lost: boolean
  /** Whether it is lost, or has ended by the clock and was not marked as lost yet, as after a blocked event loop. */
  readonly over: boolean
  /** Aborts when the lease is lost, with `LeaseLost`, or when the worker cuts the handler off. */
  readonly signal: AbortSignal
  abort(reason: unknown): void
  /** The message is settled, or given up: its lease is extended no more. */
  release(): void
}

export interface LeaseKeeper {
  /** @param leaseMs how long the poll leased the message; each extension leases it for as long again */
  hold(message: Message, askedAt: number, leaseMs: number): HeldLease
  /** Tries to revive a lease that has ended, which works while no other consumer has received the message. */
  revive(lease: HeldLease): Promise<boolean>
  /** Stops extending leases. */
  close(): void
}

export interface LeaseKeeperParts {
  readonly transport: Pick<Transport, 'extend'>
  readonly queue: string
  readonly clock: Clock
  readonly onError: (error: unknown, message: Message) => void
}

interface Held extends HeldLease {
  endsAt: number
  /** When it is to be extended next. */
  extendAt: number
  extending: boolean
  lost: boolean
}

/** The extension of a due lease also extends leases that are due within this part of their length. */
const COMPANY = 0.1
/** The pause before a failed extension is tried again: a part of the time that the lease has left, from 0.1 to 1 second. */
const RETRY_PART = 0.25
const MIN_RETRY_MS = 100
const MAX_RETRY_MS = 1_000

/**
 * Extends leases at half their time, those that are due at about the same instant together. A lease that ends all the same, or that
 * another consumer has, aborts its signal.
 *
 * INVARIANT: while a lease is neither lost nor released, no other consumer has the message, provided that this clock and
 * the store's run at the same rate: its end here is counted from before the request that set it was sent.
 */
export const leaseKeeper = ({ transport, queue, clock, onError }: LeaseKeeperParts): LeaseKeeper => {
  const held = new Set<Held>()
  let watching = false
  let closed = false
  let sleep = new AbortController()
  /** When the watch looks at the leases next. */
  let wakesAt = 0
  const wake = () => sleep.abort(WOKEN)

  const lose = (lease: Held, error: HoldfastError): void => {
    if (lease.lost) return
    lease.lost = true
    held.delete(lease)
    lease.abort(error)
  }

  const extendTogether = async (leases: readonly Held[]): Promise<void> => {
    const askedAt = clock.now()
    for (const lease of leases) lease.extending = true
    const entries = leases.map(({ message: { receiptHandle }, leaseMs }) => ({
      receiptHandle,
      visibilityTimeoutSeconds: leaseMs / 1_000,
    }))
    const results = await transport.extend(queue, entries).catch((error: unknown) => {
      const failure = isHoldfastError(error)
        ? error
        : new HoldfastError('Internal', String(error), {}, { cause: error })
      return leases.map(() => ({ ok: false as const, error: failure }))
    })
    for (const [index, lease] of leases.entries()) {
      lease.extending = false
      const result = results[index]
      if (result?.ok) {
        lease.endsAt = askedAt + lease.leaseMs
        lease.extendAt = askedAt + lease.leaseMs / 2
      } else if (result && LOSSES.has(result.error.code)) {
        if (held.has(lease)) lose(lease, lostLease(queue, result.error))
      } else if (held.has(lease)) {
        if (result) onError(result.error, lease.message)
        const left = Math.max(0, lease.endsAt - clock.now())
        lease.extendAt = clock.now() + Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, left * RETRY_PART))
      }
    }
    wake()
  }

  /** Ends the leases that are over and extends those that are due. Returns when the next one is due. */
  const look = (): number => {
    const now = clock.now()
    const due: Held[] = []
    let next = Number.POSITIVE_INFINITY
    for (const lease of held) {
      if (lease.endsAt <= now) {
        lose(lease, lostLease(queue))
        continue
      }
      next = Math.min(next, lease.endsAt)
      if (lease.extending) continue
      if (lease.extendAt <= now) due.push(lease)
      else next = Math.min(next, lease.extendAt)
    }
    if (due.length > 0) {
      for (const lease of held) {
        if (!lease.extending && lease.extendAt > now && lease.extendAt <= now + lease.leaseMs * COMPANY) due.push(lease)
      }
      for (let start = 0; start < due.length; start += LIMITS.batchSize) {
        void extendTogether(due.slice(start, start + LIMITS.batchSize))
      }
    }
    return next
  }

  const watch = async (): Promise<void> => {
    watching = true
    while (held.size > 0 && !closed) {
      sleep = new AbortController()
      const next = look()
      const now = clock.now()
      const ms = Math.min(Math.max(0, next - now), MAX_SLEEP_MS)
      wakesAt = now + ms
      if (held.size > 0) await clock.sleep(ms, sleep.signal)
    }
    watching = false
  }

  return {
    hold: (message, askedAt, leaseMs) => {
      // Made when someone asks for it: most handlers never do.
      let controller: AbortController | undefined
      let aborted: { readonly reason: unknown } | undefined
      const lease: Held = {
        message,
        leaseMs,
        endsAt: askedAt + leaseMs,
        extendAt: askedAt + leaseMs / 2,
        extending: false,
        lost: false,
        get over() {
          return lease.lost || lease.endsAt <= clock.now()
        },
        get signal() {
          if (!controller) {
            controller = new AbortController()
            if (aborted) controller.abort(aborted.reason)
          }
          return controller.signal
        },
        abort: (reason) => {
          aborted ??= { reason }
          controller?.abort(aborted.reason)
        },
        release: () => void held.delete(lease),
      }
      held.add(lease)
      // A new lease is due later than those before it, as a rule: the watch goes on sleeping.
      if (!watching) void watch()
      else if (lease.extendAt < wakesAt) wake()
      return lease
    },
    revive: async (lease) => {
      const entries = [{ receiptHandle: lease.message.receiptHandle, visibilityTimeoutSeconds: lease.leaseMs / 1_000 }]
      const [result] = await transport.extend(queue, entries, { revive: true })
      return result?.ok ?? false
    },
    close: () => {
      closed = true
      wake()
    },
  }
}

const MAX_SLEEP_MS = 60_000
/** Given once: an abort without a reason makes an exception each time. */
const WOKEN = new Error('woken')

const LOSSES: ReadonlySet<string> = new Set(['LeaseLost', 'MessageNotFound', 'ReceiptHandleInvalid', 'QueueNotFound'])

export const lostLease = (queue: string, cause?: unknown): HoldfastError =>
  new HoldfastError(
    'LeaseLost',
    'the lease ended before the message was settled',
    { queue },
    cause === undefined ? undefined : { cause },
  )
