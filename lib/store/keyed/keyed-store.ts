import type { Clock } from '../../clock.ts'
import type { HoldfastError } from '../../model/errors.ts'
import { applyChange, type Change } from '../../model/segment-change.ts'
import type { ChangeFailure, ChangeOutcome, ClaimOutcome, Store } from '../port.ts'
import { asDocument, documentAt, listDocuments } from './documents.ts'
import { contentIn, type Maps } from './entries.ts'
import type { KeyedMaps } from './ordered-map.ts'
import { changeEntry, entryAt, headers, insert } from './segments.ts'
import { command, shownTicket, tickets } from './tickets.ts'
import { failureOf, holds, perform } from './writes.ts'

export interface KeyedStoreParts {
  readonly maps: KeyedMaps<Maps>
  readonly clock: Clock
  /** Whether a read deletes expired entries that it comes across. @default false: `reclaim` does */
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
