import { type Delivery, type History, nameOf } from '../history.ts'
import { groupedBy, type Promised } from './promise.ts'

/** The receives of each message in each queue, in the order of their claims, where there are several. */
const rows = ({ deliveriesOf, repeated }: History): Delivery[][] => {
  const found: Delivery[][] = []
  for (const [messageId, deliveries] of deliveriesOf) {
    if (deliveries.length === 1 || repeated.has(messageId)) continue
    for (const row of groupedBy(deliveries, ({ queue }) => queue).values()) {
      found.push(row.sort((a, b) => a.claimedAt - b.claimedAt || a.message.receiveCount - b.message.receiveCount))
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
      for (const [position, delivery] of row.entries()) {
        const { receiveCount } = delivery.message
        const before = row[position - 1]?.message.receiveCount ?? 0
        if (receiveCount <= before) found.push(`receives did not rise: ${nameOf(delivery)} after receive ${before}`)
        if (receiveCount < position + 1) found.push(`receives were forgotten: ${nameOf(delivery)}`)
      }
    }
    return found
  },
}
