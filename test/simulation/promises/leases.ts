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
 * The receives of each message with several, in the order of the claims in the table: the instants of claims are of different
 * clocks, which jump.
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

/** The receives of each stay of a message in a queue: counts begin anew when the message is dead-lettered or redriven. */
const stays = (history: History): Claimed[][] =>
  rows(history).flatMap((row) => [...groupedBy(row, ({ claim }) => String(claim.stay)).values()])

/**
 * Segments that were stored twice are left out. The second copy, stored when the first was gone, repeats the versions of the
 * first. A poller that read the first and was paused for seconds may claim a message that was acked in the second.
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
 * A poller reads its clock when it reads what can be received, and again when it dates its claim. If its clock jumps back in between,
 * the date of the claim is before the end of a lease that was over by the first reading.
 */
export const jumpMs = (faults: Faults = {}): number => (faults['clock jumps'] ? 2 * JUMP_MS : 0)

export const exclusiveLeases: Promised = {
  name: 'leases of one message never overlap',
  violations: (history, { kind, groups, faults, clocksOffByMs = 0 }) =>
    // A message that was moved within groups can be received before its due time, which is of another process's clock.
    (kind === 'fifo' || groups ? stays : rows)(history).flatMap((row) =>
      row.flatMap(({ delivery }, position) => {
        const before = row[position - 1]?.delivery
        // What its consumer gives back ends by that clock, and an operator's clock says how soon the message may come after all.
        const offMs = history.rescheduled.has(delivery.message.messageId) ? 2 * clocksOffByMs : 0
        return before && delivery.claimedAt + jumpMs(faults) + offMs < before.leasedUntil
          ? [`two live leases: ${nameOf(delivery)} at ${delivery.claimedAt}, leased until ${before.leasedUntil}`]
          : []
      }),
    ),
}

/**
 * What a consumer asks for counts from the moment that it asks: a lease that it makes end sooner may end sooner from then on. An extension
 * counts its end anew before its second write, and the clock may have jumped back since the first.
 */
export const leasesLast: Promised = {
  name: 'a lease does not end before the instant that its holder was told',
  violations: ({ cutShort }, { faults }) =>
    cutShort
      .filter(({ told, until }) => told - until > jumpMs(faults))
      .map(({ delivery, told, until }) => `cut short to ${until}, from ${told}: ${nameOf(delivery)}`),
}

export const receiveCounts: Promised = {
  name: 'receives are counted, and end at the maximum',
  violations: (history, { settings, abandons, cast, trigger }) => {
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
      // Polls that end early give back their claims as not received, and triggers what their function did not get.
      if ((abandons || cast.workers || trigger) && history.ledger.of(messageId)?.unreceived) continue
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
