import { type Clock, systemClock } from '../../clock.ts'
import type { Content } from '../../model/content.ts'
import { isLockStale, type Ticket } from '../../model/group.ts'
import { applyChange, type Change, type Segment } from '../../model/segment.ts'
import { partitionId, type SegmentKey, type SegmentPartition } from '../../model/segment-key.ts'
import type {
  ChangeOutcome,
  Document,
  DocumentKey,
  HeaderPage,
  HeaderRange,
  NewSegment,
  Store,
  TicketCondition,
  TicketKey,
  Write,
  WriteFailure,
} from '../port.ts'
import { type SortedMap, sortedMap } from './sorted-map.ts'

interface Entry {
  readonly segment: Segment
  readonly content: Content
}
interface Kept extends Document {
  readonly expiresAt: number | undefined
}
interface KeptTicket extends Ticket {
  /** What it says lapses as soon as something is published. */
  readonly lapses?: boolean
  readonly expiresAt: number
}

/**
 * The reference for every store: each operation is atomic because it never yields, and conditions are judged by the
 * very functions that the engine's rules are written in. Expired items vanish when they are next come across.
 */
export const memoryStore = ({ clock = systemClock }: { clock?: Clock } = {}): Store => {
  const entryMaps = new Map<string, SortedMap<Entry>>()
  const documents = new Map<string, SortedMap<Kept>>()
  const tickets = new Map<string, SortedMap<KeptTicket>>()

  const entries = (key: SegmentKey): SortedMap<Entry> => mapOf(entryMaps, partitionId(key.partition))
  const documentsOf = (partition: string): SortedMap<Kept> => mapOf(documents, partition)

  const live = (entry: Entry | undefined): Entry | undefined =>
    entry && entry.segment.expiresAt <= clock.now() ? undefined : entry
  const entryAt = (key: SegmentKey): Entry | undefined => live(entries(key).get(key.sort))
  const ticketsOf = ({ partition: { group: _, ...shard } }: { partition: SegmentPartition }) =>
    mapOf(tickets, partitionId(shard))
  const ticketAt = (key: TicketKey): KeptTicket | undefined => {
    const ticket = ticketsOf(key).get(key.group)
    return ticket && ticket.expiresAt <= clock.now() ? undefined : ticket
  }
  const documentAt = (key: DocumentKey): Kept | undefined => {
    const kept = documentsOf(key.partition).get(key.sort)
    return kept?.expiresAt !== undefined && kept.expiresAt <= clock.now() ? undefined : kept
  }

  const insert = ({ segment, content }: NewSegment): 'inserted' | 'exists' => {
    const map = entries(segment.key)
    if (!map.isBehind(segment.key.sort) && live(map.get(segment.key.sort))) return 'exists'
    map.set(segment.key.sort, { segment, content })
    return 'inserted'
  }

  const change = (wanted: Change): ChangeOutcome => changeEntry(wanted).outcome

  /** Makes a change; tells beside its outcome what the segment carries. */
  const changeEntry = (wanted: Change): { outcome: ChangeOutcome; content: Content | undefined } => {
    const map = entries(wanted.key)
    const entry = live(map.get(wanted.key.sort))
    const outcome = applyChange(entry?.segment, wanted)
    if (!outcome.applied || !entry) {
      return { outcome: { applied: false, segment: entry?.segment }, content: entry?.content }
    }
    const { content } = entry
    if (outcome.segment) map.set(wanted.key.sort, { segment: outcome.segment, content })
    else map.delete(wanted.key.sort)
    return { outcome, content }
  }

  const holds = (write: Write): boolean => {
    switch (write.kind) {
      case 'insert':
        return entryAt(write.insert.segment.key) === undefined
      case 'change':
        return applyChange(entryAt(write.change.key)?.segment, write.change).applied
      case 'put':
      case 'delete':
      case 'check':
        return write.ifVersion === undefined || (documentAt(write.key)?.version ?? 0) === write.ifVersion
      case 'advance':
        return (ticketAt(write.key)?.lastSequence ?? '') < write.from
      case 'touch':
        return true
    }
  }

  const perform = (write: Write): void => {
    switch (write.kind) {
      case 'insert':
        insert(write.insert)
        return
      case 'change':
        change(write.change)
        return
      case 'put': {
        const { key, value, expiresAt } = write
        const version = (write.ifVersion ?? 0) + 1
        documentsOf(key.partition).set(key.sort, { ...key, version, value: structuredClone(value), expiresAt })
        return
      }
      case 'delete':
        documentsOf(write.key.partition).delete(write.key.sort)
        return
      case 'check':
        return
      case 'advance': {
        const { key, to, expiresAt } = write
        const before = ticketAt(key)
        const waiting = before && before.busyUntil < Number.POSITIVE_INFINITY ? before : write
        const { turn } = waiting
        const busyUntil = before?.lapses ? 0 : waiting.busyUntil
        const { shard } = key.partition
        ticketsOf(key).set(key.group, { group: key.group, shard, lastSequence: to, turn, busyUntil, expiresAt })
        return
      }
      case 'touch': {
        const { key, mark, expiresAt } = write
        const { shard } = key.partition
        ticketsOf(key).set(key.group, {
          group: key.group,
          shard,
          lastSequence: mark,
          turn: '',
          busyUntil: 0,
          expiresAt,
        })
      }
    }
  }

  const failureOf = (write: Write, position: number): WriteFailure => {
    if (write.kind === 'advance') {
      const lastSequence = ticketAt(write.key)?.lastSequence
      return { write: position, ...(lastSequence !== undefined && { lastSequence }) }
    }
    const document = 'ifVersion' in write ? asDocument(documentAt(write.key)) : undefined
    return { write: position, ...(document && { document }) }
  }

  const headers = ({ partition, from, to, limit }: HeaderRange): HeaderPage => {
    const map = mapOf(entryMaps, partitionId(partition))
    const now = clock.now()
    const segments: Segment[] = []
    let more = false
    map.visit(from, to, (sort, { segment }) => {
      if (segment.expiresAt <= now) map.delete(sort)
      else if (segments.length === limit) more = true
      else segments.push(segment)
      return !more
    })
    return { segments, more }
  }

  return {
    insert: async (segment) => insert(segment),
    headers: async (range) => headers(range),
    change: async (changes) => changes.map(change),
    claim: async (claims) =>
      claims.map(({ change: wanted }) => {
        const { outcome, content } = changeEntry(wanted)
        if (!outcome.applied || !outcome.segment) return { applied: false, segment: outcome.segment }
        return { applied: true, segment: outcome.segment, content }
      }),
    claimTogether: async (claims, fence) => {
      if (fence && !holds(fence)) return undefined
      if (!claims.every(({ change: wanted }) => applyChange(entryAt(wanted.key)?.segment, wanted).applied)) {
        return undefined
      }
      if (fence) perform(fence)
      return claims.map(({ change: wanted, segment }) => {
        const { outcome, content } = changeEntry(wanted)
        return { segment: outcome.segment ?? segment, content }
      })
    },
    read: async (keys) => keys.map(entryAt),
    tickets: async ({ partition, from, to, limit }) => {
      const page: Ticket[] = []
      let more = false
      ticketsOf({ partition }).visit(from, to, (_, ticket) => {
        if (page.length === limit) more = true
        else if (ticket.expiresAt > clock.now()) page.push(ticket)
        return !more
      })
      return { tickets: page, more }
    },
    lockTicket: async (key, { now, busyUntil, turn, staleBefore }) => {
      const ticket = ticketAt(key)
      if (!ticket) return undefined
      if (ticket.busyUntil > now && ticket.busyUntil !== busyUntil && !isLockStale(ticket, staleBefore))
        return undefined
      const { lapses: _, ...kept } = ticket
      const locked = { ...kept, busyUntil, turn }
      ticketsOf(key).set(key.group, locked)
      return locked
    },
    markTicket: async (key, busyUntil, { lapses = false, ...condition } = {}) => {
      const ticket = ticketAt(key)
      if (!ticket || !meets(ticket, condition)) return false
      const idle = busyUntil === Number.POSITIVE_INFINITY
      ticketsOf(key).set(key.group, { ...ticket, busyUntil, lapses: lapses && !idle, ...(idle && { turn: '' }) })
      return true
    },
    dropTicket: async (key, lastSequence) => {
      const ticket = ticketAt(key)
      if (ticket && ticket.lastSequence !== lastSequence) return false
      ticketsOf(key).delete(key.group)
      return true
    },
    getDocument: async (key) => asDocument(documentAt(key)),
    listDocuments: async ({ partition, prefix = '', after, limit }) => {
      const found: Document[] = []
      documentsOf(partition).visit(prefix, `${prefix}\uffff`, (sort, kept) => {
        if ((after === undefined || sort > after) && documentAt(kept)) found.push(asDocument(kept) as Document)
        return found.length < limit
      })
      return found
    },
    transact: async (writes) => {
      const failures = writes.flatMap((write, position) => (holds(write) ? [] : [failureOf(write, position)]))
      if (failures.length > 0) return { applied: false, failures }
      for (const write of writes) perform(write)
      return { applied: true }
    },
  }
}

const mapOf = <V>(maps: Map<string, SortedMap<V>>, name: string): SortedMap<V> => {
  let map = maps.get(name)
  if (!map) {
    map = sortedMap()
    maps.set(name, map)
  }
  return map
}

const meets = (ticket: Ticket, { lastSequence, busyUntil, busyAfter }: TicketCondition): boolean =>
  (lastSequence === undefined || ticket.lastSequence === lastSequence) &&
  (busyUntil === undefined || ticket.busyUntil === busyUntil) &&
  (busyAfter === undefined || (ticket.busyUntil > busyAfter && ticket.busyUntil < Number.POSITIVE_INFINITY))

const asDocument = (kept: Kept | undefined): Document | undefined =>
  kept && { partition: kept.partition, sort: kept.sort, version: kept.version, value: structuredClone(kept.value) }
