import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { type Clock, systemClock } from '../../clock.ts'

/** A clock that knows how far it may be off. */
export interface ServerClock extends Clock {
  /** Half the width of the interval that the server's time is known to lie in, ms; Infinity while nothing is known. */
  uncertaintyMs(): number
  /** Whether the last responses had no time at all. Then the clock of this machine counts. */
  readonly untimed: boolean
}

/** The process's own clocks. The monotonic one never jumps, but may stop while a laptop sleeps. */
export interface LocalTime {
  wall(): number
  monotonic(): number
}

const localTime: LocalTime = { wall: () => Date.now(), monotonic: () => performance.now() }

/** A jump of the wall clock against the monotonic one by this much: the clock was set, or the machine slept. */
const JUMP_MS = 500
/** How fast two clocks drift apart, at worst: 200 parts in a million. */
const DRIFT = 0.000_2
/** The `Date` header names whole seconds. */
const RESOLUTION_MS = 1_000

/**
 * DynamoDB's time, from the `Date` headers of its responses. A header of second D, in the response to a request sent at `a` and
 * received at `b`, shows that an instant between the two was in [D, D + 1 s). The intervals of several responses are intersected,
 * and grow again as clocks drift. A jump of the local clock makes all of them invalid.
 */
export const serverClock = (client: DynamoDBClient, local: LocalTime = localTime): ServerClock => {
  let bounds: { readonly low: number; readonly high: number; readonly at: number } | undefined
  let shift = local.wall() - local.monotonic()
  let untimed = false

  const widened = () => {
    const now = local.monotonic()
    const before = local.wall() - now
    if (Math.abs(before - shift) > JUMP_MS) bounds = undefined
    shift = before
    if (!bounds) return undefined
    const slack = (now - bounds.at) * DRIFT
    return { low: bounds.low - slack, high: bounds.high + slack, at: now }
  }

  const learn = (date: string | undefined, askedAt: number, gotAt: number): void => {
    const second = date === undefined ? Number.NaN : Date.parse(date)
    if (Number.isNaN(second)) {
      untimed = bounds === undefined
      return
    }
    untimed = false
    const known = widened()
    const latest = { low: second - gotAt, high: second + RESOLUTION_MS - askedAt, at: gotAt }
    const low = Math.max(known?.low ?? latest.low, latest.low)
    const high = Math.min(known?.high ?? latest.high, latest.high)
    // The intervals contradict each other, because a clock was set. The latest one counts.
    bounds = low <= high ? { low, high, at: gotAt } : latest
  }

  // Not a middleware: a client that caches them, as ours do, would not see one that is added after its first call.
  const handler = client.config.requestHandler as unknown as RequestHandler
  const handle = handler.handle.bind(handler)
  handler.handle = async (...request) => {
    const askedAt = local.monotonic()
    const answer = await handle(...request)
    learn(answer.response.headers.date, askedAt, local.monotonic())
    return answer
  }

  return {
    now: () => {
      const known = widened()
      return Math.round(known ? local.monotonic() + (known.low + known.high) / 2 : local.wall())
    },
    sleep: systemClock.sleep,
    uncertaintyMs: () => {
      const known = widened()
      return known ? (known.high - known.low) / 2 : Number.POSITIVE_INFINITY
    },
    doubtMs: () => {
      const known = widened()
      // With nothing to compare it with, the machine's own clock counts.
      return untimed ? 0 : known ? (known.high - known.low) / 2 : Number.POSITIVE_INFINITY
    },
    get untimed() {
      return untimed
    },
  }
}

interface RequestHandler {
  handle(...request: unknown[]): Promise<{ readonly response: { readonly headers: Readonly<Record<string, string>> } }>
}
