import type { Message, PublishResult } from '../../lib/model/message.ts'
import { decodeReceiptHandle } from '../../lib/model/receipt-handle.ts'
import type { ResultAnswer } from '../../lib/model/result.ts'
import { type LeaseSpan, type Ledger, tokenText } from './ledger.ts'

/**
 * What publishers, consumers and operators did and saw, to be held against the promises. Instants are those of the
 * simulated world, except for the ends of leases and the instants of claims, which are of the clock of the process
 * that wrote or judged them.
 */
export interface History {
  /** What the table saw. */
  readonly ledger: Ledger
  /** By body, which tells a message from all others. */
  readonly publishes: ReadonlyMap<string, Publish>
  readonly deliveries: readonly Delivery[]
  /** The same by message id. */
  readonly deliveriesOf: ReadonlyMap<string, readonly Delivery[]>
  readonly removals: ReadonlySet<Removal>
  /** Messages of segments that were written twice, the first copy gone in between: at-least-once means this. */
  readonly repeated: ReadonlySet<string>
  /** When each dead-lettered message was first inserted into the dead-letter queue, by the table's clock. */
  readonly deadLettered: Map<string, number>
  /** Messages that were, or may have been, rescheduled: their time to live counts from another due time. */
  readonly rescheduled: Set<string>
  /** Messages that were, or may have been, given back without a receive: their receives do not rise. */
  readonly unreceived: Set<string>
  /** The statuses and results that producers read. */
  readonly looks: Look[]
  readonly transactions: Transaction[]
  /** Transactions that were sent twice and throttled the second time: a throttled write does not tell of its first sending. */
  readonly doubtful: Set<string>
  /** Pauses and resumes of the queue, one after the other. */
  readonly pauses: Pause[]
  /** Messages that were given back without a delay of the consumer's own. */
  nacks: number
  /** In the order in which they ended. */
  readonly polls: PollRecord[]
  /** Purges and deletions of the queue. */
  readonly drops: Drop[]
  /** Polls that their callers gave up, and that ended without an error. */
  readonly abandoned: Omit<PollRecord, 'received'>[]

  publishing(publish: Omit<Publish, 'answer' | 'otherIds'>): Publish
  published(publish: Publish, result: Extract<PublishResult, { messageId: string }>, at: number): void
  received(queue: string, messages: readonly Message[], poll: Poll): Delivery[]
  /**
   * A holder asks that its lease end at `until`. From now on it may; that it does, even if that is later, is known
   * once the answer has come, which may be never.
   */
  moving(delivery: Delivery, until: number): { moved(): void }
  /** A holder gives it back, by its clock at `at`. */
  givingBack(delivery: Delivery, at: number): void
  /** A message is being acked or cancelled: from now on it may be gone, whatever the answer, if any. */
  removing(messageId: string, startedAt: number, delivery?: Delivery): Removal
  repeat(messageId: string): void
  /** The message whose publish was answered `back` answers ago or earlier, and that nobody tried to remove. */
  waiting(back: number): string | undefined
  /** The message whose publish was answered `back` answers ago, whatever became of it. */
  known(back: number): string | undefined
}

/** A purge of the queue, or its deletion, which its creation follows. */
export interface Drop {
  readonly kind: 'purge' | 'deletion'
  readonly startedAt: number
  /** Without an end where no answer came: it may take effect at any later time. */
  endedAt: number | undefined
}

/** A change of the queue's setting. */
export interface Pause {
  readonly paused: boolean
  readonly startedAt: number
  /** Without an end where no answer came. */
  endedAt: number | undefined
}

/** Messages that a consumer acks and publishes together with an effect of its own, which bears the name. */
export interface Transaction {
  readonly name: string
  readonly deliveries: readonly Delivery[]
  /** Of the messages it publishes. */
  readonly bodies: readonly string[]
  readonly startedAt: number
  /** Without an end while no answer has come. */
  endedAt: number | undefined
  outcome: 'unknown' | 'committed' | 'nothing'
}

/** A producer's look at one of its messages: its status, or a wait for its result. */
export interface Look {
  readonly by: string
  readonly messageId: string
  readonly startedAt: number
  readonly endedAt: number
  /** Absent for a status. */
  readonly waitedMs: number | undefined
  readonly answer: ResultAnswer
}

export interface Publish {
  readonly body: string
  readonly groupId: string | undefined
  readonly deduplicationId: string | undefined
  readonly startedAt: number
  /** Seconds until it is dropped; it may never be received. */
  readonly timeToLiveSeconds: number | undefined
  /** The idempotency key of its call, which is sent again and again. */
  readonly key: string | undefined
  /** What later answers said of it, where that was another message. */
  readonly otherIds: string[]
  answer: { readonly messageId: string; readonly sequenceNumber: string | undefined; readonly at: number } | undefined
}

/** A poll that was answered. */
export interface PollRecord {
  readonly by: string
  readonly queue: string
  readonly startedAt: number
  readonly endedAt: number
  readonly received: number
}

interface Poll {
  readonly startedAt: number
  readonly endedAt: number
  readonly leaseMs: number
}

export interface Delivery {
  readonly queue: string
  readonly message: Message
  readonly startedAt: number
  readonly endedAt: number
  /** Counts the polls: messages of one poll have the same. */
  readonly poll: number
  /** On its process's clock. */
  readonly claimedAt: number
  /** Until when the lease was promised, at least. */
  leasedUntil: number
  /** Until when its consumer relies on it: the lease's end, or when it began to ack it or to give it back. */
  heldUntil: number
  /** Whether its consumer has begun to ack it or to give it back: an extension under way changes nothing any more. */
  isLeaving: boolean
}

export interface Removal {
  readonly messageId: string
  readonly startedAt: number
  readonly delivery: Delivery | undefined
  /** Without an end while no answer has come. */
  endedAt: number | undefined
  outcome: 'unknown' | 'removed' | 'refused'
  /** Whether the lease was surely live until the answer. */
  inTime: boolean
}

/** More than the clocks of a simulation are apart where messages are dead-lettered. */
const CLOCKS_DIFFER_MS = 1_000

export const newHistory = (ledger: Ledger): History => {
  const publishes = new Map<string, Publish>()
  const deliveries: Delivery[] = []
  const deliveriesOf = new Map<string, Delivery[]>()
  const removals = new Set<Removal>()
  const removing = new Set<string>()
  const repeated = new Set<string>()
  const deadLettered = new Map<string, number>()
  const rescheduled = new Set<string>()
  const unreceived = new Set<string>()
  const looks: Look[] = []
  const transactions: Transaction[] = []
  const pauses: Pause[] = []
  const answered: string[] = []
  let polls = 0

  return {
    ledger,
    publishes,
    deliveries,
    deliveriesOf,
    removals,
    repeated,
    deadLettered,
    rescheduled,
    unreceived,
    looks,
    transactions,
    doubtful: new Set(),
    pauses,
    nacks: 0,
    polls: [],
    drops: [],
    abandoned: [],
    publishing: (publish) => {
      const one: Publish = { ...publish, otherIds: [], answer: undefined }
      publishes.set(one.body, one)
      return one
    },
    published: (publish, { messageId, sequenceNumber }, at) => {
      if (publish.answer) {
        if (publish.answer.messageId !== messageId) publish.otherIds.push(messageId)
        return
      }
      publish.answer = { messageId, sequenceNumber, at }
      answered.push(messageId)
    },
    received: (queue, messages, { startedAt, endedAt, leaseMs }) => {
      const poll = polls++
      return messages.map((message): Delivery => {
        const { messageId, leasedUntil } = message
        const claimedAt = leasedUntil - leaseMs
        const delivery = {
          queue,
          message,
          startedAt,
          endedAt,
          poll,
          claimedAt,
          leasedUntil,
          heldUntil: leasedUntil,
          isLeaving: false,
        }
        deliveries.push(delivery)
        const others = deliveriesOf.get(messageId)
        if (others) others.push(delivery)
        else deliveriesOf.set(messageId, [delivery])
        return delivery
      })
    },
    moving: (delivery, until) => {
      delivery.leasedUntil = Math.min(delivery.leasedUntil, until)
      delivery.heldUntil = Math.min(delivery.heldUntil, until)
      return {
        moved: () => {
          if (delivery.isLeaving) return
          delivery.leasedUntil = until
          delivery.heldUntil = until
        },
      }
    },
    givingBack: (delivery, at) => {
      delivery.leasedUntil = Math.min(delivery.leasedUntil, at)
      delivery.heldUntil = Math.min(delivery.heldUntil, at)
      delivery.isLeaving = true
    },
    removing: (messageId, startedAt, delivery) => {
      if (delivery) {
        delivery.heldUntil = Math.min(delivery.heldUntil, startedAt)
        delivery.isLeaving = true
      }
      const removal: Removal = {
        messageId,
        startedAt,
        delivery,
        endedAt: undefined,
        outcome: 'unknown',
        inTime: delivery === undefined,
      }
      removals.add(removal)
      removing.add(messageId)
      return removal
    },
    repeat: (messageId) => void repeated.add(messageId),
    waiting: (back) => {
      let left = back
      for (let at = answered.length - 1; at >= 0; at--) {
        const messageId = answered[at]
        if (messageId !== undefined && !removing.has(messageId) && --left <= 0) return messageId
      }
      return undefined
    },
    known: (back) => answered[answered.length - back],
  }
}

/** The answer to an ack or cancel came. */
export const removed = (removal: Removal, endedAt: number): void => {
  removal.endedAt = endedAt
  removal.outcome = 'removed'
  if (removal.delivery) removal.inTime = endedAt + CLOCKS_DIFFER_MS < removal.delivery.leasedUntil
}

/**
 * Whether a message is surely gone: once its lease is over it may be dead-lettered; an ack then finds it gone, and
 * leaves it where it is.
 */
export const isCertain = ({ outcome, inTime }: Removal, maxReceives: number | undefined): boolean =>
  outcome === 'removed' && (maxReceives === undefined || inTime)

/** The claim of a delivery, as the table saw it. */
export const claimOf = ({ ledger }: History, { message }: Pick<Delivery, 'message'>): LeaseSpan | undefined => {
  const handle = decodeReceiptHandle(message.receiptHandle)
  return handle && ledger.claim(tokenText(handle.token))
}

export const nameOf = ({ queue, message, poll }: Delivery): string =>
  `${JSON.stringify(message.body)} (${message.messageId}${message.sequenceNumber ? `, number ${message.sequenceNumber} of ${message.groupId}` : ''}) of ${queue}, receive ${message.receiveCount}, poll ${poll}`
