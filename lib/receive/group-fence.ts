import type { Engine } from '../engine.ts'
import type { ScanTarget } from '../hints/scan-target.ts'
import { isDropped } from '../model/queue-record.ts'
import { type Segment, visibleAt } from '../model/segment.ts'
import { sortFrom, sortRightBehind, sortUpTo } from '../model/segment-key.ts'
import { headerPages } from '../store/header-pages.ts'
import { fenceKey } from '../store/keys.ts'
import type { DocumentKey } from '../store/port.ts'

/** The fence of a group with a limit, as a poll reads it. `limited-group.ts` has the invariant that it keeps. */
export interface Fence {
  readonly key: DocumentKey
  /** 0 when no fence is stored. */
  readonly version: number
  /** The last sort key that was claimed under these settings; absent when that is not known. */
  readonly through?: string
}

export const readFence = async (engine: Engine, { queue }: ScanTarget, group: string): Promise<Fence> => {
  const key = fenceKey(queue, group)
  const document = await engine.store.getDocument(key, { consistent: true })
  // A damaged fence counts as one that was written under other settings.
  const value = document?.value as { through?: unknown; settings?: unknown } | null | undefined
  return {
    key,
    version: document?.version ?? 0,
    ...(value?.settings === queue.version && typeof value.through === 'string' && { through: value.through }),
  }
}

const FIRST_HEADERS = 100
/** A poll reads a little past now, so that a long poll knows when to scan again. */
const AHEAD_MS = 1_000
/** How far the clock of a poller that claimed before the limit was set may be ahead. */
const MAX_CLOCK_LEAD_MS = 60_000

/** What a poll read of a group. */
export interface Front {
  readonly segments: Segment[]
  /** The sort key behind all that was read. */
  readonly behind: string
}

/**
 * All headers that may have held messages, and after them as many headers as hold `want` receivable messages. What was purged or has
 * expired is stored until TTL deletes it, and may fill whole pages.
 */
export const readFront = async (
  engine: Engine,
  target: ScanTarget,
  { through }: Fence,
  want: number,
): Promise<Front> => {
  const { partition, queue } = target
  const now = engine.clock.now()
  const held = through ?? sortUpTo(0, now + MAX_CLOCK_LEAD_MS)
  const ahead = sortUpTo(0, now + AHEAD_MS)
  const to = furthest(held, ahead)
  const found: Segment[] = []
  let receivable = 0
  for await (const { segments, more } of headerPages(engine.store, {
    partition,
    from: sortFrom(0),
    to,
    limit: FIRST_HEADERS,
  })) {
    found.push(...segments)
    for (const segment of segments) {
      if (!isDropped(queue, segment, now))
        receivable += segment.slots.filter((slot) => visibleAt(segment, slot) <= now).length
    }
    const last = segments.at(-1)?.key.sort
    if (more && last !== undefined && last >= held && receivable >= want)
      return { segments: found, behind: sortRightBehind(last) }
  }
  return { segments: found, behind: sortRightBehind(to) }
}

/** The key that comes last. */
export const furthest = (...sorts: readonly (string | undefined)[]): string =>
  sorts.reduce<string>((last, sort = '') => (sort > last ? sort : last), '')
