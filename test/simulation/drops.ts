import { QUEUE_CACHE_MS } from '../../lib/model/limits.ts'
import { JUMP_MS } from './faults.ts'
import { type Drop, type History, isCertain } from './history.ts'
import type { WorldSettings } from './world-settings.ts'

/**
 * For how long after a drop a publish may still be dropped with it. A publisher dates messages by its own clock. For some seconds it may
 * have the queue from before a deletion in its cache, and stores in that queue; or the one from before a purge, and then the answer is
 * the id of a duplicate that was purged.
 */
const reachMs = ({ kind }: Drop, deduplicated: boolean, { clocksOffByMs = 0 }: WorldSettings): number =>
  2 * (clocksOffByMs + JUMP_MS) + (kind === 'deletion' || deduplicated ? QUEUE_CACHE_MS : 0)

/** The instant from which a message may have been dropped with its queue's others; infinity for one that was published too late. */
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

/** Drops that surely took effect. From `knownAt` on, no poll receives a message that was published before `before`. */
export const surelyDroppedAt = (
  { drops }: History,
  { clocksOffByMs = 0 }: WorldSettings,
): { readonly before: number; readonly knownAt: number }[] =>
  drops.flatMap(({ startedAt, endedAt }) => {
    if (endedAt === undefined) return []
    const apartMs = 2 * (clocksOffByMs + JUMP_MS)
    return [{ before: startedAt - apartMs, knownAt: endedAt + QUEUE_CACHE_MS + apartMs }]
  })

/**
 * Whether a message may expire: the publish that stored it, or another one that was answered with its id, has a time to live. The one
 * that stored it may have got no answer, while a duplicate without a time to live was answered with its id.
 */
export const expiring = ({ publishes, ledger }: History): ((messageId: string) => boolean) => {
  const ids = new Set<string>()
  for (const { answer, body, timeToLiveSeconds } of publishes.values()) {
    if (timeToLiveSeconds === undefined) continue
    if (answer) ids.add(answer.messageId)
    for (const messageId of ledger.idsOf.get(body) ?? []) ids.add(messageId)
  }
  return (messageId) => ids.has(messageId)
}

/** The messages that must be in the queues, and the maximum number of messages there. */
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
  return { must, most: mostStored(history) + history.repeated.size - surelyGone.size }
}

/**
 * The maximum number of messages that were stored. A publish may store one under several ids: when it is repeated under its key in a queue
 * that was created again, or when its message was acked before the publish, without an answer, was sent again. One that stored nothing yet may
 * still do so.
 */
const mostStored = ({ ledger, publishes }: History): number =>
  [...publishes.values()].reduce((sum, { body }) => sum + Math.max(1, ledger.idsOf.get(body)?.size ?? 0), 0)
