import { droppedFrom, expiring } from '../drops.ts'
import type { Promised } from './promise.ts'

/** The time to give back the claims of an abandoned poll: a request, and repeats. */
const UNDONE_WITHIN_MS = 1_500

/** For worlds without failing requests: a lease that the poll failed to give back only ends with its time. */
export const abandonedPolls: Promised = {
  name: 'a poll that is abandoned leases nothing',
  madeFor: ({ abandons, faults }) => abandons !== undefined && faults === undefined,
  violations: (history, settings) => {
    const dropped = droppedFrom(history, settings)
    const mayExpire = expiring(history)
    return history.abandoned.flatMap(({ by, startedAt, endedAt }) =>
      [...history.ledger.entries].flatMap(([messageId, { leases }]) =>
        dropped(messageId) > endedAt &&
        // TTL may delete it before its lease is given back.
        !mayExpire(messageId) &&
        leases.some(
          (lease) =>
            lease.by === by &&
            lease.from >= startedAt &&
            lease.from <= endedAt &&
            lease.endedAt > endedAt + UNDONE_WITHIN_MS &&
            lease.until > endedAt + UNDONE_WITHIN_MS,
        )
          ? [`${messageId} was left leased by ${by}, whose poll from ${startedAt} was abandoned`]
          : [],
      ),
    )
  },
}
