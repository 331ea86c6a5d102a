/** A message as a poll answered it. */
interface Receipt {
  readonly body: number
  readonly messageId: string
  /** Instants at which the poll was sent and answered. The message was leased in between. */
  readonly sentAt: number
  readonly answeredAt: number
  /** Before this instant no other consumer may receive the message, unless its consumer has given it back. */
  endsAt: number
}

/** The answers about one message, and what clients did with it. */
interface Entry {
  /** Whether its publish was answered with success. */
  published: boolean
  /** The message before this one in its group, if that was published. */
  readonly after: number | undefined
  readonly receipts: Receipt[]
  /** Acks that were begun, and not refused: they may have been done. */
  acks: number
  /** When the first ack was sent, and when one was answered with success. */
  ackSentAt: number
  ackedAt: number
}

interface Received {
  readonly body: number
  readonly messageId: string
}

export interface Ledger {
  /** Returns the body of the next message. `after` is the message before it in its group. */
  publishing(after?: number): number
  published(body: number): void
  received(messages: readonly Received[], poll: { readonly sentAt: number; readonly leaseMs: number }): Receipt[]
  /** The consumer is about to give a message back. */
  givingBack(receipt: Receipt): void
  acking(receipt: Receipt): void
  acked(receipt: Receipt): void
  /** The server answered that the ack did nothing. */
  ackRefused(receipt: Receipt): void
  /** An answer that no fault of the surroundings explains. */
  surprise(what: unknown): void
  /** Number of answers to clients. */
  answers(): number
  /** Number of messages that are stored by the answers to clients. */
  outstanding(): number
  /** Broken promises. Read them once the queue is empty. */
  violations(): string[]
  figures(): Readonly<Record<string, number>>
}

/** Clients and servers round instants to milliseconds. */
const ROUNDING_MS = 5
const MAX_LINES = 20

/** Keeps the answers to the clients of one queue. The ledger never reads the queue, and so can't share its faults. */
export const createLedger = (now: () => number): Ledger => {
  const entries: Entry[] = []
  const found: string[] = []
  let answers = 0
  const entry = (body: number): Entry => {
    const known = entries[body]
    if (!known) throw new Error(`nobody has published ${body}`)
    return known
  }
  return {
    publishing: (after) =>
      entries.push({
        published: false,
        after: after !== undefined && entry(after).published ? after : undefined,
        receipts: [],
        acks: 0,
        ackSentAt: Number.POSITIVE_INFINITY,
        ackedAt: Number.POSITIVE_INFINITY,
      }) - 1,
    published: (body) => {
      answers++
      entry(body).published = true
    },
    received: (messages, { sentAt, leaseMs }) => {
      const answeredAt = now()
      const receipts = messages.map((one) => ({ ...one, sentAt, answeredAt, endsAt: sentAt + leaseMs }))
      const together = new Set(receipts.map(({ body }) => body))
      for (const receipt of receipts) {
        const { after, receipts: before } = entry(receipt.body)
        if (after !== undefined && !together.has(after) && entry(after).ackSentAt > answeredAt) {
          found.push(`${receipt.body} was received before ${after} was acked, which is in front of it`)
        }
        before.push(receipt)
      }
      return receipts
    },
    givingBack: (receipt) => {
      receipt.endsAt = Math.min(receipt.endsAt, now())
    },
    acking: ({ body }) => {
      const of = entry(body)
      of.acks++
      of.ackSentAt = Math.min(of.ackSentAt, now())
    },
    acked: ({ body }) => {
      answers++
      const of = entry(body)
      of.ackedAt = Math.min(of.ackedAt, now())
    },
    ackRefused: ({ body }) => {
      entry(body).acks--
    },
    surprise: (what) => found.push(`unexpected: ${String(what)}`),
    answers: () => answers,
    outstanding: () =>
      entries.filter(({ published, ackedAt }) => published && ackedAt === Number.POSITIVE_INFINITY).length,
    violations: () => [...found, ...entries.flatMap(violationsOf)].slice(0, MAX_LINES),
    figures: () => figuresOf(entries),
  }
}

const violationsOf = ({ published, receipts, acks, ackedAt }: Entry, body: number): string[] => {
  const found: string[] = []
  if (published && acks === 0) found.push(`${body} was published, and is lost`)
  if (new Set(receipts.map(({ messageId }) => messageId)).size > 1) found.push(`${body} was stored twice`)
  for (const [position, one] of receipts.entries()) {
    if (one.sentAt > ackedAt) found.push(`${body} was received ${Math.round(one.sentAt - ackedAt)} ms after its ack`)
    for (const other of receipts.slice(position + 1)) {
      // Each of the two leases had not ended when the other was answered, in whichever order they began.
      const overlap = other.answeredAt + ROUNDING_MS < one.endsAt && one.answeredAt + ROUNDING_MS < other.endsAt
      if (overlap) found.push(`${body} was leased to two consumers at one time`)
    }
  }
  return found
}

const figuresOf = (entries: readonly Entry[]): Readonly<Record<string, number>> => ({
  'publishes begun': entries.length,
  'publishes answered': entries.filter(({ published }) => published).length,
  'receives answered': entries.reduce((sum, { receipts }) => sum + receipts.length, 0),
  'acks answered': entries.filter(({ ackedAt }) => ackedAt < Number.POSITIVE_INFINITY).length,
  'acks that may have been done': entries.filter(
    ({ acks, ackedAt }) => acks > 0 && ackedAt === Number.POSITIVE_INFINITY,
  ).length,
})
