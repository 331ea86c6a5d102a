import { LIMITS, QUEUE_CACHE_MS } from '../../lib/model/limits.ts'
import type { Slot } from '../../lib/model/segment.ts'
import { readQueue } from '../../lib/queues/read-queue.ts'
import { RELEASES_LATE_MS } from '../../lib/visibility/early-release.ts'
import { DRAIN_LEASE_SECONDS, DRAIN_PAUSE_MS } from './drain.ts'
import { lateRequestsMs } from './faults.ts'
import type { PollRecord } from './history.ts'
import { type Lane, receivableNow } from './receivable.ts'
import type { Spans } from './spans.ts'
import { triggerLeaseMs } from './trigger-runs.ts'
import { DEFAULT_TRIGGER } from './triggering.ts'
import type { World } from './world.ts'
import { queueNames, type WorldSettings } from './world-settings.ts'

/** The longest time for which hints hide a message: cached settings, a nack of another process, a publish that polls still wait for. */
const HINTS_MS = Math.max(QUEUE_CACHE_MS, RELEASES_LATE_MS)
const SAMPLE_MS = 250

/**
 * The maximum time from when a message can be received until a poll receives it, once nothing fails any more and while pollers poll. A
 * dead poller's lock of a group, and what a snapshot has as in flight, end with the longest lease. Hints last a few seconds. Late
 * requests arrive, and clocks differ.
 */
const receivedWithinMs = (settings: WorldSettings, spans: Spans): number => {
  const { clocksOffByMs = 0, faults, trigger } = settings
  const { leaseSeconds, extendSeconds } = spans
  const longestSeconds = Math.max(leaseSeconds[1], extendSeconds, DRAIN_LEASE_SECONDS)
  return (
    Math.max(longestSeconds * 1_000, trigger ? triggerLeaseMs({ ...DEFAULT_TRIGGER, ...trigger }) : 0) +
    HINTS_MS +
    lateRequestsMs(faults, spans) +
    2 * clocksOffByMs +
    DRAIN_PAUSE_MS +
    4 * SAMPLE_MS
  )
}

interface Liveness {
  /** From now on nothing is published: each message counts. */
  drained(): void
  end(): Judged
}

interface Judged {
  readonly messages: readonly string[]
  readonly lanes: readonly string[]
  readonly pollers: readonly string[]
}

/** Samples the table again and again, once nothing fails any more. */
export const watchLiveness = (world: World): Liveness => {
  const { scheduler, settings, store } = world
  const withinMs = receivedWithinMs(settings, world.spans)
  const fromAt = scheduler.now()
  const messages = waits(withinMs)
  const lanes = waits(withinMs)
  const busy = new Map<string, Span[]>()
  let ended = false
  let isDraining = false

  const sample = async (): Promise<void> => {
    for (const name of queueNames(settings)) {
      const queue = world.observer.isEmpty() ? undefined : await readQueue(store, name, { consistent: true })
      const now = scheduler.now()
      const found = queue && !queue.settings.paused ? receivableNow(world, queue, now) : []
      for (const { name: lane, waiting } of found) lanes.seen(lane, [...waiting], now)
      const places = found.flatMap(({ name: lane, waiting }) => [...waiting].map((place) => [lane, place] as const))
      // Where there are more messages than one poll receives, the last ones wait for several polls.
      if (isDraining && places.length <= LIMITS.batchSize) {
        for (const [lane, place] of places) messages.seen(`${lane}, ${place[0]}`, [place], now)
      }
      extend(busy, name, found, now)
    }
    lanes.forget(scheduler.now())
    messages.forget(scheduler.now())
  }
  const go = async (): Promise<void> => {
    for (; !ended; await scheduler.sleep(SAMPLE_MS)) await sample()
  }
  world.aside(go())

  return {
    drained: () => {
      isDraining = true
    },
    end: () => {
      ended = true
      const polls = world.history.polls.filter(({ startedAt }) => startedAt >= fromAt)
      return { messages: messages.found, lanes: lanes.found, pollers: starved(polls, busy, withinMs) }
    },
  }
}

type Waiting = readonly (readonly [place: string, slot: Slot])[]

/** How long each name has waited without being served. It is served when one of its messages has changed. */
const waits = (withinMs: number) => {
  const known = new Map<string, { since: number; at: number; waiting: Waiting }>()
  const found: string[] = []
  return {
    found,
    seen: (name: string, waiting: Waiting, now: number): void => {
      const before = known.get(name)
      const present = new Map(waiting)
      const isServed = before?.waiting.some(([place, slot]) => present.get(place) !== slot) ?? true
      const since = before && !isServed ? before.since : now
      if (now - since > withinMs && found.length < 3) found.push(`${name} waits since ${since}, at ${now}`)
      known.set(name, { since, at: now, waiting })
    },
    /** Forgets names that the sample at this instant did not have: they no longer wait. */
    forget: (now: number): void => {
      for (const [name, { at }] of known) if (at < now) known.delete(name)
    },
  }
}

interface Span {
  readonly from: number
  to: number
  open: boolean
}

/** Records the spans in which a queue had something to receive at each sample. */
const extend = (busy: Map<string, Span[]>, queue: string, found: readonly Lane[], now: number): void => {
  const spans = busy.get(queue) ?? []
  busy.set(queue, spans)
  const last = spans.at(-1)
  if (found.length === 0) {
    if (last) last.open = false
  } else if (last?.open) last.to = now
  else spans.push({ from: now, to: now, open: true })
}

/** Pollers whose polls received nothing, one after the other, for too long while each sample had something to receive. */
const starved = (
  polls: readonly PollRecord[],
  busy: ReadonlyMap<string, readonly Pick<Span, 'from' | 'to'>[]>,
  withinMs: number,
): string[] => {
  const found: string[] = []
  const hungry = new Map<string, number>()
  for (const { by, queue, startedAt, endedAt, received } of polls) {
    const name = `${by} at ${queue}`
    const span = busy.get(queue)?.find(({ from, to }) => from <= startedAt && endedAt <= to)
    if (received > 0 || !span) {
      hungry.delete(name)
      continue
    }
    const since = Math.max(hungry.get(name) ?? startedAt, span.from)
    hungry.set(name, since)
    if (endedAt - since > withinMs) found.push(`${name} receives nothing from ${since} to ${endedAt}`)
  }
  return found.slice(0, 3)
}
