import { keptUntil, type Segment } from '../../model/segment.ts'
import { applyChange, type Change } from '../../model/segment-change.ts'
import { partitionId, type SegmentKey } from '../../model/segment-key.ts'
import type { ChangeOutcome, HeaderPage, HeaderRange, NewSegment } from '../port.ts'
import type { Entry, Maps } from './entries.ts'

const liveEntry = (entry: Entry | undefined, now: number): Entry | undefined =>
  entry && keptUntil(entry.segment) <= now ? undefined : entry

export const entryAt = ({ segments }: Maps, { partition, sort }: SegmentKey, now: number): Entry | undefined =>
  liveEntry(segments.get(partitionId(partition), sort), now)

export const insert = ({ segments }: Maps, { segment, content }: NewSegment, now: number): 'inserted' | 'exists' => {
  const { partition, sort } = segment.key
  const id = partitionId(partition)
  if (!segments.isBehind(id, sort) && liveEntry(segments.get(id, sort), now)) return 'exists'
  segments.set(id, sort, { segment, content })
  return 'inserted'
}

/** Makes a change. Returns the change's outcome and the entry before it. */
export const changeEntry = (
  { segments }: Maps,
  change: Change,
  now: number,
): { outcome: ChangeOutcome; entry: Entry | undefined } => {
  const { partition, sort } = change.key
  const id = partitionId(partition)
  const entry = liveEntry(segments.get(id, sort), now)
  const outcome = applyChange(entry?.segment, change)
  if (!outcome.applied || !entry) return { outcome: { applied: false, segment: entry?.segment }, entry }
  if (outcome.segment) segments.set(id, sort, { segment: outcome.segment, content: entry.content })
  else segments.delete(id, sort)
  return { outcome, entry }
}

export const headers = (
  { segments }: Maps,
  { partition, from, to, limit }: HeaderRange,
  now: number,
  dropExpired: boolean,
): HeaderPage => {
  const id = partitionId(partition)
  const page: Segment[] = []
  let more = false
  segments.visit(id, from, to, (sort, { segment }) => {
    if (keptUntil(segment) <= now) {
      if (dropExpired) segments.delete(id, sort)
    } else if (page.length === limit) more = true
    else page.push(segment)
    return !more
  })
  return { segments: page, more }
}
