import type { Codec } from '../codecs/codec.ts'
import { reasonOf } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import { failureFrom, resultBytes } from '../model/result.ts'
import type { NackEntry } from '../settle/nack.ts'
import type { QueueTelemetry, SettleVerb } from '../telemetry/telemetry.ts'
import type { Report } from './handler.ts'
import type { HeldLease } from './lease.ts'
import type { AckOutcome, Settler } from './settler.ts'
import { Reject, RetryLater } from './verdicts.ts'

interface SettlementParts {
  readonly settle: Settler
  readonly report: Report
  readonly telemetry: QueueTelemetry
  /** Encodes the results that handlers return. */
  readonly codec: Codec<unknown>
}

/** Settles messages and reports failures. */
export interface Settlement {
  /** @param value the handler's result for the message */
  done(lease: HeldLease, value?: unknown): Promise<boolean>
  failed(lease: HeldLease, error: unknown): Promise<void>
  giveBack(leases: readonly HeldLease[]): Promise<void>
}

export const settlement = ({ settle, report, telemetry, codec }: SettlementParts): Settlement => {
  /** Settles a message, releases its lease, and reports a failure. Returns whether it succeeded. */
  const end = async (verb: SettleVerb, lease: HeldLease, work: () => Promise<HandleResult>): Promise<boolean> => {
    const result = await telemetry.settle(verb, [lease.message], work)
    lease.release()
    if (!result.ok) report(result.error, { during: verb, message: lease.message })
    return result.ok
  }
  return {
    done: (lease, value) => end('ack', lease, () => settle.ack(lease, outcomeOf(codec, value))),
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
  const failure = failureFrom(error)
  if (error instanceof Reject) return { deadLetter: true, error: error.message || 'Rejected', failure }
  return { failure }
}

/** The outcome of an ack, from the handler's returned value. The work is done, so a value that can't be encoded does not fail the ack. */
const outcomeOf = (codec: Codec<unknown>, value: unknown): AckOutcome | undefined => {
  if (value === undefined) return undefined
  try {
    const result = codec.encode(value)
    const bytes = resultBytes(result)
    if (bytes <= LIMITS.resultBytes) return { result }
    return { unstored: `the result has ${bytes} bytes, and at most ${LIMITS.resultBytes} are kept` }
  } catch (error) {
    return {
      unstored: `the result can't be encoded as ${codec.name}: ${reasonOf(error)}`.slice(0, LIMITS.reasonLength),
    }
  }
}
