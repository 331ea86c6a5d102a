import { droppedFrom, expiring } from '../drops.ts'
import { claimOf, type Delivery, type History, nameOf, type Publish } from '../history.ts'
import type { WorldSettings } from '../world-settings.ts'
import { jumpMs } from './leases.ts'
import { isDead } from './one-message.ts'
import { groupedBy, type Promised } from './promise.ts'

const isFifo = ({ kind }: WorldSettings): boolean => kind === 'fifo'
const sequenceOf = ({ message }: Delivery): string => message.sequenceNumber ?? ''

/** A queue that is created again has groups of its own. */
const lifeOf = (history: History, delivery: Delivery): string =>
  `${delivery.queue} ${claimOf(history, delivery)?.generation} ${delivery.message.groupId}`

/** Deliveries without those of polls that had not read a purge yet, which have no order. */
const groupsKept = (history: History, settings: WorldSettings): Delivery[][][] => {
  const dropped = droppedFrom(history, settings)
  return groupsOf(history).map((batches) =>
    batches.map((batch) => batch.filter(({ message, endedAt }) => dropped(message.messageId) > endedAt)),
  )
}

/** The place of a claim among all claims of the table: the clocks that date claims jump. */
const orderOf = (history: History, delivery: Delivery | undefined): number =>
  (delivery && claimOf(history, delivery)?.order) ?? 0

/** The batches that each group of each queue was received in, in the order of their claims. */
const groupsOf = (history: History): Delivery[][][] =>
  [...groupedBy(history.deliveries, (one) => lifeOf(history, one)).values()].map((row) =>
    [...groupedBy(row, ({ poll }) => String(poll)).values()].sort(
      ([a], [b]) => orderOf(history, a) - orderOf(history, b),
    ),
  )

/**
 * The first receives of a group's messages are in the order of their numbers, and so are the messages of a batch.
 * Where clocks differ by less than two seconds, numbers still rise after a group was empty.
 */
export const inOrderOfNumbers: Promised = {
  name: 'the messages of a group are received in the order of their numbers',
  madeFor: isFifo,
  violations: (history, settings) => {
    const mayExpire = expiring(history)
    const numbersRise = (settings.clocksOffByMs ?? 0) < 2_000
    // A poller that stood still may claim what had expired when another one passed it by.
    const isInTurn = (messageId: string) => numbersRise && !mayExpire(messageId)
    return groupsKept(history, settings).flatMap((group) => disorder(group, isInTurn))
  },
}

const disorder = (batches: readonly Delivery[][], isInTurn: (messageId: string) => boolean): string[] => {
  const found: string[] = []
  const seen = new Set<string>()
  let newest: Delivery | undefined
  for (const batch of batches) {
    for (const [position, one] of batch.entries()) {
      const before = batch[position - 1]
      if (before && sequenceOf(before) >= sequenceOf(one)) found.push(`out of order in a batch: ${nameOf(one)}`)
      if (seen.has(one.message.messageId)) continue
      seen.add(one.message.messageId)
      if (!isInTurn(one.message.messageId)) continue
      if (newest && sequenceOf(newest) >= sequenceOf(one)) {
        found.push(`first received after ${nameOf(newest)}: ${nameOf(one)}`)
      }
      newest = one
    }
  }
  return found
}

export const inOrderOfPublishes: Promised = {
  name: 'messages of an answered publish are received before those of a publish that began later',
  madeFor: isFifo,
  violations: (history, settings) => {
    const mayExpire = expiring(history)
    return groupsKept(history, settings).flatMap((group) =>
      swapped(
        group.flat().filter((one) => !wasRedriven(history, one) && !mayExpire(one.message.messageId)),
        history.publishes,
      ),
    )
  },
}

/** Whether a message was dead-lettered and moved back: then it is behind what was published since, in either queue. */
const wasRedriven = (history: History, delivery: Delivery): boolean => (claimOf(history, delivery)?.stay ?? 0) > 1

const swapped = (row: readonly Delivery[], publishes: ReadonlyMap<string, Publish>): string[] => {
  const found: string[] = []
  const first = new Map<string, Delivery>()
  for (const one of row) if (!first.has(one.message.messageId)) first.set(one.message.messageId, one)
  // A message that several publishes share by its id was stored when the first of them was answered.
  let latestStart: Delivery | undefined
  const startOf = (one: Delivery) => publishes.get(one.message.body as string)?.startedAt ?? 0
  for (const one of first.values()) {
    const { answer } = publishes.get(one.message.body as string) ?? {}
    // The answer may be for an earlier message under the same id, which the queue has forgotten since.
    const answeredAt = answer?.messageId === one.message.messageId ? answer.at : Number.POSITIVE_INFINITY
    if (latestStart && answeredAt < startOf(latestStart)) {
      found.push(`${nameOf(one)} was answered before ${nameOf(latestStart)} was begun, and first received after it`)
    }
    if (!latestStart || startOf(one) > startOf(latestStart)) latestStart = one
  }
  return found
}

export const nothingBehindInFlight: Promised = {
  name: 'while a message is in flight, neither it nor a message after it in its group is received',
  madeFor: isFifo,
  violations: (history, settings) => {
    const dropped = droppedFrom(history, settings)
    // A message that expires is dropped while a consumer still works on it.
    const mayExpire = expiring(history)
    const behindMs = jumpMs(settings.faults)
    return groupsOf(history).flatMap((batches) =>
      overlaps(batches, behindMs, ({ message: { messageId } }) => (mayExpire(messageId) ? 0 : dropped(messageId))),
    )
  },
}

/** @param behindMs by how much the clock that dates a claim may be behind the one that looked at the lease before */
const overlaps = (batches: readonly Delivery[][], behindMs: number, droppedAt: (one: Delivery) => number): string[] => {
  const found: string[] = []
  let held: Delivery[] = []
  for (const batch of batches) {
    const last = batch.at(-1)
    if (!last) continue
    held = held.filter((one) => one.heldUntil > last.claimedAt + behindMs && droppedAt(one) > last.endedAt)
    for (const one of held) {
      if (sequenceOf(one) > sequenceOf(last)) continue
      found.push(
        `${nameOf(last)} was received at ${last.claimedAt} while ${nameOf(one)} was held until ${one.heldUntil}`,
      )
    }
    held.push(...batch)
  }
  return found
}

export const nothingPassedOver: Promised = {
  name: 'no message is received while a message before it in its group is certainly stored',
  madeFor: isFifo,
  violations: (history, settings) => {
    const dropped = droppedFrom(history, settings)
    const published = groupedBy(
      [...history.publishes.values()].filter(({ answer }) => answer !== undefined),
      ({ groupId }) => String(groupId),
    )
    const removedFrom = new Map<string, number>()
    for (const { messageId, startedAt } of history.removals) {
      removedFrom.set(messageId, Math.min(removedFrom.get(messageId) ?? Number.POSITIVE_INFINITY, startedAt))
    }
    const mayExpire = expiring(history)
    const goneFrom = (messageId: string) =>
      Math.min(
        mayExpire(messageId) ? 0 : Number.POSITIVE_INFINITY,
        removedFrom.get(messageId) ?? Number.POSITIVE_INFINITY,
        history.deadLettered.get(messageId) ?? Number.POSITIVE_INFINITY,
        // Nobody is told of what a trigger's filter removes.
        history.ledger.of(messageId)?.removals[0]?.at ?? Number.POSITIVE_INFINITY,
        dropped(messageId),
      )
    return groupsOf(history)
      .filter(([batch]) => batch?.[0] && !isDead(batch[0]))
      .flatMap((batches) => batches.flatMap((batch) => passedOver(batch, published, goneFrom)))
  },
}

const passedOver = (
  batch: readonly Delivery[],
  published: ReadonlyMap<string, readonly Publish[]>,
  goneFrom: (messageId: string) => number,
): string[] => {
  const [claim] = batch
  const last = batch.at(-1)
  if (!claim || !last) return []
  const taken = new Set(batch.map(({ message }) => message.messageId))
  return (published.get(String(claim.message.groupId)) ?? []).flatMap(({ answer }) => {
    if (!answer || answer.at >= claim.startedAt || (answer.sequenceNumber ?? '') >= sequenceOf(last)) return []
    if (taken.has(answer.messageId) || goneFrom(answer.messageId) < claim.endedAt) return []
    return [`number ${answer.sequenceNumber} was passed over by ${nameOf(last)}`]
  })
}
