import type { Engine } from '../engine.ts'
import type { Document } from '../model/document.ts'
import { HoldfastError } from '../model/errors.ts'
import { transactionKey } from '../store/keys.ts'
import type { DocumentKey, Write } from '../store/port.ts'

/**
 * The marker of a transaction that has an id: a document written in the transaction itself, on condition that it is absent.
 * It tells "done" from "not done" when every answer was lost.
 *
 * INVARIANT: of all attempts under one id at most one is ever done. Each requires the marker as it was found: absent, or
 * given up. Whoever must know replaces what he found by a marker that says "given up": where that succeeds, no attempt that
 * was built on what he found can be done any more, however late it arrives; where it fails, the marker tells.
 */
export interface Marker {
  readonly queue: string
  readonly transactionId: string
}

interface MarkerValue {
  readonly state: 'committed' | 'abandoned'
  /** Of the attempt that wrote it. */
  readonly attempt: string
}

/** As long as any retry of the caller's is likely to come. */
const KEPT_MS = 86_400_000

const keyOf = ({ queue, transactionId }: Marker): DocumentKey => transactionKey(queue, transactionId)

export const markerWrite = (
  engine: Engine,
  marker: Marker,
  { replaces, ...value }: MarkerValue & { readonly replaces: number },
): Write => ({
  kind: 'put',
  key: keyOf(marker),
  value: { ...value },
  ifVersion: replaces,
  expiresAt: engine.clock.now() + KEPT_MS,
})

export const markerIn = (document: Document): MarkerValue & { readonly version: number } => ({
  ...(document.value as unknown as MarkerValue),
  version: document.version,
})

export const readMarker = async (engine: Engine, marker: Marker): Promise<Document | undefined> =>
  engine.store.getDocument(keyOf(marker), { consistent: true })

/**
 * Settles what became of attempts whose answers were lost, for good.
 *
 * writes: the marker as given up, on condition that it is as it was found, 1 WRU · reads: the marker where that failed
 *
 * @returns the attempt that was done, or nothing when none was or ever will be, with the marker's version now
 */
export const settleMarker = async (
  engine: Engine,
  marker: Marker,
  found: number,
  attempt: string,
): Promise<{ readonly done: string | undefined; readonly version: number }> => {
  const write = markerWrite(engine, marker, { state: 'abandoned', attempt, replaces: found })
  const { applied } = await engine.store.transact([write])
  if (applied) return { done: undefined, version: found + 1 }
  const document = await readMarker(engine, marker)
  // Only its expiry takes a marker away.
  if (!document) throw outcomeUnknown('its marker has expired')
  const now = markerIn(document)
  return { done: now.state === 'committed' ? now.attempt : undefined, version: now.version }
}

export const outcomeUnknown = (why: string, cause?: unknown): HoldfastError =>
  new HoldfastError('OutcomeUnknown', `it is not known whether the transaction was committed: ${why}`, {}, { cause })
