import { encodeMessageId } from '../../lib/model/message-id.ts'
import { type Lease, liveAt, type Segment, type Slot, sameToken } from '../../lib/model/segment.ts'
import { type SegmentKey, segmentId } from '../../lib/model/segment-key.ts'
import type { NewSegment } from '../../lib/store/port.ts'

/**
 * What happened to each message in the table: the truth with which promises compare the answers to users. Instants are those
 * of the simulated world, except for the ends of leases, which are of the clocks that wrote them.
 */
export interface Ledger {
  inserted(insert: NewSegment): void
  /** A write to a segment that was applied, alone or in a transaction; without `after` it deleted the segment. */
  changed(before: Segment, after: Segment | undefined, by: { process: string; inTransaction: boolean }): void
  /** Calls `listener` when a write makes a lease end sooner than before, with its new end. */
  onShortened(listener: (token: string, until: number) => void): void
  /** A claim by its token; nothing for one that never took effect. */
  claim(token: string): LeaseSpan | undefined
  of(messageId: string): Entry | undefined
  /** The ids of the messages that a segment was stored with. */
  idsIn(key: SegmentKey): readonly string[]
  readonly entries: ReadonlyMap<string, Entry>
  /** The ids of the messages that were stored with a body. */
  readonly idsOf: ReadonlyMap<unknown, ReadonlySet<string>>
  /** A write of a user's own in a transaction was applied. */
  effect(name: string): void
  /** The instants of each effect. */
  readonly effects: ReadonlyMap<string, readonly number[]>
}

/** The partition of users' own writes. */
export const EFFECTS = 'effects'

export interface Entry {
  /** In the order in which they began. */
  readonly leases: readonly LeaseSpan[]
  /** Slots that became empty: several where the message was moved. */
  readonly removals: readonly SlotRemoval[]
  /** When the message was stored: several instants where it was moved, each that of a removal. */
  readonly insertedAt: readonly number[]
  /** Whether a receive of the message was taken back. */
  unreceived: boolean
}

export interface LeaseSpan {
  readonly token: string
  /** Place of the claim among all claims. */
  readonly order: number
  /** The process that claimed the message, and the generation of the queue at that time. */
  readonly by: string
  readonly generation: string
  /** How often the message had been moved before: to the dead-letter queue, and back by a redrive. */
  readonly stay: number
  readonly from: number
  /** When the lease ended early: the message was given back, acked or moved. */
  endedAt: number
  until: number
}

export interface SlotRemoval {
  readonly at: number
  /** The token of the message's last lease, live or over; absent for a message without a receive. */
  readonly token: string | undefined
  readonly inTransaction: boolean
  /** The process that removed the message. */
  readonly by: string
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** A lease token, as it is written in traces. */
export const tokenText = (token: Uint8Array): string => {
  let text = ''
  for (const byte of token) text += HEX[byte]
  return text
}

interface OwnEntry extends Entry {
  readonly leases: LeaseSpan[]
  readonly removals: SlotRemoval[]
  readonly insertedAt: number[]
}

export const newLedger = (now: () => number): Ledger => {
  const idsIn = new Map<string, readonly string[]>()
  const entries = new Map<string, OwnEntry>()
  const idsOf = new Map<unknown, Set<string>>()
  const claims = new Map<string, LeaseSpan>()
  const effects = new Map<string, readonly number[]>()
  let shortened: (token: string, until: number) => void = () => {}

  const entryOf = (messageId: string): OwnEntry => {
    let entry = entries.get(messageId)
    if (!entry) {
      entry = { leases: [], removals: [], insertedAt: [], unreceived: false }
      entries.set(messageId, entry)
    }
    return entry
  }

  const end = ({ leases }: OwnEntry): void => {
    const last = leases.at(-1)
    if (last && last.endedAt > now()) last.endedAt = now()
  }

  const leased = (entry: OwnEntry, before: Slot, after: Lease, from: Pick<LeaseSpan, 'by' | 'generation'>): void => {
    const held = before.kind === 'lease' && sameToken(before.token, after.token)
    if (before.kind === 'lease' && after.receiveCount < before.receiveCount) entry.unreceived = true
    if (held && liveAt(after, Number.NEGATIVE_INFINITY)) {
      const last = entry.leases.at(-1)
      // A change that arrives late may date the end before itself. Until then the lease was in force.
      if (last) last.until = Math.max(after.until, Math.min(last.until, now()))
      if (liveAt(before, Number.NEGATIVE_INFINITY) && after.until < before.until) {
        shortened(tokenText(after.token), after.until)
      }
      return
    }
    end(entry)
    const token = tokenText(after.token)
    // A claim that is given back leaves the lease that was over before it: that is no claim.
    if (held || after.backingOff || claims.has(token)) return
    const span: LeaseSpan = {
      ...from,
      token,
      order: claims.size,
      stay: entry.removals.length,
      from: now(),
      endedAt: Number.POSITIVE_INFINITY,
      until: after.until,
    }
    claims.set(token, span)
    entry.leases.push(span)
  }

  return {
    inserted: ({ segment, content }) => {
      const ids = content.messages.map(({ messageId }, index) => messageId ?? encodeMessageId(segment.key, index))
      idsIn.set(segmentId(segment.key), ids)
      for (const [index, id] of ids.entries()) {
        entryOf(id).insertedAt.push(now())
        const body = content.messages[index]?.body
        const known = idsOf.get(body)
        if (known) known.add(id)
        else idsOf.set(body, new Set([id]))
      }
    },
    changed: (before, after, { process, inTransaction }) => {
      const from = { by: process, generation: before.key.partition.generation }
      const ids = idsIn.get(segmentId(before.key))
      for (const [index, slot] of before.slots.entries()) {
        const messageId = ids?.[index]
        const next = after?.slots[index]
        if (messageId === undefined || slot.kind === 'gone' || slot === next) continue
        const entry = entryOf(messageId)
        if (next?.kind === 'lease') leased(entry, slot, next, from)
        else {
          end(entry)
          if (next?.kind === 'fresh') {
            entry.unreceived = true
            continue
          }
          const token = slot.kind === 'lease' ? tokenText(slot.token) : undefined
          entry.removals.push({ at: now(), token, inTransaction, by: process })
        }
      }
    },
    onShortened: (listener) => {
      shortened = listener
    },
    claim: (token) => claims.get(token),
    of: (messageId) => entries.get(messageId),
    idsIn: (key) => idsIn.get(segmentId(key)) ?? [],
    effect: (name) => void effects.set(name, [...(effects.get(name) ?? []), now()]),
    effects,
    entries,
    idsOf,
  }
}
