import type { Engine } from '../engine.ts'
import type { Document } from '../model/document.ts'
import { HoldfastError } from '../model/errors.ts'
import { transactionKey } from '../store/keys.ts'
import type { DocumentKey, Write } from '../store/port.ts'
import { valueIn } from '../store/unreadable.ts'

/**
 * The marker of a transaction with an id: a document that the transaction itself writes, on condition that it is absent. When
 * every answer was lost, it shows whether the transaction was done.
 *
 * INVARIANT: of all attempts under one id at most one is ever done. Each attempt requires the marker as it was read: absent, or
 * given up. A process that must know the outcome replaces the marker that it read by one that says "given up". If that write
 * succeeds, no attempt built on the marker as it was can be done any more, however late it arrives. If it fails, the
 * marker in the store names the attempt that was done.
 */
export interface Marker {
  readonly queue: string
  readonly transactionId: string
}

interface MarkerValue {
  readonly state: 'committed' | 'abandoned'
  /** The name of the attempt that writes the marker. */
  readonly attempt: string
}

/** How long a marker is kept: as long as the caller is likely to retry. */
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
  ...valueIn<MarkerValue>(document, { state: 'string', attempt: 'string' }),
  version: document.version,
})

const readMarker = async (engine: Engine, marker: Marker): Promise<Document | undefined> =>
  engine.store.getDocument(keyOf(marker), { consistent: true })

/**
 * Finds out what became of attempts whose answers were lost, and makes it final.
 *
 * writes: the marker as given up, on condition that it is unchanged, 1 WRU · reads: the marker, if that write failed
 *
 * @param foundVersion the version of the marker that the attempts were built on; 0 when it was absent
 * @returns the attempt that was done, or none if no attempt was or ever will be done; with the marker's present version
 */
export const resolveMarker = async (
  engine: Engine,
  marker: Marker,
  foundVersion: number,
  attempt: string,
): Promise<{ readonly done: string | undefined; readonly version: number }> => {
  const write = markerWrite(engine, marker, { state: 'abandoned', attempt, replaces: foundVersion })
  const { applied } = await engine.store.transact([write])
  if (applied) return { done: undefined, version: foundVersion + 1 }
  const document = await readMarker(engine, marker)
  // A marker disappears only when it expires.
  if (!document) throw outcomeUnknown('its marker has expired')
  const current = markerIn(document)
  return { done: current.state === 'committed' ? current.attempt : undefined, version: current.version }
}

export const outcomeUnknown = (why: string, cause?: unknown): HoldfastError =>
  new HoldfastError('OutcomeUnknown', `it is not known whether the transaction was committed: ${why}`, {}, { cause })
