import type { Clock } from '../../clock.ts'
import type { Document, DocumentKey } from '../../model/document.ts'
import type { HoldfastError } from '../../model/errors.ts'
import { applyChange, type Change, keptUntil, type Segment } from '../../model/segment.ts'
import { partitionId, type SegmentKey, type SegmentPartition } from '../../model/segment-key.ts'
import { applyToTicket, type Ticket, type TicketCommand, type TicketState } from '../../model/ticket.ts'
import type {
  ChangeFailure,
  ChangeOutcome,
  ClaimOutcome,
  DocumentQuery,
  HeaderPage,
  HeaderRange,
  NewSegment,
  Store,
  TicketKey,
  TicketPage,
  TicketRange,
  Write,
  WriteFailure,
} from '../port.ts'
import { contentIn, type Entry, isExpired, type Maps, type StoredDocument } from './entries.ts'
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
  headers: (range) =>
    (range.consistent ? maps.atomically : maps.look)((all) => headers(all, range, clock.now(), readsMayWrite)),
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
  lockTicket: (key, lock) =>
    maps.atomically((all) => {
      const { ticket } = command(all, key, { kind: 'lock', ...lock }, clock.now())
      return ticket && shownTicket(key, ticket)
    }),
  markTicket: (key, until, mark = {}) =>
    maps.atomically((all) => command(all, key, { kind: 'mark', until, ...mark }, clock.now()).applied),
  dropTicket: (key, lastSequence) =>
    maps.atomically((all) => command(all, key, { kind: 'drop', lastSequence }, clock.now()).applied),
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
  entry && keptUntil(entry.segment) <= now ? undefined : entry

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
    if (keptUntil(segment) <= now) {
      if (dropExpired) segments.delete(id, sort)
    } else if (page.length === limit) more = true
    else page.push(segment)
    return !more
  })
  return { segments: page, more }
}

/** The tickets of a shard, whichever group of it is asked for. */
const shardId = ({ group: _, ...shard }: SegmentPartition): string => partitionId(shard)

const ticketAt = ({ tickets: map }: Maps, { partition, group }: TicketKey, now: number): TicketState | undefined =>
  live(map.get(shardId(partition), group), now)

/** Follows the rule for tickets; answers whether the command applied, and the ticket that is there then. */
const command = (
  maps: Maps,
  key: TicketKey,
  wanted: TicketCommand,
  now: number,
): { applied: boolean; ticket?: TicketState | undefined } => {
  const outcome = applyToTicket(ticketAt(maps, key, now), wanted)
  if (!outcome.applied) return outcome
  const id = shardId(key.partition)
  if (outcome.ticket) maps.tickets.set(id, key.group, outcome.ticket)
  else maps.tickets.delete(id, key.group)
  return outcome
}

const tickets = ({ tickets: map }: Maps, { partition, from, to, limit }: TicketRange, now: number): TicketPage => {
  const page: Ticket[] = []
  let more = false
  map.visit(shardId(partition), from, to, (group, ticket) => {
    if (isExpired(ticket, now)) return true
    if (page.length === limit) more = true
    else page.push(shownTicket({ partition, group }, ticket))
    return !more
  })
  return { tickets: page, more }
}

const shownTicket = (
  { partition: { shard }, group }: TicketKey,
  { lastSequence, turn, lockedUntil }: TicketState,
): Ticket => ({ group, shard, lastSequence, turn, lockedUntil })

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
    case 'touch':
      return applyToTicket(ticketAt(maps, write.key, now), write).applied
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
    case 'advance':
    case 'touch':
      command(maps, write.key, write, now)
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
