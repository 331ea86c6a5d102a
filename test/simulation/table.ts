import type { Clock } from '../../lib/clock.ts'
import { sortRightBehind } from '../../lib/model/segment-key.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import type { DocumentKey, Store, Write } from '../../lib/store/port.ts'
import type { RandomStream } from './random-stream.ts'
import type { Scheduler } from './scheduler.ts'

/** How the table differs from one that answers every read with the last write and deletes everything on time. */
export interface TableBehaviour {
  /** How often a read that need not be consistent is answered by a replica that lags behind; a probability. */
  readonly staleReads: number
  /** How often a Query is read in two steps, with writes in between; a probability. */
  readonly tornReads: number
  /** When TTL deletes expired items, by the table's clock. */
  readonly ttl: Ttl
}
type Ttl = 'on time' | 'early' | 'late' | 'never'

export const PLAIN_TABLE: TableBehaviour = { staleReads: 0, tornReads: 0, ttl: 'on time' }

/** TTL uses DynamoDB's clock: for a process whose clock is behind, items are deleted before their time. */
const TTL_EARLY_MS = 1_000
const TTL_LATE_MS = 3_000
const LAG_MS = 400

export interface TableParts {
  readonly scheduler: Scheduler
  readonly random: RandomStream
  readonly behaviour: TableBehaviour
  /** Whether all reads are answered at once and by the primary now. */
  isCalm(): boolean
  /** Called when the table departs from the plain one. */
  happened(what: 'stale read' | 'torn read'): void
}

/** A table in memory. */
export const newTable = (parts: TableParts): Store => {
  const { scheduler, behaviour } = parts
  const newStore = (now: () => number) => {
    const clock: Clock = { now: () => ttlNow(behaviour.ttl, now()), sleep: scheduler.sleep }
    return withDocumentTimes(memoryStore({ clock }), behaviour.ttl === 'on time' ? undefined : now)
  }
  return departing(newStore, parts)
}

/** A given store with the table's departures. A replica can follow only a store in memory. */
export const departing = (newStore: (now: () => number) => Store, parts: TableParts): Store => {
  const primary = newStore(parts.scheduler.now)
  const { staleReads, tornReads } = parts.behaviour
  const torn = tornReads > 0 ? withTornReads(primary, parts) : primary
  return staleReads > 0 ? withReplica(torn, newStore, parts) : torn
}

const ttlNow = (ttl: Ttl, now: number): number => {
  switch (ttl) {
    case 'on time':
      return now
    case 'early':
      return now + TTL_EARLY_MS
    case 'late':
      return now - TTL_LATE_MS
    case 'never':
      return 0
  }
}

/**
 * Expired documents that are not deleted yet count as absent, as in the adapter of DynamoDB: reads leave them out, and a put
 * that requires absence replaces them.
 */
const withDocumentTimes = (store: Store, now: (() => number) | undefined): Store => {
  if (!now) return store
  const expiry = new Map<string, number>()
  const name = ({ partition, sort }: DocumentKey) => `${partition} ${sort}`
  const isPast = (key: DocumentKey) => (expiry.get(name(key)) ?? Number.POSITIVE_INFINITY) <= now()
  const written = (write: Write): Write =>
    write.kind === 'put' && write.ifVersion === 0 && isPast(write.key)
      ? {
          kind: 'put',
          key: write.key,
          value: write.value,
          ...(write.expiresAt !== undefined && { expiresAt: write.expiresAt }),
        }
      : write
  const remember = (writes: readonly Write[]) => {
    for (const write of writes) {
      if (write.kind === 'put') expiry.set(name(write.key), write.expiresAt ?? Number.POSITIVE_INFINITY)
    }
  }
  return {
    ...store,
    getDocument: async (key, options) => {
      const document = await store.getDocument(key, options)
      return document && !isPast(key) ? document : undefined
    },
    listDocuments: async (query) => (await store.listDocuments(query)).filter((document) => !isPast(document)),
    transact: async (writes) => {
      const effective = writes.map(written)
      const outcome = await store.transact(effective)
      if (outcome.applied) remember(effective)
      return outcome
    },
    claimTogether: async (claims, fence) => {
      const effective = fence && (written(fence) as typeof fence)
      const claimed = await store.claimTogether(claims, effective)
      if (claimed && effective) remember([effective])
      return claimed
    },
  }
}

/** A Query reads item after item, and writes may come in between. */
const withTornReads = (store: Store, { scheduler, random, behaviour, isCalm, happened }: TableParts): Store => ({
  ...store,
  headers: async (range) => {
    if (isCalm() || !random.chance(behaviour.tornReads)) return store.headers(range)
    const first = await store.headers({ ...range, limit: random.whole(1, 3) })
    const last = first.segments.at(-1)
    if (!first.more || !last || first.segments.length >= range.limit) return first
    happened('torn read')
    await scheduler.sleep(random.whole(1, 30))
    const from = sortRightBehind(last.key.sort)
    const rest = await store.headers({ ...range, from, limit: range.limit - first.segments.length })
    return { segments: [...first.segments, ...rest.segments], more: rest.more }
  },
})

/**
 * The store with a replica that follows it at a distance: reads that need not be consistent are answered by either.
 * Both are stores whose operations take effect when they are called, as those in memory do. A write comes late to the replica, but has
 * the effect that it had at its time: what expires in between does not make it fail.
 */
const withReplica = (
  primary: Store,
  newReplica: (now: () => number) => Store,
  { scheduler, random, behaviour, isCalm, happened }: TableParts,
): Store => {
  const log: { readonly at: number; readonly wroteAt: number; apply(): unknown }[] = []
  let applied = 0
  let writing: number | undefined
  const replica = newReplica(() => writing ?? scheduler.now())

  const replay = <T>(done: Promise<T>, apply: () => unknown): Promise<T> => {
    // In the order of the writes: a later one is never seen before an earlier one.
    const wroteAt = scheduler.now()
    log.push({ at: Math.max(wroteAt + random.whole(0, LAG_MS), log.at(-1)?.at ?? 0), wroteAt, apply })
    return done
  }
  const catchUp = (): void => {
    for (let next = log[applied]; next && next.at <= scheduler.now(); next = log[++applied]) {
      writing = next.wroteAt
      next.apply()
    }
    writing = undefined
  }
  const reader = (consistent: boolean | undefined): Store => {
    if (consistent || isCalm() || !random.chance(behaviour.staleReads)) return primary
    catchUp()
    if (applied < log.length) happened('stale read')
    return replica
  }

  return {
    ...primary,
    insert: (segment) => replay(primary.insert(segment), () => replica.insert(segment)),
    change: (changes) => replay(primary.change(changes), () => replica.change(changes)),
    claim: (claims) => replay(primary.claim(claims), () => replica.claim(claims)),
    claimTogether: (claims, fence) =>
      replay(primary.claimTogether(claims, fence), () => replica.claimTogether(claims, fence)),
    lockTicket: (key, lock) => replay(primary.lockTicket(key, lock), () => replica.lockTicket(key, lock)),
    markTicket: (key, until, mark) =>
      replay(primary.markTicket(key, until, mark), () => replica.markTicket(key, until, mark)),
    dropTicket: (key, last) => replay(primary.dropTicket(key, last), () => replica.dropTicket(key, last)),
    transact: (writes) => replay(primary.transact(writes), () => replica.transact(writes)),
    headers: (range) => reader(range.consistent).headers(range),
    tickets: (range) => reader(range.consistent).tickets(range),
    getDocument: (key, options) => reader(options?.consistent).getDocument(key, options),
    listDocuments: (query) => reader(query.consistent).listDocuments(query),
  }
}
