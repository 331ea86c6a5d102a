import type { Sequence } from './group.ts'

/**
 * The ticket of a message group, and the one rule for what becomes of it: every store follows `applyToTicket`.
 *
 *                 advance, touch                          lock, mark with an instant
 *     absent ─────────────────────► open, or locked until an instant ◄───────┐
 *        ▲                              │      │                              │ advance, touch
 *        │ drop                         │      │ mark with Infinity           │
 *        └──────────────────────────────┘      └──────► idle until something is published
 *
 * A mark may lapse: it holds until its instant, or until the next publish if that is sooner.
 *
 * Everything here is pure: no store, no clock, no randomness. A store treats a ticket that is past `expiresAt` as absent. No rule
 * depends on that, because a ticket outlives the messages of its group.
 */
export interface Ticket {
  /** Hash of the group. */
  readonly group: string
  /** Shard of the queue that the ticket is stored in. */
  readonly shard: number
  /** The last number given in the group; on standard queues a mark that differs with every publish. */
  readonly lastSequence: Sequence
  /**
   * Since when the group has waited for its turn: since it was last polled, or since it got its first message. Empty while the
   * group is idle, and on standard queues, where turns are random.
   */
  readonly turn: Sequence
  /** Polls of the group before this instant return nothing, epoch ms; Infinity until something is published. */
  readonly lockedUntil: number
}

/** What a store keeps of a ticket, beside its place. */
export interface TicketState extends Pick<Ticket, 'lastSequence' | 'turn' | 'lockedUntil'> {
  /** Whether `lockedUntil` ends with the next publish. */
  readonly lapses: boolean
  /** Epoch ms. */
  readonly expiresAt: number
}

export interface TicketLock {
  readonly now: number
  readonly lockedUntil: number
  readonly turn: Sequence
  /** A lock whose turn is before this one does not count. */
  readonly staleBefore?: Sequence | undefined
}

/** What must hold of a ticket, all of it. */
interface TicketCondition {
  /** Nothing was published since this number was given. */
  readonly lastSequence?: string
  /** The ticket is locked until this very instant, as the poller that locked it wrote; not 0. */
  readonly lockedUntil?: number
  /** The ticket is locked beyond this instant, yet not until something is published. */
  readonly lockedAfter?: number
}

export interface TicketMark extends TicketCondition {
  /** The mark ends with the next publish. No effect on Infinity, which always does. */
  readonly lapses?: boolean
}

export interface TicketAdvance {
  readonly from: Sequence
  readonly to: Sequence
  /** Epoch ms; of the ticket itself. */
  readonly expiresAt: number
  /** For a ticket that the advance makes, or that is idle. */
  readonly lockedUntil: number
  /** For such a ticket: since when it waits for its turn. */
  readonly turn: Sequence
}

export interface TicketTouch {
  /** Differs with every publish; compared for equality alone. */
  readonly mark: string
  readonly expiresAt: number
}

export type TicketCommand =
  /** Locks a ticket that is open, or whose lock is stale. Refused while it is locked or idle. */
  | ({ readonly kind: 'lock' } & TicketLock)
  /** Sets until when a ticket is locked, on condition. Never makes one. */
  | ({ readonly kind: 'mark' } & TicketMark & { readonly until: number })
  /** Deletes a ticket unless something was published since `lastSequence`. */
  | { readonly kind: 'drop'; readonly lastSequence: string }
  /** Gives out the numbers `from` to `to`; refused where one from `from` on was given. Makes the ticket if need be. */
  | ({ readonly kind: 'advance' } & TicketAdvance)
  /** Opens the ticket of a group of a standard queue. Makes it if need be. */
  | ({ readonly kind: 'touch' } & TicketTouch)

export type TicketOutcome =
  | { readonly applied: true; readonly ticket: TicketState | undefined }
  | { readonly applied: false }

const IDLE = Number.POSITIVE_INFINITY
const REFUSED: TicketOutcome = { applied: false }

/** What a command makes of a ticket. */
export const applyToTicket = (ticket: TicketState | undefined, command: TicketCommand): TicketOutcome => {
  switch (command.kind) {
    case 'lock':
      return lock(ticket, command)
    case 'mark':
      return mark(ticket, command)
    case 'drop':
      return ticket && ticket.lastSequence !== command.lastSequence ? REFUSED : { applied: true, ticket: undefined }
    case 'advance':
      return advance(ticket, command)
    case 'touch':
      return opened(command)
  }
}

const lock = (ticket: TicketState | undefined, { now, lockedUntil, turn, staleBefore }: TicketLock): TicketOutcome => {
  if (!ticket) return REFUSED
  if (ticket.lockedUntil <= now || isLockStale(ticket, staleBefore)) {
    return { applied: true, ticket: { ...ticket, lockedUntil, turn, lapses: false } }
  }
  // The same lock sent again after a lost response.
  return ticket.lockedUntil === lockedUntil && ticket.turn === turn ? { applied: true, ticket } : REFUSED
}

const mark = (
  ticket: TicketState | undefined,
  { until, lapses = false, ...condition }: TicketMark & { until: number },
): TicketOutcome => {
  if (!ticket || !meets(ticket, condition)) return REFUSED
  if (until === IDLE) return { applied: true, ticket: { ...ticket, lockedUntil: IDLE, turn: '', lapses: false } }
  return { applied: true, ticket: { ...ticket, lockedUntil: until, lapses } }
}

const advance = (
  ticket: TicketState | undefined,
  { from, to, expiresAt, lockedUntil, turn }: TicketAdvance,
): TicketOutcome => {
  if (!ticket) return { applied: true, ticket: { lastSequence: to, turn, lockedUntil, lapses: false, expiresAt } }
  if (ticket.lastSequence >= from) return REFUSED
  const kept = ticket.lockedUntil === IDLE ? lockedUntil : ticket.lapses ? 0 : ticket.lockedUntil
  return {
    applied: true,
    ticket: {
      lastSequence: to,
      turn: ticket.turn === '' ? turn : ticket.turn,
      lockedUntil: kept,
      lapses: false,
      expiresAt,
    },
  }
}

const opened = ({ mark: lastSequence, expiresAt }: TicketTouch): TicketOutcome => ({
  applied: true,
  ticket: { lastSequence, turn: '', lockedUntil: 0, lapses: false, expiresAt },
})

const meets = (ticket: TicketState, { lastSequence, lockedUntil, lockedAfter }: TicketCondition): boolean =>
  (lastSequence === undefined || ticket.lastSequence === lastSequence) &&
  (lockedUntil === undefined || ticket.lockedUntil === lockedUntil) &&
  (lockedAfter === undefined || (ticket.lockedUntil > lockedAfter && ticket.lockedUntil < IDLE))

/** Whether a lock does not count: the group was last polled before the turn from which on locks count. */
export const isLockStale = ({ turn }: Pick<Ticket, 'turn'>, staleBefore: Sequence | undefined): boolean =>
  staleBefore !== undefined && turn !== '' && turn < staleBefore
