import type { Clock } from '../clock.ts'
import { isHoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { QueueTelemetry } from '../telemetry/telemetry.ts'
import { backOff } from '../transport/backoff.ts'
import type { Transport } from '../transport/port.ts'
import { doorbell } from './doorbell.ts'
import type { Report } from './handler.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import type { Runner } from './runner.ts'

export interface PollerParts {
  readonly transport: Pick<Transport, 'poll' | 'getQueue' | 'workerWaitSeconds'>
  readonly queue: string
  readonly clock: Clock
  readonly fraction: () => number
  readonly keeper: LeaseKeeper
  readonly runs: Runner
  readonly report: Report
  readonly telemetry: QueueTelemetry
  readonly concurrency: number
  readonly batchSize?: number
  readonly pollers?: number
  /** @default the queue's own */
  readonly visibilityTimeoutSeconds?: number
}

export interface Poller {
  /** Stops polling. Resolves when the last poll has ended and its messages were given back. */
  stop(): Promise<void>
}

/** The pause after a poll that found nothing and did not wait. */
const EMPTY_POLL_MS = 100
/** The pause between failing polls grows up to this many failures in a row. */
const MAX_FAILURES = 8

/** Polls for as many messages as handlers can start at once, since another consumer could receive messages that wait here. */
export const poller = (parts: PollerParts): Poller => {
  const { transport, queue, clock, fraction, keeper, runs, report, concurrency, batchSize = 1 } = parts
  const stopping = new AbortController()
  const { signal } = stopping
  let asked = 0
  const freed = doorbell()
  /** The next messages come while acks are under way; where acks are slow, their number bounds them, too. */
  const room = () => {
    const wanted = runs.running + asked
    return Math.min(concurrency - wanted, 2 * concurrency - wanted - runs.settling)
  }

  const roomFree = async (): Promise<void> => {
    while (room() <= 0 && !signal.aborted) await freed.rung()
  }

  const pollOnce = async (slots: number, leaseSeconds: number): Promise<void> => {
    const askedAt = clock.now()
    const request = {
      maxMessages: Math.min(LIMITS.batchSize, slots * batchSize),
      waitTimeSeconds: waitSeconds(transport.workerWaitSeconds, leaseSeconds),
      visibilityTimeoutSeconds: leaseSeconds,
      // At a stop the poll ends, and the messages that it leased are given back.
      ending: signal,
    }
    const messages = await parts.telemetry.workerPoll(() => transport.poll(queue, request))
    const leases = messages.map((message) => keeper.hold(message, askedAt, leaseSeconds * 1_000))
    if (signal.aborted) return runs.giveBack(leases)
    runs.start(leases, freed.ring)
    if (messages.length === 0 && clock.now() - askedAt < EMPTY_POLL_MS) await clock.sleep(EMPTY_POLL_MS, signal)
  }

  const pollUntilStopped = async (): Promise<void> => {
    let leaseSeconds: number | undefined
    for (let failures = 0; !signal.aborted; ) {
      await roomFree()
      if (signal.aborted) return
      const slots = room()
      asked += slots
      try {
        leaseSeconds ??= parts.visibilityTimeoutSeconds ?? (await leaseOf(parts, signal))
        await pollOnce(slots, leaseSeconds)
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        report(error, { during: 'poll' })
        failures = Math.min(MAX_FAILURES, failures + 1)
        await backOff(clock, { attempt: failures, fraction: fraction(), signal }).catch(() => {})
      } finally {
        asked -= slots
        freed.ring()
      }
    }
  }

  const polling = Promise.all(Array.from({ length: parts.pollers ?? 1 }, pollUntilStopped))
  return {
    stop: async () => {
      stopping.abort()
      freed.ring()
      await polling
    },
  }
}

/**
 * A lease counts from before its poll was sent, so a long poll leaves less of it. At least half of each lease is left, and the first
 * extension is due after the start of the handler.
 */
const waitSeconds = (longest: number, leaseSeconds: number): number => Math.min(longest, Math.floor(leaseSeconds / 2))

/** Used where the queue's own timeout can't be read, or is 0. */
const LEASE_SECONDS = 30

/** A consumer may be allowed to poll and not to read settings. */
const leaseOf = async ({ transport, queue }: PollerParts, signal: AbortSignal): Promise<number> => {
  try {
    return (await transport.getQueue(queue, { signal })).settings.visibilityTimeoutSeconds || LEASE_SECONDS
  } catch (error) {
    if (isHoldfastError(error, 'AccessDenied')) return LEASE_SECONDS
    throw error
  }
}
