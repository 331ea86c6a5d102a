import type { Clock } from '../clock.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import type { AckEntry } from '../settle/ack.ts'
import type { NackEntry } from '../settle/nack.ts'
import { backOff } from '../transport/backoff.ts'
import type { Transport } from '../transport/port.ts'
import { type HeldLease, type LeaseKeeper, lostLease } from './lease-keeper.ts'

/** Settles messages, in one call those of one turn of the event loop. Each promise resolves with the result of its message. */
export interface Settler {
  /** @param told what the handler returned, for the producer */
  ack(lease: HeldLease, told?: Told): Promise<HandleResult>
  nack(lease: HeldLease, how: Omit<NackEntry, 'receiptHandle'>): Promise<HandleResult>
  /** Gives back a message that no handler worked on, at once. Its receive does not count. */
  unreceive(lease: HeldLease): Promise<HandleResult>
}

/** What an ack says of the work. */
export type Told = Pick<AckEntry, 'result' | 'unstored'>

export interface SettlerParts {
  readonly transport: Pick<Transport, 'ack' | 'nack' | 'unreceive'>
  readonly queue: string
  readonly clock: Clock
  readonly keeper: Pick<LeaseKeeper, 'revive'>
  readonly fraction: () => number
}

interface Waiting<E> {
  readonly entry: E
  readonly lease: HeldLease
  done(result: HandleResult): void
}

export const settler = ({ transport, queue, clock, keeper, fraction }: SettlerParts): Settler => {
  /** Retries settlements that failed with a retryable error until the lease is over. A repeated settlement is safe. */
  const settleAll = async <E>(
    waiting: readonly Waiting<E>[],
    send: (entries: readonly E[]) => Promise<HandleResult[]>,
  ): Promise<void> => {
    let left = waiting
    for (let attempt = 1; left.length > 0; attempt++) {
      const results = await send(left.map(({ entry }) => entry)).catch((error: unknown) =>
        left.map(() => ({ ok: false as const, error: asHoldfastError(error) })),
      )
      const again: Waiting<E>[] = []
      for (const [index, one] of left.entries()) {
        const result = results[index] ?? { ok: false, error: new HoldfastError('Internal', 'a result is missing') }
        if (result.ok || !result.error.retryable || clock.now() >= one.lease.endsAt) one.done(result)
        else again.push(one)
      }
      left = again
      if (left.length > 0) await backOff(clock, { attempt, fraction: fraction() })
    }
  }

  const together = <E>(send: (entries: readonly E[]) => Promise<HandleResult[]>) => {
    let waiting: Waiting<E>[] = []
    const flush = (): void => {
      const all = waiting
      waiting = []
      for (let start = 0; start < all.length; start += LIMITS.batchSize) {
        void settleAll(all.slice(start, start + LIMITS.batchSize), send)
      }
    }
    return (entry: E, lease: HeldLease): Promise<HandleResult> =>
      new Promise((done) => {
        if (waiting.length === 0) setImmediate(flush)
        waiting.push({ entry, lease, done })
      })
  }

  const ackTogether = together((entries: readonly (string | AckEntry)[]) => transport.ack(queue, entries))
  const nackTogether = together((entries: readonly NackEntry[]) => transport.nack(queue, entries))
  const unreceiveTogether = together((handles: readonly string[]) => transport.unreceive(queue, handles))

  return {
    ack: async (lease, told) => {
      // The ack of a message that is gone succeeds, although another consumer may have acked it once the lease was over. A revived
      // lease shows that no other consumer has received the message.
      if (lease.over && !(await keeper.revive(lease).catch(() => false)))
        return { ok: false, error: lostLease(queue, lease.signal.reason) }
      const { receiptHandle } = lease.message
      // Where the queue keeps no results the message is done all the same.
      return ackTogether(told ? { receiptHandle, ifKept: true, ...told } : receiptHandle, lease)
    },
    nack: (lease, how) => nackTogether({ receiptHandle: lease.message.receiptHandle, ...how }, lease),
    unreceive: (lease) => unreceiveTogether(lease.message.receiptHandle, lease),
  }
}

const asHoldfastError = (error: unknown): HoldfastError =>
  isHoldfastError(error) ? error : new HoldfastError('Internal', String(error), {}, { cause: error })
