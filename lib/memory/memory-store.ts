import { type Clock, systemClock } from '../clock.ts'
import type { Content } from '../content.ts'
import { applyChange, type Change, type Segment } from '../segment.ts'
import { partitionId, type SegmentKey } from '../segment-key.ts'
import type { ChangeOutcome, Document, DocumentKey, HeaderPage, HeaderRange, NewSegment, Store, Write } from '../store.ts'
import { type SortedMap, sortedMap } from './sorted-map.ts'

interface Entry {
  readonly segment: Segment
  readonly content: Content
}
interface Kept extends Document {
  readonly expiresAt: number | undefined
}

/**
 * The reference for every store: each operation is atomic because it never yields, and conditions are judged by the
 * very functions that the engine's rules are written in. Expired items vanish when they are next come across.
 */
export const memoryStore = ({ clock = systemClock }: { clock?: Clock } = {}): Store => {
  const segments = new Map<string, SortedMap<Entry>>()
  const documents = new Map<string, SortedMap<Kept>>()

  const entries = (key: SegmentKey): SortedMap<Entry> => mapOf(segments, partitionId(key.partition))
  const documentsOf = (partition: string): SortedMap<Kept> => mapOf(documents, partition)

  const entryAt = (key: SegmentKey): Entry | undefined => {
    const entry = entries(key).get(key.sort)
    return entry && entry.segment.expiresAt <= clock.now() ? undefined : entry
  }
  const documentAt = (key: DocumentKey): Kept | undefined => {
    const kept = documentsOf(key.partition).get(key.sort)
    return kept?.expiresAt !== undefined && kept.expiresAt <= clock.now() ? undefined : kept
  }

  const insert = ({ segment, content }: NewSegment): 'inserted' | 'exists' => {
    if (entryAt(segment.key)) return 'exists'
    entries(segment.key).set(segment.key.sort, { segment, content })
    return 'inserted'
  }

  const change = (wanted: Change): ChangeOutcome => {
    const entry = entryAt(wanted.key)
    const outcome = applyChange(entry?.segment, wanted)
    if (!outcome.applied || !entry) return { applied: false, segment: entry?.segment }
    if (outcome.segment) entries(wanted.key).set(wanted.key.sort, { ...entry, segment: outcome.segment })
    else entries(wanted.key).delete(wanted.key.sort)
    return outcome
  }

  const holds = (write: Write): boolean => {
    switch (write.kind) {
      case 'insert':
        return entryAt(write.insert.segment.key) === undefined
      case 'change':
        return applyChange(entryAt(write.change.key)?.segment, write.change).applied
      case 'put':
      case 'delete':
        return write.ifVersion === undefined || (documentAt(write.key)?.version ?? 0) === write.ifVersion
    }
  }

  const perform = (write: Write): void => {
    switch (write.kind) {
      case 'insert':
        insert(write.insert)
        return
      case 'change':
        change(write.change)
        return
      case 'put': {
        const { key, value, expiresAt } = write
        const version = (write.ifVersion ?? 0) + 1
        documentsOf(key.partition).set(key.sort, { ...key, version, value: structuredClone(value), expiresAt })
        return
      }
      case 'delete':
        documentsOf(write.key.partition).delete(write.key.sort)
    }
  }

  const headers = ({ partition, from, to, limit }: HeaderRange): HeaderPage => {
    const map = mapOf(segments, partitionId(partition))
    const now = clock.now()
    const page: Segment[] = []
    for (const [sort, { segment }] of map.range(from, to)) {
      if (segment.expiresAt <= now) map.delete(sort)
      else if (page.length === limit) return { segments: page, more: true }
      else page.push(segment)
    }
    return { segments: page, more: false }
  }

  return {
    insert: async (segment) => insert(segment),
    headers: async (range) => headers(range),
    change: async (changes) => changes.map(change),
    claim: async (claims) =>
      claims.map(({ change: wanted }) => {
        const outcome = change(wanted)
        if (!outcome.applied || !outcome.segment) return { applied: false, segment: outcome.segment }
        return { applied: true, segment: outcome.segment, content: entryAt(wanted.key)?.content }
      }),
    read: async (keys) => keys.map(entryAt),
    getDocument: async (key) => asDocument(documentAt(key)),
    listDocuments: async ({ partition, prefix = '', after, limit }) => {
      const found: Document[] = []
      for (const [sort, kept] of documentsOf(partition).range(prefix, `${prefix}\uffff`)) {
        if (found.length === limit) break
        if ((after !== undefined && sort <= after) || !documentAt(kept)) continue
        found.push(asDocument(kept) as Document)
      }
      return found
    },
    transact: async (writes) => {
      const failed = writes.findIndex((write) => !holds(write))
      if (failed >= 0) return { applied: false, failed }
      for (const write of writes) perform(write)
      return { applied: true }
    },
  }
}

const mapOf = <V>(maps: Map<string, SortedMap<V>>, name: string): SortedMap<V> => {
  let map = maps.get(name)
  if (!map) maps.set(name, (map = sortedMap()))
  return map
}

const asDocument = (kept: Kept | undefined): Document | undefined =>
  kept && { partition: kept.partition, sort: kept.sort, version: kept.version, value: structuredClone(kept.value) }
