import type { ContentMessage } from '../../lib/model/content.ts'
import type { Message, PublishResult } from '../../lib/model/message.ts'
import { decodeReceiptHandle } from '../../lib/model/receipt-handle.ts'
import type { ResultAnswer } from '../../lib/model/result.ts'
import { type LeaseSpan, type Ledger, tokenText } from './ledger.ts'

/**
 * What publishers, consumers and operators did and were answered, for the promises to judge. Instants are those of the
 * simulated world, except for the ends of leases and the instants of claims, which are of the clock of the process that
 * wrote or judged them.
 */
export interface History {
  /** What happened in the table. */
  readonly ledger: Ledger
  /** By body, which no other message has. */
  readonly publishes: ReadonlyMap<string, Publish>
  readonly deliveries: readonly Delivery[]
  /** The ids in all answers to publishes. */
  readonly answered: ReadonlySet<string>
  /** Deliveries by message id. */
  readonly deliveriesOf: ReadonlyMap<string, readonly Delivery[]>
  readonly removals: ReadonlySet<Removal>
  /** Messages of segments that were written twice, with the first copy gone in between: delivery is at least once. */
  readonly repeated: ReadonlySet<string>
  /** When each dead-lettered message was first inserted into the dead-letter queue, by the table's clock. */
  readonly deadLettered: Map<string, number>
  /** The places of each message that was moved, after its first one. */
  readonly moved: Map<string, Place[]>
  /** The redrives that were started, by their ids. */
  readonly redrives: string[]
  readonly undos: Undo[]
  /** Messages that were, or may have been, rescheduled: their time to live counts from another due time. */
  readonly rescheduled: Set<string>
  /** Messages that were, or may have been, given back as not received: their receives do not rise. */
  readonly unreceived: Set<string>
  /** The statuses and results that producers read. */
  readonly looks: Look[]
  readonly transactions: Transaction[]
  /** Pauses and resumes of the queue, one after the other. */
  readonly pauses: Pause[]
  /** Leases that a write made end before the instant that their holders were told and still relied on. */
  readonly cutShort: { readonly delivery: Delivery; readonly told: number; readonly until: number }[]
  /** Messages that were given back without a delay of the consumer's own. */
  nacks: number
  /** In the order in which they ended. */
  readonly polls: PollRecord[]
  /** Purges and deletions of the queue. */
  readonly drops: Drop[]
  /** Of a trigger's function, in the order in which they started. */
  readonly invocations: Invocation[]
  /** Polls that their callers aborted, and that ended without an error. */
  readonly abandoned: Omit<PollRecord, 'received'>[]

  publishing(publish: Omit<Publish, 'answer' | 'otherIds'>): Publish
  published(publish: Publish, result: Extract<PublishResult, { messageId: string }>, at: number): void
  received(queue: string, messages: readonly Message[], poll: Poll): Delivery[]
  /**
   * A holder asks that its lease end at `until`. From now on the lease may end then. Once the answer has come, which may be
   * never, the lease does end then, even if that is later than before.
   */
  moving(delivery: Delivery, until: number): { moved(): void }
  /** A holder gives the message back at `at` by its clock. */
  givingBack(delivery: Delivery, at: number): void
  /** A message is being acked or cancelled: from now on it may be gone, with any answer or without one. */
  removing(messageId: string, startedAt: number, delivery?: Delivery): Removal
  repeat(messageId: string): void
  /** The message whose publish was answered `back` answers ago or earlier, and that no actor tried to remove. */
  waiting(back: number): string | undefined
  /** The message whose publish was answered `back` answers ago, whatever became of it. */
  known(back: number): string | undefined
}

/** A message in a segment that it was moved to. */
export interface Place {
  readonly at: number
  readonly queue: string
  readonly content: ContentMessage
}

/** An undo of a redrive, by one actor. */
interface Undo {
  readonly by: string
  readonly redrive: string
  readonly startedAt: number
}

/** A purge of the queue, or its deletion, which its creation follows. */
export interface Drop {
  readonly kind: 'purge' | 'deletion'
  readonly startedAt: number
  /** Undefined where no answer came: the drop may take effect at any later time. */
  endedAt: number | undefined
}

/** A change of the queue's setting. */
export interface Pause {
  readonly paused: boolean
  readonly startedAt: number
  /** Without an end where no answer came. */
  endedAt: number | undefined
}

/** Messages that a consumer acks and publishes together with an effect of its own, which has the same name. */
export interface Transaction {
  readonly name: string
  readonly deliveries: readonly Delivery[]
  /** The bodies of the messages that the transaction publishes. */
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
  /** Seconds until the message is dropped, received or not. */
  readonly timeToLiveSeconds: number | undefined
  /** The idempotency key of the message's call, which is sent again and again. */
  readonly key: string | undefined
  /** Ids in later answers to the same publish, where they differ. */
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
  /** A run of a trigger's dispatcher polled, and acks without results. @default false */
  readonly byTrigger?: boolean
}

export interface Delivery {
  readonly queue: string
  readonly message: Message
  /** The lease token, as traces have it. */
  readonly token: string | undefined
  readonly startedAt: number
  readonly endedAt: number
  /** Counts the polls: messages of one poll have the same. */
  readonly poll: number
  readonly byTrigger: boolean
  /** The instant of the claim on the clock of the poller's process. */
  readonly claimedAt: number
  /** The earliest end of the lease by the answers so far. */
  leasedUntil: number
  /** Until when the consumer relies on the lease: its end, or the start of an ack or of giving the message back. */
  heldUntil: number
  /** Whether the consumer has begun to ack the message or to give it back: an extension under way no longer changes `heldUntil`. */
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

/** One invocation of a trigger's function. */
export interface Invocation {
  /** The run of the dispatcher. */
  readonly by: string
  readonly messages: readonly Message[]
  readonly startedAt: number
  endedAt: number
  /** Messages that the function succeeded with; set at its end. */
  succeeded: readonly string[]
  /** The receives of its messages. */
  deliveries: readonly Delivery[]
  /** The acks of the run, which begin when it has the function's answer. */
  removals: readonly Removal[]
  /** When the run had settled everything: never where it died, or could not settle something. */
  settledAt: number
}

/** More than the difference between clocks of a simulation where messages are dead-lettered. */
const CLOCKS_DIFFER_MS = 1_000

export const newHistory = (ledger: Ledger): History => {
  const publishes = new Map<string, Publish>()
  const deliveries: Delivery[] = []
  const deliveriesOf = new Map<string, Delivery[]>()
  const removals = new Set<Removal>()
  const removing = new Set<string>()
  const repeated = new Set<string>()
  const deadLettered = new Map<string, number>()
  const moved = new Map<string, Place[]>()
  const rescheduled = new Set<string>()
  const unreceived = new Set<string>()
  const looks: Look[] = []
  const transactions: Transaction[] = []
  const pauses: Pause[] = []
  const answered: string[] = []
  const answeredIds = new Set<string>()
  const byToken = new Map<string, Delivery>()
  const cutShort: History['cutShort'] = []
  let polls = 0

  ledger.onShortened((token, until) => {
    const delivery = byToken.get(token)
    if (!delivery || delivery.isLeaving || until >= delivery.leasedUntil) return
    cutShort.push({ delivery, told: delivery.leasedUntil, until })
  })

  return {
    ledger,
    publishes,
    answered: answeredIds,
    deliveries,
    deliveriesOf,
    removals,
    repeated,
    deadLettered,
    moved,
    redrives: [],
    undos: [],
    rescheduled,
    unreceived,
    looks,
    transactions,
    pauses,
    cutShort,
    nacks: 0,
    polls: [],
    drops: [],
    invocations: [],
    abandoned: [],
    publishing: (publish) => {
      const one: Publish = { ...publish, otherIds: [], answer: undefined }
      publishes.set(one.body, one)
      return one
    },
    published: (publish, { messageId, sequenceNumber }, at) => {
      answeredIds.add(messageId)
      if (publish.answer) {
        if (publish.answer.messageId !== messageId) publish.otherIds.push(messageId)
        return
      }
      publish.answer = { messageId, sequenceNumber, at }
      answered.push(messageId)
    },
    received: (queue, messages, { startedAt, endedAt, leaseMs, byTrigger = false }) => {
      const poll = polls++
      return messages.map((message): Delivery => {
        const { messageId, leasedUntil } = message
        const claimedAt = leasedUntil - leaseMs
        const handle = decodeReceiptHandle(message.receiptHandle)
        const token = handle && tokenText(handle.token)
        const delivery = {
          queue,
          message,
          token,
          startedAt,
          endedAt,
          poll,
          byTrigger,
          claimedAt,
          leasedUntil,
          heldUntil: leasedUntil,
          isLeaving: false,
        }
        deliveries.push(delivery)
        if (token !== undefined) byToken.set(token, delivery)
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
 * Whether a message is surely gone. Once its lease is over, the message may be dead-lettered. An ack then succeeds, because
 * the queue no longer has the message, and the dead letter stays.
 */
export const isCertain = ({ outcome, inTime }: Removal, maxReceives: number | undefined): boolean =>
  outcome === 'removed' && (maxReceives === undefined || inTime)

/** The claim of a delivery in the table. */
export const claimOf = ({ ledger }: History, { token }: Pick<Delivery, 'token'>): LeaseSpan | undefined =>
  token === undefined ? undefined : ledger.claim(token)

export const nameOf = ({ queue, message, poll }: Delivery): string =>
  `${JSON.stringify(message.body)} (${message.messageId}${message.sequenceNumber ? `, number ${message.sequenceNumber} of ${message.groupId}` : ''}) of ${queue}, receive ${message.receiveCount}, poll ${poll}`
