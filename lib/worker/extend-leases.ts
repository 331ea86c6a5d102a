import type { Clock } from '../clock.ts'
import { asHoldfastError } from '../model/errors.ts'
import type { HandleResult, Message } from '../model/message.ts'
import type { Transport } from '../transport/port.ts'
import { type Lease, lostLease } from './lease.ts'

export interface ExtensionParts {
  readonly transport: Pick<Transport, 'extend'>
  readonly queue: string
  readonly clock: Clock
  readonly onError: (error: unknown, message: Message) => void
}

/** The pause before a failed extension is retried, as a part of the lease's remaining time; from 0.1 to 1 second. */
const RETRY_PART = 0.25
const MIN_RETRY_MS = 100
const MAX_RETRY_MS = 1_000

const LOSSES: ReadonlySet<string> = new Set(['LeaseLost', 'MessageNotFound', 'ReceiptHandleInvalid', 'QueueNotFound'])

/**
 * Extends up to 25 leases in one call, each by its own length. A lease whose message another consumer has is lost, and a lease whose
 * extension failed is due again soon. Never rejects.
 */
export const extendLeases = async (parts: ExtensionParts, leases: readonly Lease[]): Promise<void> => {
  const askedAt = parts.clock.now()
  for (const lease of leases) lease.extending = true
  const entries = leases.map(({ message: { receiptHandle }, leaseMs }) => ({
    receiptHandle,
    visibilityTimeoutSeconds: leaseMs / 1_000,
  }))
  const results = await parts.transport.extend(parts.queue, entries).catch((failure: unknown): HandleResult[] => {
    const error = asHoldfastError(failure)
    return leases.map(() => ({ ok: false, error }))
  })
  for (const [index, lease] of leases.entries()) {
    lease.extending = false
    const result = results[index]
    if (result?.ok) lease.renew(askedAt)
    else if (lease.isHeld) afterFailure(parts, lease, result)
  }
}

const afterFailure = (
  { queue, clock, onError }: ExtensionParts,
  lease: Lease,
  result: Extract<HandleResult, { ok: false }> | undefined,
): void => {
  if (result && LOSSES.has(result.error.code)) {
    lease.lose(lostLease(queue, result.error))
    return
  }
  if (result) onError(result.error, lease.message)
  const now = clock.now()
  const left = Math.max(0, lease.endsAt - now)
  lease.extendAt = now + Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, left * RETRY_PART))
}
