import type { Message, PublishResult } from '../../lib/model/message.ts'

/**
 * What publishers and consumers of a FIFO queue saw, and the judgement of it. Instants are those of the consumers'
 * clocks, which agree; publishers' clocks may say what they like.
 */
export interface GroupHistory {
  /** A message is about to be published; its body tells it from all others. */
  attempted(body: string, groupId: string, at: number, deduplicationId?: string): void
  published(body: string, result: Extract<PublishResult, { messageId: string }>, at: number): void
  received(queue: string, messages: readonly Message[], poll: { startedAt: number; leaseMs: number }): GroupDelivery[]
  /** A message is being acked or cancelled: from now on it may be gone. */
  removing(messageId: string, at: number): Removing
  readonly deliveries: readonly GroupDelivery[]
  /** Whether a message was received again after a delivery. */
  isReceivedAgain(delivery: GroupDelivery): boolean
  /** Ids of messages whose publish was answered and that nobody tried to take away. */
  waiting(): string[]
  violations(): string[]
}

export interface Removing {
  /** It surely is gone. */
  removed(): void
}

/** One message of one batch. */
export interface GroupDelivery {
  readonly queue: string
  readonly message: Message
  /** Counts the polls. */
  readonly batch: number
  readonly startedAt: number
  readonly claimedAt: number
  readonly endedAt: number
  /** Until when its consumer may rely on it: its lease's end, or when it began to ack it or to give it back. */
  heldUntil: number
}

interface Published {
  readonly groupId: string
  readonly deduplicationId: string | undefined
  readonly startedAt: number
  messageId?: string
  sequenceNumber?: string
  answeredAt?: number
}

export const groupHistory = ({
  now,
  maxReceives = Number.POSITIVE_INFINITY,
  numbersRise = true,
}: {
  now: () => number
  /** Whether numbers rise over times when a group is empty: they do where clocks differ by less than seconds. */
  numbersRise?: boolean
  maxReceives?: number | undefined
}): GroupHistory => {
  const publishes = new Map<string, Published>()
  const deliveries: GroupDelivery[] = []
  const removals = new Map<string, { from: number; certain: boolean }>()
  let batches = 0

  return {
    deliveries,
    attempted: (body, groupId, startedAt, deduplicationId) =>
      void publishes.set(body, { groupId, startedAt, deduplicationId }),
    published: (body, { messageId, sequenceNumber }, answeredAt) => {
      const one = publishes.get(body) as Published
      Object.assign(one, { messageId, sequenceNumber, answeredAt })
    },
    received: (queue, messages, { startedAt, leaseMs }) => {
      const batch = batches++
      const received = messages.map(
        (message): GroupDelivery => ({
          queue,
          message,
          batch,
          startedAt,
          claimedAt: message.leasedUntil - leaseMs,
          endedAt: now(),
          heldUntil: message.leasedUntil,
        }),
      )
      deliveries.push(...received)
      return received
    },
    removing: (messageId, at) => {
      const removal = removals.get(messageId) ?? { from: at, certain: false }
      removals.set(messageId, removal)
      return {
        removed: () => {
          removal.certain = true
        },
      }
    },
    isReceivedAgain: ({ message, claimedAt }) =>
      deliveries.some((one) => one.message.messageId === message.messageId && one.claimedAt > claimedAt),
    waiting: () => [
      ...new Set(
        [...publishes.values()].flatMap(({ messageId }) => (messageId && !removals.has(messageId) ? [messageId] : [])),
      ),
    ],
    violations: () => {
      const published = [...publishes.values()]
      const deadAt = new Map(
        deliveries.flatMap(({ message }) => (message.deadLetter ? [[message.messageId, message.deadLetter.at]] : [])),
      )
      return [
        ...doubles(publishes, deliveries),
        ...[...byGroup(deliveries).values()].flatMap((row) => {
          const batched = inBatches(row)
          return [
            ...disorder(row, { numbersRise }),
            ...swapped(row, publishes),
            ...overlaps(batched),
            ...(row[0]?.queue.includes('dead') ? [] : overtaken(batched, published, removals, deadAt)),
          ]
        }),
        ...deliveries
          .filter(({ message }) => message.receiveCount > maxReceives)
          .map((one) => `received more than ${maxReceives} times: ${nameOf(one)}`),
      ]
    },
  }
}

const nameOf = ({ queue, message, batch, claimedAt }: GroupDelivery): string =>
  `${message.body} (number ${message.sequenceNumber} of ${message.groupId}, ${queue}, poll ${batch} at ${claimedAt})`

const byGroup = (deliveries: readonly GroupDelivery[]): Map<string, GroupDelivery[]> => {
  const groups = new Map<string, GroupDelivery[]>()
  for (const delivery of deliveries) {
    const name = `${delivery.queue} ${delivery.message.groupId}`
    groups.set(name, [...(groups.get(name) ?? []), delivery])
  }
  return groups
}

/** The batches that a group was received in, in the order of their claims. */
const inBatches = (row: readonly GroupDelivery[]): GroupDelivery[][] => {
  const batches = new Map<number, GroupDelivery[]>()
  for (const delivery of row) batches.set(delivery.batch, [...(batches.get(delivery.batch) ?? []), delivery])
  return [...batches.values()].sort(([a], [b]) => (a?.claimedAt ?? 0) - (b?.claimedAt ?? 0))
}

const sequenceOf = ({ message }: GroupDelivery): string => message.sequenceNumber ?? ''

/** The first receives of a group's messages are in the order of their numbers, and so are the messages of a batch. */
const disorder = (row: readonly GroupDelivery[], { numbersRise }: { numbersRise: boolean }): string[] => {
  const found: string[] = []
  const seen = new Set<string>()
  let newest: GroupDelivery | undefined
  for (const batch of inBatches(row)) {
    for (const [position, one] of batch.entries()) {
      const before = batch[position - 1]
      if (before && sequenceOf(before) >= sequenceOf(one)) found.push(`out of order in a batch: ${nameOf(one)}`)
      if (seen.has(one.message.messageId)) continue
      seen.add(one.message.messageId)
      if (numbersRise && newest && sequenceOf(newest) >= sequenceOf(one)) {
        found.push(`first received after ${nameOf(newest)}: ${nameOf(one)}`)
      }
      newest = one
    }
  }
  return found
}

/** What was answered before another publish began is received before what that one published. */
const swapped = (row: readonly GroupDelivery[], publishes: ReadonlyMap<string, Published>): string[] => {
  const found: string[] = []
  const first = new Map<string, GroupDelivery>()
  for (const one of inBatches(row).flat()) {
    if (!first.has(one.message.messageId)) first.set(one.message.messageId, one)
  }
  // A message that others published under the same id was there when the first of them was answered.
  let latestStart: GroupDelivery | undefined
  const startOf = (one: GroupDelivery) => publishes.get(one.message.body as string)?.startedAt ?? 0
  for (const one of first.values()) {
    const answeredAt = publishes.get(one.message.body as string)?.answeredAt ?? Number.POSITIVE_INFINITY
    if (latestStart && answeredAt < startOf(latestStart)) {
      found.push(`${nameOf(one)} was answered before ${nameOf(latestStart)} was begun, and first received after it`)
    }
    if (!latestStart || startOf(one) > startOf(latestStart)) latestStart = one
  }
  return found
}

/** While a message is in flight neither it nor what follows it in its group is received. */
const overlaps = (batches: readonly GroupDelivery[][]): string[] =>
  batches.flatMap((batch, at) => {
    const last = batch.at(-1)
    return batches
      .slice(0, at)
      .flat()
      .filter((held) => last && last.claimedAt < held.heldUntil && sequenceOf(held) <= sequenceOf(last))
      .map((held) => `${last && nameOf(last)} was received while ${nameOf(held)} was held until ${held.heldUntil}`)
  })

/** Nothing is received while a message before it in its group is surely there and not of the same batch. */
const overtaken = (
  batches: readonly GroupDelivery[][],
  published: readonly Published[],
  removals: ReadonlyMap<string, { from: number }>,
  deadAt: ReadonlyMap<string, number>,
): string[] =>
  batches.flatMap((batch) => {
    const [claim] = batch
    const last = batch.at(-1)
    if (!claim || !last) return []
    const taken = new Set(batch.map(({ message }) => message.messageId))
    return published
      .filter(
        ({ groupId, messageId = '', sequenceNumber = '', answeredAt = Number.POSITIVE_INFINITY }) =>
          groupId === claim.message.groupId &&
          answeredAt < claim.startedAt &&
          sequenceNumber < sequenceOf(last) &&
          !taken.has(messageId) &&
          !((removals.get(messageId)?.from ?? Number.POSITIVE_INFINITY) < claim.endedAt) &&
          !((deadAt.get(messageId) ?? Number.POSITIVE_INFINITY) < claim.endedAt),
      )
      .map(({ sequenceNumber }) => `number ${sequenceNumber} was passed over by ${nameOf(last)}`)
  })

/** A message is one message, whatever was sent again, and a deduplication id stands for one message. */
const doubles = (publishes: ReadonlyMap<string, Published>, deliveries: readonly GroupDelivery[]): string[] => {
  const found: string[] = []
  const ids = new Map<string, { messageId: string; sequenceNumber: string | undefined }>()
  const meet = (name: string, messageId: string, sequenceNumber: string | undefined, what: string) => {
    const first = ids.get(name) ?? { messageId, sequenceNumber }
    ids.set(name, first)
    if (first.messageId !== messageId) found.push(`${what} is ${messageId}, but ${name} was ${first.messageId}`)
    // In a dead-letter queue a message has another number.
    else if (sequenceNumber !== undefined && first.sequenceNumber !== sequenceNumber) {
      found.push(`${what} has number ${sequenceNumber}, but ${name} had ${first.sequenceNumber}`)
    }
  }
  const nameFor = (body: string, one: Published) => (one.deduplicationId ? `id ${one.deduplicationId}` : `body ${body}`)
  for (const [body, one] of publishes) {
    if (one.messageId) meet(nameFor(body, one), one.messageId, one.sequenceNumber, `the publish of ${body}`)
  }
  for (const delivery of deliveries) {
    const { body, messageId, sequenceNumber } = delivery.message
    const one = publishes.get(body as string)
    if (!one) found.push(`nobody published ${nameOf(delivery)}`)
    else if (one.groupId !== delivery.message.groupId)
      found.push(`in another group than published: ${nameOf(delivery)}`)
    else {
      const number = delivery.queue.includes('dead') ? undefined : sequenceNumber
      meet(nameFor(body as string, one), messageId, number, `the receive of ${nameOf(delivery)}`)
    }
  }
  return found
}
