import type { Engine } from '../engine.ts'
import type { Document } from '../model/document.ts'
import type { JsonValue } from '../model/message.ts'
import { triggerMarkKey } from '../store/keys.ts'
import { MARK_MARGIN_MS, MARK_MS } from './times.ts'

/** Says that a run dispatches for a queue. While it is there no other run begins. */
export interface Mark {
  readonly runId: string
  /** Epoch ms; from then on it counts for nothing. */
  readonly until: number
}

/** A run's own mark, as it last wrote it. */
export interface HeldMark extends Mark {
  readonly version: number
}

export const markIn = (document: Document): Mark => document.value as unknown as Mark

/** Whether a run dispatches, read consistently. */
export const isMarked = async (engine: Engine, queue: string): Promise<boolean> => {
  const document = await engine.store.getDocument(triggerMarkKey(queue), { consistent: true })
  return document !== undefined && markIn(document).until > engine.clock.now()
}

/** Takes the mark where nobody has it, or its time is over; answers nothing where another run has it. */
export const takeMark = async (engine: Engine, queue: string, runId: string): Promise<HeldMark | undefined> => {
  const document = await engine.store.getDocument(triggerMarkKey(queue), { consistent: true })
  // The margin keeps a run with a fast clock from taking the mark of one that lives.
  if (document && markIn(document).until + MARK_MARGIN_MS > engine.clock.now()) return undefined
  return writeMark(engine, queue, runId, document?.version ?? 0)
}

/** Renews the run's own mark; answers nothing when another run took it. */
export const renewMark = (engine: Engine, queue: string, { runId, version }: HeldMark): Promise<HeldMark | undefined> =>
  writeMark(engine, queue, runId, version)

/**
 * Takes the mark away; answers nothing where it was another run's. The document stays, with an end that has come: a
 * version that came again would let a run that was paused act for one that came after it.
 */
export const dropMark = (engine: Engine, queue: string, { runId, version }: HeldMark): Promise<HeldMark | undefined> =>
  write(engine, queue, { runId, until: 0 }, version)

const writeMark = (engine: Engine, queue: string, runId: string, ifVersion: number): Promise<HeldMark | undefined> =>
  write(engine, queue, { runId, until: engine.clock.now() + MARK_MS }, ifVersion)

const write = async (engine: Engine, queue: string, mark: Mark, ifVersion: number): Promise<HeldMark | undefined> => {
  const key = triggerMarkKey(queue)
  const value = mark as unknown as JsonValue
  const { applied } = await engine.store.transact([{ kind: 'put', key, value, ifVersion }])
  if (applied) return { ...mark, version: ifVersion + 1 }
  const found = await engine.store.getDocument(key, { consistent: true })
  if (!found || markIn(found).runId !== mark.runId) return undefined
  // Only this run can have written it: this very write, whose first answer was lost, or one before it.
  if (markIn(found).until === mark.until) return { ...mark, version: found.version }
  return write(engine, queue, mark, found.version)
}
