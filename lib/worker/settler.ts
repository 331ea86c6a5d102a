import type { Clock } from '../clock.ts'
import { asHoldfastError, HoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import type { AckEntry } from '../settle/ack.ts'
import type { NackEntry } from '../settle/nack.ts'
import { afterRepeatedNack, afterRepeatedRelease } from '../transport/after-lost-answer.ts'
import { backOff } from '../transport/backoff.ts'
import type { Transport } from '../transport/port.ts'
import { type HeldLease, lostLease } from './lease.ts'
import type { LeaseKeeper } from './lease-keeper.ts'

/** Settles messages. The messages of one turn of the event loop share a call. Each promise resolves with the result of its message. */
export interface Settler {
  /** @param outcome the handler's result, for the producer */
  ack(lease: HeldLease, outcome?: AckOutcome): Promise<HandleResult>
  nack(lease: HeldLease, how: Omit<NackEntry, 'receiptHandle'>): Promise<HandleResult>
  /** Gives back a message that no handler worked on, at once. Its receive does not count. */
  unreceive(lease: HeldLease): Promise<HandleResult>
}

/** The outcome of the work in an ack. */
export type AckOutcome = Pick<AckEntry, 'result' | 'unstored'>

export interface SettlerParts {
  readonly transport: Pick<Transport, 'ack' | 'nack' | 'unreceive'>
  readonly queue: string
  readonly clock: Clock
  readonly keeper: Pick<LeaseKeeper, 'revive'>
  readonly fraction: () => number
  /** Runs work when this turn of the event loop is over. */
  readonly afterTurn: (work: () => void) => void
}

interface Verb<E> {
  send(entries: readonly E[]): Promise<HandleResult[]>
  /** The result of an entry that an earlier try may have settled, because its answer was lost. */
  repeated(entry: E, result: HandleResult): HandleResult
}

interface Waiting<E> {
  readonly entry: E
  readonly lease: HeldLease
  /** Whether an earlier try may have settled the entry. */
  maybeDone: boolean
  done(result: HandleResult): void
}

export const settler = (parts: SettlerParts): Settler => {
  const { transport, queue, keeper } = parts
  const ackTogether = together<string | AckEntry>(parts, {
    send: (entries) => transport.ack(queue, entries),
    // An acked message is gone, and the ack of a message that is gone succeeds.
    repeated: (_entry, result) => result,
  })
  const nackTogether = together<NackEntry>(parts, {
    send: (entries) => transport.nack(queue, entries),
    repeated: afterRepeatedNack,
  })
  const unreceiveTogether = together<string>(parts, {
    send: (handles) => transport.unreceive(queue, handles),
    repeated: (_handle, result) => afterRepeatedRelease(result),
  })

  const ackLive = (lease: HeldLease, outcome: AckOutcome | undefined): Promise<HandleResult> => {
    const { receiptHandle } = lease.message
    // If the queue keeps no results, the message is acked without one.
    return ackTogether(outcome ? { receiptHandle, ifKept: true, ...outcome } : receiptHandle, lease)
  }

  /**
   * Revives a lease that is over, and then acks its message. The ack alone would also succeed if another consumer had received and acked
   * the message, because the ack of a message that is gone succeeds. A revived lease shows that no other consumer has received it.
   */
  const ackRevived = async (lease: HeldLease, outcome: AckOutcome | undefined): Promise<HandleResult> => {
    const revived = await keeper.revive(lease).catch(() => false)
    return revived ? ackLive(lease, outcome) : { ok: false, error: lostLease(queue, lease.signal.reason) }
  }

  return {
    ack: (lease, outcome) => (lease.over ? ackRevived(lease, outcome) : ackLive(lease, outcome)),
    nack: (lease, how) => nackTogether({ receiptHandle: lease.message.receiptHandle, ...how }, lease),
    unreceive: (lease) => unreceiveTogether(lease.message.receiptHandle, lease),
  }
}

/** Collects the entries of one turn of the event loop into one call. */
const together = <E>(parts: SettlerParts, verb: Verb<E>) => {
  let waiting: Waiting<E>[] = []
  const flush = (): void => {
    const all = waiting
    waiting = []
    for (let start = 0; start < all.length; start += LIMITS.batchSize) {
      void settleAll(parts, all.slice(start, start + LIMITS.batchSize), verb)
    }
  }
  return (entry: E, lease: HeldLease): Promise<HandleResult> =>
    new Promise((done) => {
      if (waiting.length === 0) parts.afterTurn(flush)
      waiting.push({ entry, lease, maybeDone: false, done })
    })
}

/** Retries settlements that failed with a retryable error until the lease is over. */
const settleAll = async <E>(
  { clock, fraction }: SettlerParts,
  waiting: readonly Waiting<E>[],
  { send, repeated }: Verb<E>,
): Promise<void> => {
  let left = waiting
  for (let attempt = 1; left.length > 0; attempt++) {
    const results = await send(left.map(({ entry }) => entry)).catch((failure: unknown): HandleResult[] => {
      const error = asHoldfastError(failure)
      return left.map(() => ({ ok: false, error }))
    })
    left = left.filter((one, index) => {
      const result: HandleResult = results[index] ?? { ok: false, error: missing() }
      const again = !result.ok && result.error.retryable && clock.now() < one.lease.endsAt
      if (!again) one.done(one.maybeDone ? repeated(one.entry, result) : result)
      else if (result.error.code !== 'Throttled') one.maybeDone = true
      return again
    })
    if (left.length > 0) await backOff(clock, { attempt, fraction: fraction() })
  }
}

const missing = () => new HoldfastError('Internal', 'the answer of the queue has no result for this message')
