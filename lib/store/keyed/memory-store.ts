import { type Clock, systemClock } from '../../clock.ts'
import type { Content } from '../../model/content.ts'
import { applyChange, type Change, type Segment } from '../../model/segment.ts'
import { partitionId, type SegmentKey, type SegmentPartition } from '../../model/segment-key.ts'
import { applyToTicket, type Ticket, type TicketCommand, type TicketState } from '../../model/ticket.ts'
import type {
  ChangeOutcome,
  Document,
  DocumentKey,
  HeaderPage,
  HeaderRange,
  NewSegment,
  Store,
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

/**
 * The reference for every store: each operation is atomic because it never yields, and conditions are judged by the
 * very functions that the engine's rules are written in. Expired items vanish when they are next come across.
 */
export const memoryStore = ({ clock = systemClock }: { clock?: Clock } = {}): Store => {
  const entryMaps = new Map<string, SortedMap<Entry>>()
  const documents = new Map<string, SortedMap<Kept>>()
  const tickets = new Map<string, SortedMap<TicketState>>()

  const entries = (key: SegmentKey): SortedMap<Entry> => mapOf(entryMaps, partitionId(key.partition))
  const documentsOf = (partition: string): SortedMap<Kept> => mapOf(documents, partition)

  const live = (entry: Entry | undefined): Entry | undefined =>
    entry && entry.segment.expiresAt <= clock.now() ? undefined : entry
  const entryAt = (key: SegmentKey): Entry | undefined => live(entries(key).get(key.sort))
  const ticketsOf = ({ partition: { group: _, ...shard } }: { partition: SegmentPartition }) =>
    mapOf(tickets, partitionId(shard))
  const ticketAt = (key: TicketKey): TicketState | undefined => {
    const ticket = ticketsOf(key).get(key.group)
    return ticket && ticket.expiresAt <= clock.now() ? undefined : ticket
  }
  /** Follows the rule; answers whether it applied, and the ticket that is there then. */
  const command = (key: TicketKey, wanted: TicketCommand): { applied: boolean; ticket?: TicketState | undefined } => {
    const outcome = applyToTicket(ticketAt(key), wanted)
    if (!outcome.applied) return outcome
    if (outcome.ticket) ticketsOf(key).set(key.group, outcome.ticket)
    else ticketsOf(key).delete(key.group)
    return outcome
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
      case 'touch':
        return applyToTicket(ticketAt(write.key), write).applied
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
      case 'advance':
      case 'touch':
        command(write.key, write)
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
      ticketsOf({ partition }).visit(from, to, (group, ticket) => {
        if (page.length === limit) more = true
        else if (ticket.expiresAt > clock.now()) page.push(shown({ partition, group }, ticket))
        return !more
      })
      return { tickets: page, more }
    },
    lockTicket: async (key, lock) => {
      const { ticket } = command(key, { kind: 'lock', ...lock })
      return ticket && shown(key, ticket)
    },
    markTicket: async (key, until, mark = {}) => command(key, { kind: 'mark', until, ...mark }).applied,
    dropTicket: async (key, lastSequence) => command(key, { kind: 'drop', lastSequence }).applied,
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

const shown = ({ partition: { shard }, group }: TicketKey, { lastSequence, turn, busyUntil }: TicketState): Ticket => ({
  group,
  shard,
  lastSequence,
  turn,
  busyUntil,
})

const asDocument = (kept: Kept | undefined): Document | undefined =>
  kept && { partition: kept.partition, sort: kept.sort, version: kept.version, value: structuredClone(kept.value) }
