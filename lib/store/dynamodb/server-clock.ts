import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { type Clock, systemClock } from '../../clock.ts'

/** A clock that knows how far it may be off. */
export interface ServerClock extends Clock {
  /** By how much the clock may be wrong, to either side; Infinity while nothing is known. */
  uncertaintyMs(): number
  /** Whether responses have no `Date` header. Then the clock is this machine's. */
  readonly untimed: boolean
}

/** The process's own clocks. The monotonic one never jumps, but may stop while a laptop sleeps. */
export interface LocalTime {
  wall(): number
  monotonic(): number
}

const localTime: LocalTime = { wall: () => Date.now(), monotonic: () => performance.now() }

/** A larger jump of the wall clock against the monotonic one means that the clock was set, or that the machine slept. */
const JUMP_MS = 500
/** How fast two clocks drift apart at most: 200 parts in a million. */
const DRIFT = 0.000_2
/** The `Date` header names whole seconds. */
const RESOLUTION_MS = 1_000

/**
 * DynamoDB's time, from the `Date` headers of its responses. A header of second D, in the response to a request sent at `a` and
 * received at `b`, shows that an instant between the two was in [D, D + 1 s). The intervals of several responses are intersected,
 * and grow again as clocks drift. A jump of the local clock makes all of them invalid.
 */
export const serverClock = (client: DynamoDBClient, local: LocalTime = localTime): ServerClock => {
  const offset = new ServerOffset(local)
  // Wraps the handler, because a client with `cacheMiddleware` ignores middleware that is added after its first call.
  const handler = client.config.requestHandler as unknown as RequestHandler
  const handle = handler.handle.bind(handler)
  handler.handle = async (...request) => {
    const sentAt = local.monotonic()
    const answer = await handle(...request)
    offset.learn(answer.response.headers.date, sentAt, local.monotonic())
    return answer
  }
  return {
    now: () => Math.round(offset.now()),
    sleep: systemClock.sleep,
    uncertaintyMs: () => offset.uncertaintyMs(),
    // Without a `Date` header there is nothing to compare the machine's clock with.
    doubtMs: () => (offset.untimed ? 0 : offset.uncertaintyMs()),
    get untimed() {
      return offset.untimed
    },
  }
}

/** By how much the server's clock is ahead of the local monotonic one: the interval that all responses agree on. */
interface Bounds {
  readonly low: number
  readonly high: number
  /** When the bounds held, by the monotonic clock. */
  readonly at: number
}

class ServerOffset {
  readonly #local: LocalTime
  #bounds: Bounds | undefined
  /** The wall clock minus the monotonic one, when last read. */
  #shift: number
  #untimed = false

  constructor(local: LocalTime) {
    this.#local = local
    this.#shift = local.wall() - local.monotonic()
  }

  get untimed(): boolean {
    return this.#untimed
  }

  /** The server's time, epoch ms; the machine's while nothing is known. */
  now(): number {
    const known = this.#widened()
    return known ? this.#local.monotonic() + (known.low + known.high) / 2 : this.#local.wall()
  }

  uncertaintyMs(): number {
    const known = this.#widened()
    return known ? (known.high - known.low) / 2 : Number.POSITIVE_INFINITY
  }

  /** Narrows the bounds by the `Date` header of a response, whose request was sent and answered at these monotonic instants. */
  learn(date: string | undefined, sentAt: number, answeredAt: number): void {
    const second = date === undefined ? Number.NaN : Date.parse(date)
    if (Number.isNaN(second)) {
      this.#untimed = this.#bounds === undefined
      return
    }
    this.#untimed = false
    const known = this.#widened()
    const latest = { low: second - answeredAt, high: second + RESOLUTION_MS - sentAt, at: answeredAt }
    const low = Math.max(known?.low ?? latest.low, latest.low)
    const high = Math.min(known?.high ?? latest.high, latest.high)
    // Intervals that contradict each other mean that a clock was set: the latest interval counts.
    this.#bounds = low <= high ? { low, high, at: answeredAt } : latest
  }

  /** The bounds, widened by the drift since they held; undefined after a jump of the local clock. */
  #widened(): Bounds | undefined {
    const now = this.#local.monotonic()
    const shift = this.#local.wall() - now
    if (Math.abs(shift - this.#shift) > JUMP_MS) this.#bounds = undefined
    this.#shift = shift
    if (!this.#bounds) return undefined
    const slack = (now - this.#bounds.at) * DRIFT
    return { low: this.#bounds.low - slack, high: this.#bounds.high + slack, at: now }
  }
}

interface RequestHandler {
  handle(...request: unknown[]): Promise<{ readonly response: { readonly headers: Readonly<Record<string, string>> } }>
}
