import type { Clock } from '../../clock.ts'
import type { HoldfastError } from '../../model/errors.ts'
import { applyChange } from '../../model/segment-change.ts'
import type { ChangeFailure, ChangeOutcome, Claim, ClaimedSegment, ClaimOutcome, PutWrite, Store } from '../port.ts'
import { asDocument, documentAt, listDocuments } from './documents.ts'
import { contentIn, type Maps } from './entries.ts'
import type { KeyedMaps } from './ordered-map.ts'
import { changeEntry, entryAt, headers, insert } from './segments.ts'
import { command, shownTicket, tickets } from './tickets.ts'
import { applyWrite, failureOf, isApplicable } from './writes.ts'

export interface KeyedStoreParts {
  readonly maps: KeyedMaps<Maps>
  readonly clock: Clock
  /** Whether a read deletes the expired entries that it meets. @default false: only `reclaim` deletes them */
  readonly readsMayWrite?: boolean
}

/**
 * The store on ordered maps, in memory or on disk. Each operation is one atomic step. The pure functions of the engine's
 * rules check its conditions. A step checks every condition before its first write, because a map need not undo the writes
 * of a step that throws.
 */
export const keyedStore = (parts: KeyedStoreParts): Store => ({
  ...segmentSteps(parts),
  ...ticketSteps(parts),
  ...documentSteps(parts),
})

type SegmentSteps = Pick<Store, 'insert' | 'headers' | 'change' | 'claim' | 'claimTogether' | 'read'>

const segmentSteps = ({ maps, clock, readsMayWrite = false }: KeyedStoreParts): SegmentSteps => ({
  insert: (segment) => maps.atomically((all) => insert(all, segment, clock.now())),
  headers: (range) => reading(maps, range.consistent, (all) => headers(all, range, clock.now(), readsMayWrite)),
  change: (changes) =>
    maps.atomically<ChangeOutcome[]>(
      (all) => changes.map((change) => changeEntry(all, change, clock.now()).outcome),
      (error) => changes.map(() => failed(error)),
    ),
  claim: (claims) =>
    maps.atomically<ClaimOutcome[]>(
      (all) => claims.map((claim) => claimEntry(all, claim, clock.now())),
      (error) => claims.map(() => failed(error)),
    ),
  claimTogether: (claims, fence) => maps.atomically((all) => claimEntries(all, claims, fence, clock.now())),
  read: (keys) =>
    maps.atomically((all) =>
      keys.map((key) => {
        const entry = entryAt(all, key, clock.now())
        return entry && { segment: entry.segment, content: contentIn(entry) }
      }),
    ),
})

const claimEntry = (all: Maps, { change }: Claim, now: number): ClaimOutcome => {
  const { outcome, entry } = changeEntry(all, change, now)
  if (!outcome.applied || !outcome.segment) return { applied: false, segment: outcome.segment }
  return { applied: true, segment: outcome.segment, content: entry && contentIn(entry) }
}

/** Makes all of the claims and writes the fence, or does nothing where a condition does not hold. */
const claimEntries = (
  all: Maps,
  claims: readonly Claim[],
  fence: PutWrite | undefined,
  now: number,
): ClaimedSegment[] | undefined => {
  if (fence && !isApplicable(all, fence, now)) return undefined
  const applies = ({ change }: Claim) => applyChange(entryAt(all, change.key, now)?.segment, change).applied
  if (!claims.every(applies)) return undefined
  if (fence) applyWrite(all, fence, now)
  return claims.map(({ change, segment }) => {
    const { outcome, entry } = changeEntry(all, change, now)
    return { segment: outcome.segment ?? segment, content: entry && contentIn(entry) }
  })
}

type TicketSteps = Pick<Store, 'tickets' | 'lockTicket' | 'markTicket' | 'dropTicket'>

const ticketSteps = ({ maps, clock }: KeyedStoreParts): TicketSteps => ({
  tickets: (range) => reading(maps, range.consistent, (all) => tickets(all, range, clock.now())),
  lockTicket: (key, lock) =>
    maps.atomically((all) => {
      const { ticket } = command(all, key, { kind: 'lock', ...lock }, clock.now())
      return ticket && shownTicket(key, ticket)
    }),
  markTicket: (key, until, mark = {}) =>
    maps.atomically((all) => command(all, key, { kind: 'mark', until, ...mark }, clock.now()).applied),
  dropTicket: (key, lastSequence) =>
    maps.atomically((all) => command(all, key, { kind: 'drop', lastSequence }, clock.now()).applied),
})

type DocumentSteps = Pick<Store, 'getDocument' | 'listDocuments' | 'transact'>

const documentSteps = ({ maps, clock }: KeyedStoreParts): DocumentSteps => ({
  getDocument: (key, { consistent = false } = {}) =>
    reading(maps, consistent, (all) => asDocument(documentAt(all, key, clock.now()))),
  listDocuments: (query) => reading(maps, query.consistent, (all) => listDocuments(all, query, clock.now())),
  transact: (writes) =>
    maps.atomically((all) => {
      const now = clock.now()
      const failures = writes.flatMap((write, position) =>
        isApplicable(all, write, now) ? [] : [failureOf(all, write, position, now)],
      )
      if (failures.length > 0) return { applied: false, failures }
      for (const write of writes) applyWrite(all, write, now)
      return { applied: true }
    }),
})

/** Does a read. A consistent one waits until the writes that it saw are stored, so that they can't be lost after it. */
const reading = <T>(maps: KeyedMaps<Maps>, consistent: boolean | undefined, work: (all: Maps) => T): Promise<T> =>
  consistent ? maps.atomically(work) : maps.read(work)

/** The outcome of a change whose step failed as a whole. */
const failed = (error: HoldfastError): ChangeFailure => ({ applied: false, segment: undefined, error })
