import type { Message } from '../../lib/model/message.ts'

/**
 * What the users of a queue saw, and the judgement of it. Instants are those of the simulated world, except for the
 * ends of leases and the instants of claims, which are of the clock of the process that wrote or judged them.
 */
export interface History {
  /** A message is about to be published; its body tells it from all others. */
  attempted(body: string): void
  published(body: string, messageId: string): void
  received(queue: string, message: Message, poll: { startedAt: number; endedAt: number; leaseMs: number }): Delivery
  /**
   * A holder asks that its lease end at `until`. From now on it may; that it does, even if that is later, is known
   * once the answer has come, which may be never.
   */
  moving(delivery: Delivery, until: number): { moved(): void }
  /** A message is being acked or cancelled: from now on it may be gone, whatever the answer, if any. */
  removing(messageId: string, startedAt: number, delivery?: Delivery): Removal
  /** A segment was written twice, its first copy gone in between: its messages may come again. */
  repeated(messageId: string): void
  /** Messages that must be in the queues, and how many may be, those included. */
  expected(): { must: Set<string>; most: number }
  /** What went against the promises; empty when nothing did. */
  violations(): string[]
  readonly deliveries: readonly Delivery[]
}

export interface Span {
  readonly startedAt: number
  readonly endedAt: number
}

export interface Removal {
  removed(endedAt: number): void
  refused(): void
}

export interface Delivery {
  readonly queue: string
  readonly message: Message
  readonly poll: Span
  /** On its process's clock. */
  readonly claimedAt: number
  /** Until when the lease was promised, at least. */
  leasedUntil: number
}

/** More than the clocks of a simulation are apart. */
const CLOCKS_DIFFER_MS = 1_000

export const history = ({ maxReceives }: { maxReceives?: number | undefined } = {}): History => {
  const attempts = new Map<string, string | undefined>()
  const deliveries: Delivery[] = []
  const removals = new Set<Attempt>()
  const repeats = new Set<string>()

  const removed = (certain: boolean) =>
    new Set([...removals].filter((removal) => removal.certain === certain).map(({ messageId }) => messageId))

  return {
    deliveries,
    attempted: (body) => void attempts.set(body, undefined),
    published: (body, messageId) => void attempts.set(body, messageId),
    received: (queue, message, { leaseMs, ...poll }) => {
      const { leasedUntil } = message
      const delivery = { queue, message, poll, claimedAt: leasedUntil - leaseMs, leasedUntil }
      deliveries.push(delivery)
      return delivery
    },
    moving: (delivery, until) => {
      delivery.leasedUntil = Math.min(delivery.leasedUntil, until)
      return {
        moved: () => {
          delivery.leasedUntil = until
        },
      }
    },
    removing: (messageId, startedAt, delivery) => {
      const removal: Attempt = { messageId, startedAt, endedAt: undefined, delivery, certain: false }
      removals.add(removal)
      return {
        removed: (endedAt) => {
          removal.endedAt = endedAt
          // Once its lease is over a message may be dead-lettered; an ack then finds it gone, and leaves it there.
          const inTime = !delivery || maxReceives === undefined || endedAt + CLOCKS_DIFFER_MS < delivery.leasedUntil
          removal.certain = inTime
        },
        refused: () => void removals.delete(removal),
      }
    },
    repeated: (messageId) => void repeats.add(messageId),
    expected: () => {
      const [gone, perhapsGone] = [removed(true), removed(false)]
      const published = [...attempts.values()].filter((id) => id !== undefined)
      const surelyGone = [...gone].filter((id) => !repeats.has(id))
      return {
        must: new Set(published.filter((id) => !gone.has(id) && !perhapsGone.has(id))),
        most: attempts.size + repeats.size - surelyGone.length,
      }
    },
    violations: () => {
      const known = new Set(repeats)
      const byPlace = new Map<string, Delivery[]>()
      for (const delivery of deliveries) {
        const place = `${delivery.queue} ${delivery.message.messageId}`
        byPlace.set(place, [...(byPlace.get(place) ?? []), delivery])
      }
      return [
        ...wrongBodies(attempts, deliveries),
        ...[...byPlace.values()]
          .filter(([first]) => first && !known.has(first.message.messageId))
          .flatMap((row) => [...wrongLeases(row), ...wrongCounts(row, maxReceives)]),
        ...[...removals]
          .filter(({ certain, messageId }) => certain && !known.has(messageId))
          .flatMap((removal) => [...returned(removal, deliveries), ...staleAcks(removal, deliveries, [...removals])]),
      ]
    },
  }
}

/** An ack or cancel; without an end while no answer has come. */
interface Attempt {
  readonly messageId: string
  readonly delivery: Delivery | undefined
  readonly startedAt: number
  endedAt: number | undefined
  /** Answered with success. */
  certain: boolean
}

const nameOf = ({ queue, message }: Delivery): string =>
  `${message.messageId} (${JSON.stringify(message.body)}) of ${queue}, receive ${message.receiveCount}`

const wrongBodies = (attempts: ReadonlyMap<string, string | undefined>, deliveries: readonly Delivery[]): string[] => {
  const ids = new Map<string, string>()
  return deliveries.flatMap((delivery) => {
    const { body, messageId } = delivery.message
    if (typeof body !== 'string' || !attempts.has(body)) return [`nobody published ${nameOf(delivery)}`]
    const id = attempts.get(body) ?? ids.get(body) ?? messageId
    ids.set(body, id)
    return id === messageId ? [] : [`${nameOf(delivery)} was published as ${id}`]
  })
}

/** Leases of one message in one queue never overlap. */
const wrongLeases = (row: readonly Delivery[]): string[] => {
  const sorted = [...row].sort((a, b) => a.claimedAt - b.claimedAt || a.message.receiveCount - b.message.receiveCount)
  return sorted.flatMap((delivery, position) => {
    const before = sorted[position - 1]
    return before && delivery.claimedAt < before.leasedUntil
      ? [`two live leases: ${nameOf(delivery)} at ${delivery.claimedAt}, leased until ${before.leasedUntil}`]
      : []
  })
}

const wrongCounts = (row: readonly Delivery[], maxReceives = Number.POSITIVE_INFINITY): string[] => {
  const sorted = [...row].sort((a, b) => a.claimedAt - b.claimedAt || a.message.receiveCount - b.message.receiveCount)
  return sorted.flatMap((delivery, position) => {
    const { receiveCount } = delivery.message
    const before = sorted[position - 1]?.message.receiveCount ?? 0
    return [
      ...(receiveCount <= before ? [`receives did not rise: ${nameOf(delivery)} after receive ${before}`] : []),
      ...(receiveCount > maxReceives ? [`received more than ${maxReceives} times: ${nameOf(delivery)}`] : []),
      ...(receiveCount < position + 1 ? [`receives were forgotten: ${nameOf(delivery)}`] : []),
    ]
  })
}

/** What was acked or cancelled is not received again, wherever. */
const returned = (
  { messageId, endedAt = Number.POSITIVE_INFINITY }: Attempt,
  deliveries: readonly Delivery[],
): string[] =>
  deliveries
    .filter(({ message, poll }) => message.messageId === messageId && poll.startedAt > endedAt)
    .map((delivery) => `came back after it was taken away at ${endedAt}: ${nameOf(delivery)}`)

/** An ack with a handle that another receive has outdated does nothing, unless the message was gone before. */
const staleAcks = (ack: Attempt, deliveries: readonly Delivery[], removals: readonly Attempt[]): string[] => {
  const { delivery, endedAt = 0 } = ack
  if (!delivery) return []
  const { message, queue } = delivery
  const goneBefore = removals.some(
    (other) => other.delivery !== delivery && other.messageId === message.messageId && other.startedAt < endedAt,
  )
  if (goneBefore) return []
  return deliveries
    .filter(
      (other) =>
        other.queue === queue &&
        other.message.messageId === message.messageId &&
        other.message.receiveCount > message.receiveCount &&
        other.poll.endedAt < ack.startedAt,
    )
    .map((other) => `acked with a handle of before: ${nameOf(delivery)}, though there was ${nameOf(other)}`)
}
