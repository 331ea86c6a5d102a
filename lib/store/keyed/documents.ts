import type { Document, DocumentKey } from '../../model/document.ts'
import type { JsonValue } from '../../model/message.ts'
import type { DocumentQuery } from '../port.ts'
import { isExpired, live, type Maps, type StoredDocument } from './entries.ts'

export const documentAt = (
  { documents }: Maps,
  { partition, sort }: DocumentKey,
  now: number,
): StoredDocument | undefined => live(documents.get(partition, sort), now)

export const listDocuments = (
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

/** A copy of a JSON value. `structuredClone` takes several times as long. */
export const copyOf = (value: JsonValue): JsonValue => {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(copyOf)
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, copyOf(one)]))
}

/** A copy of a document, so that a caller that changes it does not change the stored one. */
export const asDocument = <D extends StoredDocument | undefined>(kept: D): D extends undefined ? undefined : Document =>
  (kept && {
    partition: kept.partition,
    sort: kept.sort,
    version: kept.version,
    value: copyOf(kept.value),
  }) as D extends undefined ? undefined : Document
