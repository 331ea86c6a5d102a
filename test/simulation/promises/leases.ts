import { type Faults, JUMP_MS } from '../faults.ts'
import { claimOf, type Delivery, type History, nameOf } from '../history.ts'
import type { LeaseSpan } from '../ledger.ts'
import { isDead } from './one-message.ts'
import { groupedBy, type Promised } from './promise.ts'

interface Claimed {
  readonly delivery: Delivery
  readonly claim: LeaseSpan
}

/**
 * The receives of each message, where there are several, in the order in which the table saw the claims: instants of
 * claims are of different clocks, which jump.
 */
const rows = (history: History): Claimed[][] => {
  const found: Claimed[][] = []
  for (const [messageId, deliveries] of history.deliveriesOf) {
    if (deliveries.length === 1 || history.repeated.has(messageId)) continue
    const claimed = deliveries.flatMap((delivery): Claimed[] => {
      const claim = claimOf(history, delivery)
      return claim ? [{ delivery, claim }] : []
    })
    found.push(claimed.sort((a, b) => a.claim.order - b.claim.order))
  }
  return found
}

/** Each stay of a message in a queue: where it is dead-lettered or redriven, counts begin anew. */
const stays = (history: History): Claimed[][] =>
  rows(history).flatMap((row) => [...groupedBy(row, ({ claim }) => String(claim.stay)).values()])

/**
 * A segment that was stored a second time, the first gone in between, has its versions a second time too: a poller that
 * read the first and sleeps for seconds may claim what was acked of the second. That message comes once more than twice.
 */
export const underLeases: Promised = {
  name: 'each receive leases the message to its receiver by a claim of its own',
  violations: (history) => {
    const seen = new Map<LeaseSpan, Delivery>()
    return history.deliveries.flatMap((delivery) => {
      if (history.repeated.has(delivery.message.messageId)) return []
      const claim = claimOf(history, delivery)
      if (!claim) return [`received without a lease: ${nameOf(delivery)}`]
      const other = seen.get(claim)
      seen.set(claim, delivery)
      return other ? [`received twice under one lease: ${nameOf(delivery)} and ${nameOf(other)}`] : []
    })
  },
}

/**
 * A poller looks at its clock when it reads what can be received, and again when it dates its claim. Where its clock jumps back in
 * between, the claim of a lease that was over by the first look is dated before that lease's end.
 */
export const jumpMs = (faults: Faults = {}): number => (faults['clock jumps'] ? 2 * JUMP_MS : 0)

export const exclusiveLeases: Promised = {
  name: 'leases of one message never overlap',
  violations: (history, { kind, groups, faults }) =>
    // In a group a moved message is not held back until its due time, which is of another process's clock.
    (kind === 'fifo' || groups ? stays : rows)(history).flatMap((row) =>
      row.flatMap(({ delivery }, position) => {
        const before = row[position - 1]?.delivery
        return before && delivery.claimedAt + jumpMs(faults) < before.leasedUntil
          ? [`two live leases: ${nameOf(delivery)} at ${delivery.claimedAt}, leased until ${before.leasedUntil}`]
          : []
      }),
    ),
}

export const receiveCounts: Promised = {
  name: 'receives are counted, and end at the maximum',
  violations: (history, { settings, abandons, cast }) => {
    const maxReceives = settings?.deadLetter?.maxReceives ?? Number.POSITIVE_INFINITY
    const found: string[] = []
    for (const delivery of history.deliveries) {
      if (delivery.message.receiveCount > maxReceives && !isDead(delivery)) {
        found.push(`received more than ${maxReceives} times: ${nameOf(delivery)}`)
      }
    }
    for (const row of stays(history)) {
      const messageId = row[0]?.delivery.message.messageId ?? ''
      if (history.unreceived.has(messageId)) continue
      // Polls that end early give back what they had claimed, as if they had not.
      if ((abandons || cast.workers) && history.ledger.of(messageId)?.unreceived) continue
      for (const [position, { delivery }] of row.entries()) {
        const { receiveCount } = delivery.message
        const before = row[position - 1]?.delivery.message.receiveCount ?? 0
        if (receiveCount <= before) found.push(`receives did not rise: ${nameOf(delivery)} after receive ${before}`)
        if (receiveCount < position + 1) found.push(`receives were forgotten: ${nameOf(delivery)}`)
      }
    }
    return found
  },
}
