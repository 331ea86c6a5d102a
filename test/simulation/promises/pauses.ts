import { QUEUE_CACHE_MS } from '../../../lib/model/limits.ts'
import { claimOf, nameOf } from '../history.ts'
import { DEFAULT_SPANS } from '../spans.ts'
import { queueName, type WorldSettings } from '../world-settings.ts'
import type { Promised } from './promise.ts'

/** The longest poll, from its read of the queue's record to its claim, with repeats, in a process that is not paused. */
const POLL_MS = 3_000

/** The extra time between a read and a claim in a process that is paused, or whose requests are late. */
const claimDelayMs = ({ faults = {}, spans }: WorldSettings): number => {
  const { pauseMs, lateMs } = { ...DEFAULT_SPANS, ...spans }
  return (faults.paused ? pauseMs[1] : 0) + (faults['request delayed'] || faults['answer delayed'] ? lateMs[1] : 0)
}

/** No claims from the instant at which every process has read an answered pause, until an actor begins to resume. */
export const nothingFromPaused: Promised = {
  name: 'nothing is claimed from a paused queue five seconds and a poll after its pause',
  madeFor: ({ changes }) => changes?.during.some(({ paused }) => paused !== undefined) ?? false,
  violations: (history, settings) =>
    // A queue that is created again is not paused.
    (settings.cast.deleters ? [] : history.pauses).flatMap(({ paused, startedAt, endedAt }, at) => {
      if (!paused || endedAt === undefined) return []
      // One actor does all pauses and resumes: an earlier resume can't take effect any more, since its condition fails.
      const resume = history.pauses.slice(at + 1).find((later) => !later.paused)
      const until = resume?.startedAt ?? Number.POSITIVE_INFINITY
      return history.deliveries
        .filter((delivery) => delivery.queue === queueName(settings))
        .filter((delivery) => {
          const claimedAt = claimOf(history, delivery)?.from ?? 0
          return claimedAt > endedAt + QUEUE_CACHE_MS + POLL_MS + claimDelayMs(settings) && claimedAt < until
        })
        .map((delivery) => `claimed while the queue was paused, since ${startedAt}: ${nameOf(delivery)}`)
    }),
}
