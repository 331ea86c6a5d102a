import { type Delivery, type History, nameOf } from '../history.ts'
import { groupedBy, type Promised } from './promise.ts'

/**
 * The receives of each message in each queue, where there are several, in the order of their claims. That order is the
 * order of their counts: each claim requires the count that it raises. The instants of claims are read from the clocks
 * of different processes, which differ and jump, and don't order them.
 */
const rows = ({ deliveriesOf, repeated }: History): Delivery[][] => {
  const found: Delivery[][] = []
  for (const [messageId, deliveries] of deliveriesOf) {
    if (deliveries.length === 1 || repeated.has(messageId)) continue
    for (const row of groupedBy(deliveries, ({ queue }) => queue).values()) {
      found.push(row.sort((a, b) => a.message.receiveCount - b.message.receiveCount || a.startedAt - b.startedAt))
    }
  }
  return found
}

export const exclusiveLeases: Promised = {
  name: 'leases of one message never overlap',
  violations: (history) =>
    rows(history).flatMap((row) =>
      row.flatMap((delivery, position) => {
        const before = row[position - 1]
        return before && delivery.claimedAt < before.leasedUntil
          ? [`two live leases: ${nameOf(delivery)} at ${delivery.claimedAt}, leased until ${before.leasedUntil}`]
          : []
      }),
    ),
}

export const receiveCounts: Promised = {
  name: 'receives are counted, and end at the maximum',
  violations: (history, { settings }) => {
    const maxReceives = settings?.deadLetter?.maxReceives ?? Number.POSITIVE_INFINITY
    const found: string[] = []
    for (const delivery of history.deliveries) {
      if (delivery.message.receiveCount > maxReceives) {
        found.push(`received more than ${maxReceives} times: ${nameOf(delivery)}`)
      }
    }
    for (const row of rows(history)) {
      let latest: Delivery | undefined
      for (const [position, delivery] of row.entries()) {
        const { receiveCount } = delivery.message
        const before = row[position - 1]
        if (before?.message.receiveCount === receiveCount) {
          found.push(`counted as the same receive: ${nameOf(delivery)} and ${nameOf(before)}`)
        }
        // A poll that was answered before another one began has the lower count.
        if (latest && delivery.endedAt < latest.startedAt) {
          found.push(
            `receives did not rise: ${nameOf(delivery)} was answered before the poll of ${nameOf(latest)} began`,
          )
        }
        if (receiveCount < position + 1) found.push(`receives were forgotten: ${nameOf(delivery)}`)
        if (!latest || delivery.startedAt > latest.startedAt) latest = delivery
      }
    }
    return found
  },
}
