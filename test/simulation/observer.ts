import type { Lease, Segment, Slot } from '../../lib/model/segment.ts'
import { liveAt, sameToken } from '../../lib/model/segment.ts'
import type { Change } from '../../lib/model/segment-change.ts'
import { partitionId, segmentId } from '../../lib/model/segment-key.ts'
import type {
  ChangeOutcome,
  Claim,
  ClaimedSegment,
  ClaimOutcome,
  HeaderPage,
  NewSegment,
  TicketKey,
  TicketPage,
  Write,
} from '../../lib/store/port.ts'
import type { Coverage } from './coverage.ts'
import { EFFECTS, type Ledger, tokenText } from './ledger.ts'
import type { StoreCall } from './process.ts'
import type { TokenOutcome } from './tokens.ts'
import type { Trace } from './trace.ts'

/**
 * Watches what requests do to the table: writes the trace, counts coverage, and keeps an image of the segments, for promises
 * about what is stored.
 */
export interface Observer {
  performed(process: string, call: StoreCall, answer: unknown, sentAt: number): void
  /** The listener is called for every segment that a write changed. */
  onSegment(listener: (segment: Segment, partition: string) => void): void
  /** The listener is called for every inserted segment. `again`: whether there was a segment with the key before. */
  onInsert(listener: (insert: NewSegment, again: boolean) => void): void
  /** The segments of a partition as they are now. */
  segmentsOf(partition: string): Iterable<Segment>
  /** Whether no segment is stored. */
  isEmpty(): boolean
  /** All partitions, and their segments by sort key. */
  partitions(): ReadonlyMap<string, ReadonlyMap<string, Segment>>
}

interface LastWrite {
  readonly kind: string
  readonly process: string
  readonly at: number
}

export const newObserver = ({
  now,
  trace,
  coverage,
  ledger,
}: {
  now: () => number
  trace: Trace
  coverage: Coverage
  ledger: Ledger
}): Observer => {
  const partitions = new Map<string, Map<string, Segment>>()
  const inserted = new Set<string>()
  const lastWrites = new Map<string, LastWrite>()
  let onSegment: ((segment: Segment, partition: string) => void) | undefined
  const onInsert: ((insert: NewSegment, again: boolean) => void)[] = []

  const segmentsIn = (partition: string): Map<string, Segment> => {
    let segments = partitions.get(partition)
    if (!segments) {
      segments = new Map()
      partitions.set(partition, segments)
    }
    return segments
  }

  /** Counts a write to an item that another process wrote to while the request was on its way. */
  const interleaved = (item: string, kind: string, applied: boolean, process: string, sentAt: number): void => {
    const last = lastWrites.get(item)
    if (last && last.at >= sentAt && last.process !== process) {
      coverage.interleaving(kind, applied ? 'right after' : 'lost to', last.kind)
    }
    if (applied) lastWrites.set(item, { kind, process, at: now() })
  }

  const changed = (
    process: string,
    sentAt: number,
    change: Change,
    after: Segment | undefined,
    applied: boolean,
    inTransaction = false,
  ) => {
    const partition = partitionId(change.key.partition)
    const segments = segmentsIn(partition)
    const { sort } = change.key
    const before = segments.get(sort)
    const kind = kindOf(change)
    interleaved(sort, kind, applied, process, sentAt)
    if (!applied) {
      coverage.outcome(kind, 'refused')
      return ' refused'
    }
    coverage.outcome(kind, 'done')
    if (before) {
      transitions(before, after, now(), coverage)
      ledger.changed(before, after, { process, inTransaction })
    }
    if (after) {
      segments.set(sort, after)
      onSegment?.(after, partition)
      return ` v${after.version}${slotsText(change.slots)}`
    }
    segments.delete(sort)
    return ' deleted'
  }

  const insertedSegment = (process: string, sentAt: number, insert: NewSegment): string => {
    const { segment } = insert
    const partition = partitionId(segment.key.partition)
    const name = segmentId(segment.key)
    interleaved(segment.key.sort, 'insert', true, process, sentAt)
    for (const listener of onInsert) listener(insert, inserted.has(name))
    ledger.inserted(insert)
    inserted.add(name)
    segmentsIn(partition).set(segment.key.sort, segment)
    onSegment?.(segment, partition)
    const { key, slots, dueAt, expiresAt } = segment
    return `${key.sort} of ${slots.length} ${dueAt ?? ''} ${expiresAt}`
  }

  const wrote = (process: string, sentAt: number, write: Write): string => {
    switch (write.kind) {
      case 'insert':
        return insertedSegment(process, sentAt, write.insert)
      case 'change': {
        const { key } = write.change
        const before = segmentsIn(partitionId(key.partition)).get(key.sort)
        return changed(process, sentAt, write.change, before && after(before, write.change), true, true)
      }
      case 'put':
        if (write.key.partition === EFFECTS) ledger.effect(write.key.sort)
        return ` ${write.key.partition} ${write.key.sort} ${JSON.stringify(write.value)}`
      case 'delete':
      case 'check':
        return ` ${write.key.partition} ${write.key.sort}`
      case 'advance':
        interleaved(ticketName(write.key), 'advance', true, process, sentAt)
        return ` ${ticketName(write.key)} ${write.from} ${write.to}`
      case 'touch':
        interleaved(ticketName(write.key), 'touch', true, process, sentAt)
        return ` ${ticketName(write.key)} ${write.mark}`
    }
  }

  const ticket = (process: string, sentAt: number, kind: string, key: TicketKey, applied: boolean): string => {
    const name = ticketName(key)
    interleaved(name, kind, applied, process, sentAt)
    coverage.outcome(kind, applied ? 'done' : 'refused')
    return `${name} ${applied ? 'done' : 'refused'}`
  }

  /** What a request did, as text. */
  const described = (process: string, { operation, input }: StoreCall, answer: unknown, sentAt: number): string => {
    const [first] = input
    switch (operation) {
      case 'headers': {
        const { from, to, limit } = first as { from: string; to: string; limit: number }
        return `${from} ${to} ${limit}: ${pageText(answer as HeaderPage)}`
      }
      case 'insert': {
        const done = answer === 'inserted'
        coverage.outcome('insert', done ? 'done' : 'refused')
        return done ? insertedSegment(process, sentAt, first as NewSegment) : 'exists'
      }
      case 'change': {
        const [change] = first as readonly [Change]
        const [outcome] = answer as readonly [ChangeOutcome]
        return change.key.sort + changed(process, sentAt, change, outcome.segment, outcome.applied)
      }
      case 'claim': {
        const [{ change }] = first as readonly [Claim]
        const [outcome] = answer as readonly [ClaimOutcome]
        return change.key.sort + changed(process, sentAt, change, outcome.segment, outcome.applied)
      }
      case 'claimTogether': {
        const claimed = answer as readonly ClaimedSegment[] | undefined
        return (first as readonly Claim[])
          .map(
            ({ change }, at) =>
              change.key.sort + changed(process, sentAt, change, claimed?.[at]?.segment, claimed !== undefined),
          )
          .join(' ')
      }
      case 'lockTicket':
        return ticket(process, sentAt, 'lock', first as TicketKey, answer !== undefined)
      case 'markTicket':
        return `${ticket(process, sentAt, 'mark', first as TicketKey, answer === true)} ${input[1]}`
      case 'dropTicket':
        return ticket(process, sentAt, 'drop', first as TicketKey, answer === true)
      case 'tickets':
        return (answer as TicketPage).tickets
          .map(({ group, lockedUntil, lastSequence }) => `${group} ${lockedUntil} ${lastSequence}`)
          .join(', ')
      case 'transact': {
        const writes = first as readonly Write[]
        const outcome = answer as TokenOutcome
        if ('repeated' in outcome) return 'done before'
        for (const { kind } of writes) coverage.outcome(`transaction: ${kind}`, outcome.applied ? 'done' : 'refused')
        if (!outcome.applied) {
          for (const { write } of outcome.failures) {
            const refused = writes[write]
            if (refused?.kind === 'change') changed(process, sentAt, refused.change, undefined, false, true)
          }
        }
        return outcome.applied
          ? writes.map((write) => write.kind + wrote(process, sentAt, write)).join('; ')
          : `refused ${outcome.failures.map(({ write }) => `${write} ${writes[write]?.kind}`).join(', ')}`
      }
      case 'getDocument': {
        const { partition, sort } = first as { partition: string; sort: string }
        return `${partition} ${sort}: ${(answer as { version: number } | undefined)?.version}`
      }
      default:
        return String((answer as { length?: number } | undefined)?.length)
    }
  }

  return {
    performed: (process, call, answer, sentAt) => {
      coverage.operation(call.operation)
      trace.line(process, call.operation, described(process, call, answer, sentAt))
    },
    onSegment: (listener) => {
      onSegment = listener
    },
    onInsert: (listener) => void onInsert.push(listener),
    isEmpty: () => {
      for (const { size } of partitions.values()) if (size > 0) return false
      return true
    },
    partitions: () => partitions,
    segmentsOf: (partition) => partitions.get(partition)?.values() ?? [],
  }
}

const ticketName = ({ partition, group }: TicketKey): string => `ticket ${partition.shard} ${group}`

/** The segment after a change, since the answer to a transaction has no segment. */
const after = (segment: Segment, { slots }: Change): Segment | undefined => {
  if (!slots) return undefined
  const changed = [...segment.slots]
  for (const [index, slot] of slots) changed[index] = slot
  return { ...segment, version: segment.version + 1, slots: changed }
}

/** The kind of a change, by what it writes. */
const kindOf = ({ slots, requires }: Change): string => {
  if (!slots) return requires.kind === 'version' ? 'removal' : 'ack of all'
  const [first] = slots
  if (!first) return 'nothing'
  const [, slot] = first
  if (slot.kind === 'gone') return 'ack'
  if (slot.kind === 'fresh') return 'unclaim'
  if (slot.backingOff) return 'rest'
  const byToken = requires.kind === 'slots' && requires.slots.some(([, { kind }]) => kind === 'token')
  return byToken ? 'extend' : 'claim'
}

const stateOf = (slot: Slot, now: number): string => {
  if (slot.kind !== 'lease') return slot.kind
  if (slot.backingOff) return slot.until > now ? 'backingOff' : 'rested'
  return liveAt(slot, now) ? 'leased' : 'lapsed'
}

const transitions = (before: Segment, after: Segment | undefined, now: number, coverage: Coverage): void => {
  for (let index = 0; index < before.slots.length; index++) {
    const from = before.slots[index] as Slot
    const to = after?.slots[index]
    if (from === to) continue
    if (to === undefined) {
      if (from.kind !== 'gone') coverage.transition(stateOf(from, now), 'gone')
      continue
    }
    const held = from.kind === 'lease' && to.kind === 'lease' && sameToken(from.token, to.token)
    coverage.transition(stateOf(from, now), held && !to.backingOff ? 'extended' : stateOf(to, now))
  }
}

/** What a change writes, decoded. */
const slotsText = (slots: Change['slots']): string => {
  let text = ''
  for (const [index, slot] of slots ?? []) {
    text += ` ${index} ${slot.kind}`
    if (slot.kind === 'lease') text += leaseText(slot)
  }
  return text
}

const leaseText = ({ token, until, receiveCount, firstReceivedAt, backingOff }: Lease): string =>
  ` ${tokenText(token)} ${until} ${receiveCount} ${firstReceivedAt} ${backingOff}`

/** A short text of a page. The trace has all writes, so that the text need only distinguish pages. */
const pageText = ({ segments, more }: HeaderPage): string => {
  let versions = 0
  for (const { version } of segments) versions = (Math.imul(versions, 31) + version) | 0
  return `${segments.length} ${versions} ${more}`
}
