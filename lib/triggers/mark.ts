import type { Engine } from '../engine.ts'
import type { Document } from '../model/document.ts'
import { HoldfastError } from '../model/errors.ts'
import type { JsonValue } from '../model/message.ts'
import { triggerMarkKey } from '../store/keys.ts'
import type { PutWrite } from '../store/port.ts'
import { valueIn } from '../store/unreadable.ts'
import { duePut, readDue, withGuard } from './due-index.ts'
import { MARK_MARGIN_MS, MARK_MS } from './times.ts'

/** The mark of the run that dispatches for a queue. While it lasts no other run begins. */
export interface Mark {
  readonly runId: string
  /** When the mark ends, epoch ms. */
  readonly until: number
  /** When the last run ended, epoch ms; in a mark that its run has ended. */
  readonly endedAt?: number
}

/** A run's own mark, as the run last wrote it. */
export interface HeldMark extends Mark {
  readonly version: number
}

const markIn = (document: Document): Mark => valueIn<Mark>(document, { runId: 'string', until: 'number' })

/** Whether a run dispatches, read consistently. */
export const isMarked = async (engine: Engine, queue: string): Promise<boolean> => {
  const document = await engine.store.getDocument(triggerMarkKey(queue), { consistent: true })
  return document !== undefined && markIn(document).until > engine.clock.now()
}

/** Retried only when others write the mark, or the entry of the due index, at the same time. */
const TRIES = 10

/**
 * Takes the mark if no run has it, or if it has ended. Returns `undefined` if another run has it.
 *
 * One transaction writes mark and guard. Wakes leave their messages to the run with the mark, so the mark must never be without a
 * guard, or the messages would be left alone when the run dies in between.
 */
export const takeMark = async (engine: Engine, queue: string, runId: string): Promise<HeldMark | undefined> => {
  const key = triggerMarkKey(queue)
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const document = await engine.store.getDocument(key, { consistent: true })
    const present = document && markIn(document)
    // An earlier try took effect, and its answer was lost.
    const isOwn = present?.runId === runId && present.until > engine.clock.now()
    if (document && isOwn) return { ...present, version: document.version }
    // The margin keeps a run with a fast clock from taking the mark of a run that is alive.
    if (present && present.until + MARK_MARGIN_MS > engine.clock.now()) return undefined
    const { due, version } = await readDue(engine, queue)
    const now = engine.clock.now()
    const mark: Mark = { runId, until: now + MARK_MS }
    const { applied } = await engine.store.transact([
      markPut(queue, mark, document?.version ?? 0),
      duePut(queue, withGuard(due, runId, now), version),
    ])
    if (applied) return { ...mark, version: (document?.version ?? 0) + 1 }
  }
  throw new HoldfastError('Throttled', 'other processes keep changing the mark of the trigger: try again', {
    queue,
    reason: 'contention',
  })
}

/** Renews the run's own mark. Returns `undefined` when another run took it. */
export const renewMark = (engine: Engine, queue: string, { runId, version }: HeldMark): Promise<HeldMark | undefined> =>
  writeMark(engine, queue, runId, version)

/**
 * Ends the run's own mark. Returns `undefined` if another run has the mark. The document stays, with an end in the past: if a
 * version could occur twice, a paused run might mistake a later run's mark for its own.
 */
export const dropMark = (engine: Engine, queue: string, { runId, version }: HeldMark): Promise<HeldMark | undefined> =>
  write(engine, queue, { runId, until: 0, endedAt: engine.clock.now() }, version)

const markPut = (queue: string, mark: Mark, ifVersion: number): PutWrite => ({
  kind: 'put',
  key: triggerMarkKey(queue),
  value: mark as unknown as JsonValue,
  ifVersion,
})

const writeMark = (engine: Engine, queue: string, runId: string, ifVersion: number): Promise<HeldMark | undefined> =>
  write(engine, queue, { runId, until: engine.clock.now() + MARK_MS }, ifVersion)

const write = async (engine: Engine, queue: string, mark: Mark, ifVersion: number): Promise<HeldMark | undefined> => {
  const key = triggerMarkKey(queue)
  const { applied } = await engine.store.transact([markPut(queue, mark, ifVersion)])
  if (applied) return { ...mark, version: ifVersion + 1 }
  const found = await engine.store.getDocument(key, { consistent: true })
  if (!found || markIn(found).runId !== mark.runId) return undefined
  // Only this run can have written the mark: by this write, whose first answer was lost, or by an earlier one.
  if (markIn(found).until === mark.until) return { ...mark, version: found.version }
  return write(engine, queue, mark, found.version)
}
