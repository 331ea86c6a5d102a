import type { HandleResult } from '../model/message.ts'
import type { NackEntry } from '../settle/nack.ts'
import type { QueueTelemetry, SettleVerb } from '../telemetry/telemetry.ts'
import type { Report } from './handler.ts'
import type { HeldLease } from './lease-keeper.ts'
import type { Settler } from './settler.ts'
import { Reject, RetryLater } from './verdicts.ts'

interface SettlementParts {
  readonly settle: Settler
  readonly report: Report
  readonly telemetry: QueueTelemetry
}

/** Settles messages and reports failures. */
export interface Settlement {
  done(lease: HeldLease): Promise<boolean>
  failed(lease: HeldLease, error: unknown): Promise<void>
  giveBack(leases: readonly HeldLease[]): Promise<void>
}

export const settlement = ({ settle, report, telemetry }: SettlementParts): Settlement => {
  /** Settles a message, releases its lease, and reports a failure. Returns whether it succeeded. */
  const end = async (verb: SettleVerb, lease: HeldLease, work: () => Promise<HandleResult>): Promise<boolean> => {
    const [result] = await telemetry.settle(verb, [lease.message], async () => [await work()])
    lease.release()
    if (result && !result.ok) report(result.error, { during: verb, message: lease.message })
    return result?.ok ?? false
  }
  return {
    done: (lease) => end('ack', lease, () => settle.ack(lease)),
    failed: async (lease, error) => {
      report(error, { during: 'handle', message: lease.message })
      if (lease.lost) lease.release()
      else await end('nack', lease, () => settle.nack(lease, verdictOf(error)))
    },
    giveBack: async (leases) => {
      await Promise.all(
        leases.map(async (lease) => {
          if (lease.lost) lease.release()
          else await end('unreceive', lease, () => settle.unreceive(lease))
        }),
      )
    },
  }
}

const verdictOf = (error: unknown): Omit<NackEntry, 'receiptHandle'> => {
  if (error instanceof RetryLater) return { delaySeconds: error.seconds }
  if (error instanceof Reject) return { deadLetter: true, error: error.message || 'Rejected' }
  return {}
}
