import type { Clock } from '../../clock.ts'
import type { Document, DocumentKey } from '../../model/document.ts'
import type { HoldfastError } from '../../model/errors.ts'
import { isInVain, type Ticket } from '../../model/group.ts'
import { applyChange, type Change, type Segment } from '../../model/segment.ts'
import { partitionId, type SegmentKey, type SegmentPartition } from '../../model/segment-key.ts'
import type {
  ChangeFailure,
  ChangeOutcome,
  ClaimOutcome,
  DocumentQuery,
  HeaderPage,
  HeaderRange,
  NewSegment,
  Store,
  TicketCondition,
  TicketKey,
  TicketPage,
  TicketRange,
  Write,
  WriteFailure,
} from '../port.ts'
import { contentIn, type Entry, isExpired, type Maps, type StoredDocument, type StoredTicket } from './entries.ts'
import type { KeyedMaps } from './ordered-map.ts'

export interface KeyedStoreParts {
  readonly maps: KeyedMaps<Maps>
  readonly clock: Clock
  /** Whether a read deletes what it finds to be expired. @default it is left to reclaim */
  readonly readsMayWrite?: boolean
}

/**
 * The store on ordered maps, in memory or on disk: the rules of the port are here once. Each operation is one atomic
 * step, and its conditions are judged by the very functions that the engine's rules are written in. A step checks every
 * condition before its first write, because a map need not undo what a step wrote before it threw.
 */
export const keyedStore = ({ maps, clock, readsMayWrite = false }: KeyedStoreParts): Store => ({
  insert: (segment) => maps.atomically((all) => insert(all, segment, clock.now())),
  headers: (range) => (range.consistent ? maps.atomically : maps.look)((all) => headers(all, range, clock.now(), readsMayWrite)),
  change: (changes) =>
    maps.atomically<ChangeOutcome[]>(
      (all) => changes.map((change) => changeEntry(all, change, clock.now()).outcome),
      (error) => changes.map(() => failed(error)),
    ),
  claim: (claims) =>
    maps.atomically<ClaimOutcome[]>(
      (all) =>
        claims.map(({ change }) => {
          const { outcome, entry } = changeEntry(all, change, clock.now())
          if (!outcome.applied || !outcome.segment) return { applied: false, segment: outcome.segment }
          return { applied: true, segment: outcome.segment, content: entry && contentIn(entry) }
        }),
      (error) => claims.map(() => failed(error)),
    ),
  claimTogether: (claims, fence) =>
    maps.atomically((all) => {
      const now = clock.now()
      if (fence && !holds(all, fence, now)) return undefined
      const applied = ({ change }: { change: Change }) =>
        applyChange(entryAt(all, change.key, now)?.segment, change).applied
      if (!claims.every(applied)) return undefined
      if (fence) perform(all, fence, now)
      return claims.map(({ change, segment }) => {
        const { outcome, entry } = changeEntry(all, change, now)
        return { segment: outcome.segment ?? segment, content: entry && contentIn(entry) }
      })
    }),
  read: (keys) =>
    maps.atomically((all) =>
      keys.map((key) => {
        const entry = entryAt(all, key, clock.now())
        return entry && { segment: entry.segment, content: contentIn(entry) }
      }),
    ),
  tickets: (range) => (range.consistent ? maps.atomically : maps.look)((all) => tickets(all, range, clock.now())),
  lockTicket: (key, { now, busyUntil, turn, purged }) =>
    maps.atomically((all) => {
      const ticket = ticketAt(all, key, clock.now())
      if (!ticket) return undefined
      if (ticket.busyUntil > now && ticket.busyUntil !== busyUntil && !isInVain(ticket, purged)) return undefined
      const { lapses: _, ...kept } = ticket
      return setTicket(all, key, { ...kept, busyUntil, turn })
    }),
  markTicket: (key, busyUntil, { lapses = false, ...condition } = {}) =>
    maps.atomically((all) => {
      const ticket = ticketAt(all, key, clock.now())
      if (!ticket || !meets(ticket, condition)) return false
      const idle = busyUntil === Number.POSITIVE_INFINITY
      setTicket(all, key, { ...ticket, busyUntil, lapses: lapses && !idle, ...(idle && { turn: '' }) })
      return true
    }),
  dropTicket: (key, lastSequence) =>
    maps.atomically((all) => {
      const ticket = ticketAt(all, key, clock.now())
      if (ticket && ticket.lastSequence !== lastSequence) return false
      all.tickets.delete(ticketPartition(key.partition), key.group)
      return true
    }),
  getDocument: (key, { consistent = false } = {}) =>
    (consistent ? maps.atomically : maps.look)((all) => asDocument(documentAt(all, key, clock.now()))),
  listDocuments: (query) =>
    (query.consistent ? maps.atomically : maps.look)((all) => listDocuments(all, query, clock.now())),
  transact: (writes) =>
    maps.atomically((all) => {
      const now = clock.now()
      const failures = writes.flatMap((write, position) =>
        holds(all, write, now) ? [] : [failureOf(all, write, position, now)],
      )
      if (failures.length > 0) return { applied: false, failures }
      for (const write of writes) perform(all, write, now)
      return { applied: true }
    }),
})

/** The outcome of a change whose step failed as a whole. */
const failed = (error: HoldfastError): ChangeFailure => ({ applied: false, segment: undefined, error })

const live = <V extends { readonly expiresAt?: number | undefined }>(value: V | undefined, now: number) =>
  value && isExpired(value, now) ? undefined : value

const liveEntry = (entry: Entry | undefined, now: number): Entry | undefined =>
  entry && isExpired(entry.segment, now) ? undefined : entry

const entryAt = ({ segments }: Maps, { partition, sort }: SegmentKey, now: number): Entry | undefined =>
  liveEntry(segments.get(partitionId(partition), sort), now)

const insert = ({ segments }: Maps, { segment, content }: NewSegment, now: number): 'inserted' | 'exists' => {
  const { partition, sort } = segment.key
  const id = partitionId(partition)
  if (!segments.isBehind(id, sort) && liveEntry(segments.get(id, sort), now)) return 'exists'
  segments.set(id, sort, { segment, content })
  return 'inserted'
}

/** Makes a change; answers beside its outcome the entry that it met. */
const changeEntry = (
  { segments }: Maps,
  change: Change,
  now: number,
): { outcome: ChangeOutcome; entry: Entry | undefined } => {
  const { partition, sort } = change.key
  const id = partitionId(partition)
  const entry = liveEntry(segments.get(id, sort), now)
  const outcome = applyChange(entry?.segment, change)
  if (!outcome.applied || !entry) return { outcome: { applied: false, segment: entry?.segment }, entry }
  if (outcome.segment) segments.set(id, sort, { segment: outcome.segment, content: entry.content })
  else segments.delete(id, sort)
  return { outcome, entry }
}

const headers = (
  { segments }: Maps,
  { partition, from, to, limit }: HeaderRange,
  now: number,
  dropExpired: boolean,
): HeaderPage => {
  const id = partitionId(partition)
  const page: Segment[] = []
  let more = false
  segments.visit(id, from, to, (sort, { segment }) => {
    if (segment.expiresAt <= now) {
      if (dropExpired) segments.delete(id, sort)
    } else if (page.length === limit) more = true
    else page.push(segment)
    return !more
  })
  return { segments: page, more }
}

const ticketPartition = ({ group: _, ...shard }: SegmentPartition): string => partitionId(shard)

const ticketAt = ({ tickets: map }: Maps, { partition, group }: TicketKey, now: number): StoredTicket | undefined =>
  live(map.get(ticketPartition(partition), group), now)

const setTicket = ({ tickets: map }: Maps, { partition, group }: TicketKey, ticket: StoredTicket): StoredTicket => {
  map.set(ticketPartition(partition), group, ticket)
  return ticket
}

const tickets = ({ tickets: map }: Maps, { partition, from, to, limit }: TicketRange, now: number): TicketPage => {
  const page: Ticket[] = []
  let more = false
  map.visit(ticketPartition(partition), from, to, (_, ticket) => {
    if (isExpired(ticket, now)) return true
    if (page.length === limit) more = true
    else page.push(ticket)
    return !more
  })
  return { tickets: page, more }
}

const meets = (ticket: Ticket, { lastSequence, busyUntil, busyAfter }: TicketCondition): boolean =>
  (lastSequence === undefined || ticket.lastSequence === lastSequence) &&
  (busyUntil === undefined || ticket.busyUntil === busyUntil) &&
  (busyAfter === undefined || (ticket.busyUntil > busyAfter && ticket.busyUntil < Number.POSITIVE_INFINITY))

const documentAt = ({ documents }: Maps, { partition, sort }: DocumentKey, now: number): StoredDocument | undefined =>
  live(documents.get(partition, sort), now)

const listDocuments = (
  { documents }: Maps,
  { partition, prefix = '', after, limit }: DocumentQuery,
  now: number,
): readonly Document[] => {
  const found: Document[] = []
  const from = after === undefined || after < prefix ? prefix : after
  documents.visit(partition, from, `${prefix}\uffff`, (sort, document) => {
    if (sort !== after && !isExpired(document, now)) found.push(asDocument(document))
    return found.length < limit
  })
  return found
}

/** A document as it is handed out: nothing that the caller does to it reaches what is kept. */
const asDocument = <D extends StoredDocument | undefined>(kept: D): D extends undefined ? undefined : Document =>
  (kept && {
    partition: kept.partition,
    sort: kept.sort,
    version: kept.version,
    value: structuredClone(kept.value),
  }) as D extends undefined ? undefined : Document

const holds = (maps: Maps, write: Write, now: number): boolean => {
  switch (write.kind) {
    case 'insert':
      return entryAt(maps, write.insert.segment.key, now) === undefined
    case 'change':
      return applyChange(entryAt(maps, write.change.key, now)?.segment, write.change).applied
    case 'put':
    case 'delete':
    case 'check':
      return write.ifVersion === undefined || (documentAt(maps, write.key, now)?.version ?? 0) === write.ifVersion
    case 'advance':
      return (ticketAt(maps, write.key, now)?.lastSequence ?? '') < write.from
    case 'touch':
      return true
  }
}

const perform = (maps: Maps, write: Write, now: number): void => {
  switch (write.kind) {
    case 'insert':
      insert(maps, write.insert, now)
      return
    case 'change':
      changeEntry(maps, write.change, now)
      return
    case 'put': {
      const { key, value, expiresAt } = write
      const version = (write.ifVersion ?? 0) + 1
      maps.documents.set(key.partition, key.sort, { ...key, version, value: structuredClone(value), expiresAt })
      return
    }
    case 'delete':
      maps.documents.delete(write.key.partition, write.key.sort)
      return
    case 'check':
      return
    case 'advance': {
      const { key, to, expiresAt } = write
      const before = ticketAt(maps, key, now)
      const waiting = before && before.busyUntil < Number.POSITIVE_INFINITY ? before : write
      const { turn } = waiting
      const busyUntil = before?.lapses ? 0 : waiting.busyUntil
      const { shard } = key.partition
      setTicket(maps, key, { group: key.group, shard, lastSequence: to, turn, busyUntil, expiresAt })
      return
    }
    case 'touch': {
      const { key, mark, expiresAt } = write
      const { shard } = key.partition
      setTicket(maps, key, { group: key.group, shard, lastSequence: mark, turn: '', busyUntil: 0, expiresAt })
    }
  }
}

const failureOf = (maps: Maps, write: Write, position: number, now: number): WriteFailure => {
  if (write.kind === 'advance') {
    const lastSequence = ticketAt(maps, write.key, now)?.lastSequence
    return { write: position, ...(lastSequence !== undefined && { lastSequence }) }
  }
  const document = 'ifVersion' in write ? asDocument(documentAt(maps, write.key, now)) : undefined
  return { write: position, ...(document && { document }) }
}
