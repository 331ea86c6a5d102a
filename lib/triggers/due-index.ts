import type { Engine } from '../engine.ts'
import { HoldfastError } from '../model/errors.ts'
import type { JsonValue } from '../model/message.ts'
import { DUE_INDEX, dueKey } from '../store/keys.ts'
import type { Document, PutWrite } from '../store/port.ts'
import { GUARD_MS, PUBLISH_SPREAD_MS } from './times.ts'

/**
 * When the next run of a queue's dispatcher is to start even if no record of the stream starts one.
 *
 * INVARIANT: an instant in an entry may be too early, never too late. A process that writes a later instant has scanned the
 * queue after it read the version that it replaces. Any process may write an earlier instant.
 */
export interface Due {
  /** Epoch ms; absent when nothing is known to come. */
  readonly at?: number
  /** While a run is under way: when a tick starts another run in case this one has died, epoch ms. */
  readonly guard?: number
  /** The run that the guard is for. */
  readonly guardedBy?: string
  /** When to scan again for a publish that was only half done, epoch ms. */
  readonly again?: number
  /** Whether the last run left messages in the queue. Other pollers may give them back, so a sweep starts a run. */
  readonly left: boolean
  /**
   * The queue was paused when a run or a wake looked. Only a run whose last look is still to come takes this out: a wake
   * that finds it writes nothing. Each tick reads the queue's record until it is not paused, and starts a run then, whatever
   * else is in the entry. So a resume needs no write here, and can't be lost between two writes.
   */
  readonly paused?: true
}

export interface StoredDue {
  readonly due: Due
  /** 0 when there is none. */
  readonly version: number
}

/** Retried only when others write the same entry at the same time. */
const TRIES = 10

/** An entry that is damaged starts a run, which writes it anew: it must not keep the runs of other queues from starting. */
const dueIn = ({ value }: Document): Due =>
  typeof (value as { left?: unknown } | null)?.left === 'boolean' ? (value as unknown as Due) : { left: true }

export const readDue = async (engine: Engine, queue: string): Promise<StoredDue> => {
  const document = await engine.store.getDocument(dueKey(queue), { consistent: true })
  return document ? { due: dueIn(document), version: document.version } : { due: { left: true }, version: 0 }
}

/** Replaces an entry on condition of its version. Returns whether it did. */
export const writeDue = async (engine: Engine, queue: string, due: Due, ifVersion: number): Promise<boolean> => {
  const { applied } = await engine.store.transact([duePut(queue, due, ifVersion)])
  return applied
}

/** The write of `writeDue`, for a transaction. */
export const duePut = (queue: string, due: Due, ifVersion: number): PutWrite => ({
  kind: 'put',
  key: dueKey(queue),
  value: due as unknown as JsonValue,
  ifVersion,
})

/** When a run is to start by an entry, epoch ms. */
export const startsAt = ({ at, guard, again }: Omit<Due, 'left'>): number =>
  Math.min(...[at, guard, again].map((instant) => instant ?? Number.POSITIVE_INFINITY))

/** Records that a run is to start at an instant, because a message is due. Writes nothing if one already starts by then. */
export const noteDue = (engine: Engine, queue: string, at: number): Promise<void> =>
  change(engine, queue, (due) => (due.at !== undefined && due.at <= at ? undefined : { ...due, at, left: true }))

/**
 * Records that a publish may be half done. Its other half follows within half of `PUBLISH_SPREAD_MS`, and a run scans again
 * afterwards. Writes at most twice in that time.
 */
export const noteRescan = (engine: Engine, queue: string): Promise<void> => {
  const again = engine.clock.now() + PUBLISH_SPREAD_MS
  const lateEnough = again - PUBLISH_SPREAD_MS / 2
  return change(engine, queue, (due) =>
    due.again !== undefined && due.again >= lateEnough ? undefined : { ...due, again, left: true },
  )
}

/** Nothing is delivered while the queue is paused; the tick looks after the resume. Writes once a pause. */
export const notePaused = (engine: Engine, queue: string): Promise<void> =>
  change(engine, queue, (due) => (due.paused ? undefined : { ...due, paused: true, left: true }))

/** Renews the guard of a run, and removes instants that have come: the run itself scans the queue. */
export const guardRun = (engine: Engine, queue: string, runId: string): Promise<void> =>
  change(engine, queue, (due) => withGuard(due, runId, engine.clock.now()))

/** An entry while a run is under way. */
export const withGuard = (due: Due, runId: string, now: number): Due => ({
  ...futureInstants(due, now),
  guard: now + GUARD_MS,
  guardedBy: runId,
  left: true,
})

/**
 * The entry that a run is about to replace after its last scan; `undefined` if another run has begun, because its guard must stay. This
 * first removes an instant that has come. Otherwise a wake during the scan would find that instant, write nothing, and its message
 * would be lost together with the instant.
 */
export const entryBeforeScan = async (
  engine: Engine,
  queue: string,
  runId: string,
  now: number,
): Promise<StoredDue | undefined> => {
  for (;;) {
    const { due, version } = await readDue(engine, queue)
    if (due.guardedBy !== runId) return undefined
    if (due.at === undefined || due.at > now) return { due, version }
    const { guard = now } = due
    const cleared = { ...futureInstants(due, now), guard, guardedBy: runId, left: true }
    if (await writeDue(engine, queue, cleared, version)) return { due: cleared, version: version + 1 }
  }
}

/** The instants of an entry that come after `now`, without the guard. */
export const futureInstants = ({ at, again }: Due, now: number): Pick<Due, 'at' | 'again'> => ({
  ...(at !== undefined && at > now && { at }),
  ...(again !== undefined && again > now && { again }),
})

/** Changes an entry unless there is nothing to change. */
const change = async (engine: Engine, queue: string, changed: (due: Due) => Due | undefined): Promise<void> => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const { due, version } = await readDue(engine, queue)
    const next = changed(due)
    // A missing entry is created even if nothing changes, so that a sweep finds it.
    if (next === undefined && version > 0) return
    if (await writeDue(engine, queue, next ?? due, version)) return
  }
  throw new HoldfastError('Throttled', 'other processes keep changing the entry of the due index: try again', {
    queue,
    reason: 'contention',
  })
}

export interface DueQueue {
  readonly queue: string
  readonly due: Due
}

const PAGE = 1_000

/** The whole index: one query a page of 1 MB. */
export async function* dueQueues(engine: Engine): AsyncGenerator<DueQueue> {
  for (let after: string | undefined; ; ) {
    const page = await engine.store.listDocuments({
      partition: DUE_INDEX,
      limit: PAGE,
      ...(after !== undefined && { after }),
    })
    for (const document of page) yield { queue: document.sort, due: dueIn(document) }
    after = page.at(-1)?.sort
    if (page.length < PAGE || after === undefined) return
  }
}
