import type { NackEntry } from '../settle/nack.ts'
import type { Report } from './handler.ts'
import type { HeldLease } from './lease-keeper.ts'
import type { Settler } from './settler.ts'
import { Reject, RetryLater } from './verdicts.ts'

interface SettlementParts {
  readonly settle: Settler
  readonly report: Report
}

/** How messages end. */
export interface Settlement {
  done(lease: HeldLease): Promise<boolean>
  failed(lease: HeldLease, error: unknown): Promise<void>
  giveBack(leases: readonly HeldLease[]): Promise<void>
}

export const settlement = ({ settle, report }: SettlementParts): Settlement => ({
  done: async (lease) => {
    const result = await settle.ack(lease)
    lease.release()
    if (!result.ok) report(result.error, { during: 'ack', message: lease.message })
    return result.ok
  },
  failed: async (lease, error) => {
    report(error, { during: 'handle', message: lease.message })
    if (!lease.lost) {
      const result = await settle.nack(lease, verdictOf(error))
      if (!result.ok) report(result.error, { during: 'nack', message: lease.message })
    }
    lease.release()
  },
  giveBack: async (leases) => {
    await Promise.all(
      leases.map(async (lease) => {
        const result = lease.lost ? undefined : await settle.unreceive(lease)
        lease.release()
        if (result && !result.ok) report(result.error, { during: 'unreceive', message: lease.message })
      }),
    )
  },
})

const verdictOf = (error: unknown): Omit<NackEntry, 'receiptHandle'> => {
  if (error instanceof RetryLater) return { delaySeconds: error.seconds }
  if (error instanceof Reject) return { deadLetter: true, error: error.message || 'Rejected' }
  return {}
}
