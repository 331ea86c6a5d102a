import type { Clock } from '../clock.ts'
import { isHoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { QueueTelemetry } from '../telemetry/telemetry.ts'
import { backOff } from '../transport/backoff.ts'
import type { Transport } from '../transport/port.ts'
import type { Report } from './handler.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import { notifier } from './notifier.ts'
import type { Runs } from './runner.ts'

export interface PollerParts {
  readonly transport: Pick<Transport, 'poll' | 'getQueue' | 'workerWaitSeconds'>
  readonly queue: string
  readonly clock: Clock
  readonly fraction: () => number
  readonly keeper: LeaseKeeper
  readonly runs: Runs
  readonly report: Report
  readonly telemetry: QueueTelemetry
  readonly concurrency: number
  readonly batchSize?: number
  readonly pollers?: number
  /** @default the queue's own */
  readonly visibilityTimeoutSeconds?: number
}

/** The pause after a poll that found nothing and did not wait. */
const EMPTY_POLL_MS = 100
/** The pause between failing polls grows up to this many failures in a row. */
const MAX_FAILURES = 8

/** Polls for as many messages as handlers can start at once, since another consumer could receive messages that wait here. */
export class Poller {
  readonly #parts: PollerParts
  readonly #batchSize: number
  readonly #stopping = new AbortController()
  /** The number of handlers for which polls under way have requested messages. */
  #asked = 0
  readonly #freed = notifier()
  readonly #polling: Promise<unknown>

  constructor(parts: PollerParts) {
    this.#parts = parts
    this.#batchSize = parts.batchSize ?? 1
    this.#polling = Promise.all(Array.from({ length: parts.pollers ?? 1 }, () => this.#pollUntilStopped()))
  }

  /** Stops polling. Resolves when the last poll has ended and its messages were given back. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#freed.notify()
    await this.#polling
  }

  /** The number of handlers that can start. Polls do not wait for acks, but many acks under way lower the number too. */
  get #room(): number {
    const { concurrency, runs } = this.#parts
    const wanted = runs.running + this.#asked
    return Math.min(concurrency - wanted, 2 * concurrency - wanted - runs.settling)
  }

  async #pollUntilStopped(): Promise<void> {
    const { clock, fraction, report } = this.#parts
    const { signal } = this.#stopping
    let leaseSeconds: number | undefined
    for (let failures = 0; !signal.aborted; ) {
      while (this.#room <= 0 && !signal.aborted) await this.#freed.notified()
      if (signal.aborted) return
      const slots = this.#room
      this.#asked += slots
      try {
        leaseSeconds ??= this.#parts.visibilityTimeoutSeconds ?? (await leaseOf(this.#parts, signal))
        await this.#poll(slots, leaseSeconds)
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        report(error, { during: 'poll' })
        failures = Math.min(MAX_FAILURES, failures + 1)
        await backOff(clock, { attempt: failures, fraction: fraction(), signal }).catch(() => {})
      } finally {
        this.#asked -= slots
        this.#freed.notify()
      }
    }
  }

  /** Polls once, for as many handlers as there are `slots`, and starts them. */
  async #poll(slots: number, leaseSeconds: number): Promise<void> {
    const { transport, queue, clock, keeper, runs, telemetry } = this.#parts
    const { signal } = this.#stopping
    const askedAt = clock.now()
    const request = {
      maxMessages: Math.min(LIMITS.batchSize, slots * this.#batchSize),
      waitTimeSeconds: waitSeconds(transport.workerWaitSeconds, leaseSeconds),
      visibilityTimeoutSeconds: leaseSeconds,
      // At a stop the poll ends, and the messages that it leased are given back.
      ending: signal,
    }
    const messages = await telemetry.workerPoll(() => transport.poll(queue, request))
    const leases = messages.map((message) => keeper.hold(message, askedAt, leaseSeconds * 1_000))
    if (signal.aborted) return runs.giveBack(leases)
    runs.start(leases, this.#freed.notify)
    if (messages.length === 0 && clock.now() - askedAt < EMPTY_POLL_MS) await clock.sleep(EMPTY_POLL_MS, signal)
  }
}

/**
 * The wait of a poll, at most half a lease. A lease counts from before its poll was sent. So at least half of each lease is left when the
 * poll returns, and the first extension is due after the start of the handler.
 */
const waitSeconds = (max: number, leaseSeconds: number): number => Math.min(max, Math.floor(leaseSeconds / 2))

/** Used when the queue's own timeout can't be read, or is 0. */
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
