import { QUEUE_CACHE_MS } from '../../lib/model/limits.ts'
import { JUMP_MS } from './faults.ts'
import { type Drop, type History, isCertain } from './history.ts'
import type { WorldSettings } from './world-settings.ts'

/**
 * A publisher dates what it stores by its own clock. For some seconds it may not know of a deletion, and stores in the queue that was;
 * nor of a purge, and is answered by the id of a duplicate that was purged.
 */
const reachMs = ({ kind }: Drop, deduplicated: boolean, { clocksOffByMs = 0 }: WorldSettings): number =>
  2 * (clocksOffByMs + JUMP_MS) + (kind === 'deletion' || deduplicated ? QUEUE_CACHE_MS : 0)

/** From when a message may have been dropped with all others of its queue, by its id; never for one that was published too late. */
export const droppedFrom = (history: History, settings: WorldSettings): ((messageId: string) => number) => {
  const { drops, publishes } = history
  if (drops.length === 0) return () => Number.POSITIVE_INFINITY
  const published = new Map<string, { at: number; deduplicated: boolean }>()
  for (const { answer, startedAt, deduplicationId } of publishes.values()) {
    if (!answer) continue
    const before = published.get(answer.messageId)
    const at = Math.min(before?.at ?? startedAt, startedAt)
    published.set(answer.messageId, { at, deduplicated: deduplicationId !== undefined })
  }
  return (messageId) => {
    const { at, deduplicated } = published.get(messageId) ?? { at: 0, deduplicated: true }
    const first = drops.find(
      (drop) => at <= (drop.endedAt ?? Number.POSITIVE_INFINITY) + reachMs(drop, deduplicated, settings),
    )
    return first?.startedAt ?? Number.POSITIVE_INFINITY
  }
}

/** Drops that surely took effect, and by when everybody knew: from then on nothing of before them comes any more. */
export const surelyDroppedAt = (
  { drops }: History,
  { clocksOffByMs = 0 }: WorldSettings,
): { readonly before: number; readonly knownAt: number }[] =>
  drops.flatMap(({ startedAt, endedAt }) => {
    if (endedAt === undefined) return []
    const apartMs = 2 * (clocksOffByMs + JUMP_MS)
    return [{ before: startedAt - apartMs, knownAt: endedAt + QUEUE_CACHE_MS + apartMs }]
  })

/** Messages with a time to live, of the publish that stored them or of another one under their id: they may end by themselves. */
export const expiring = ({ publishes }: History): ((messageId: string) => boolean) => {
  const ids = new Set<string>()
  for (const { answer, timeToLiveSeconds } of publishes.values()) {
    if (answer && timeToLiveSeconds !== undefined) ids.add(answer.messageId)
  }
  return (messageId) => ids.has(messageId)
}

/** Messages that must be in the queues, and how many may be, those included. */
export const expected = (history: History, settings: WorldSettings): { must: Set<string>; most: number } => {
  const maxReceives = settings.settings?.deadLetter?.maxReceives
  const dropped = droppedFrom(history, settings)
  const perhapsGone = new Set<string>()
  const surelyGone = new Set<string>()
  for (const removal of history.removals) {
    if (removal.outcome === 'refused') continue
    perhapsGone.add(removal.messageId)
    if (isCertain(removal, maxReceives) && !history.repeated.has(removal.messageId)) surelyGone.add(removal.messageId)
  }
  const must = new Set<string>()
  const mayExpire = expiring(history)
  for (const { answer } of history.publishes.values()) {
    if (!answer || mayExpire(answer.messageId) || perhapsGone.has(answer.messageId)) continue
    if (dropped(answer.messageId) === Number.POSITIVE_INFINITY) must.add(answer.messageId)
  }
  return { must, most: history.publishes.size + history.repeated.size - surelyGone.size }
}
