import type { History } from './history.ts'
import type { WorldSettings } from './world-settings.ts'

/** What users may do with a queue. A feature counts for a history only if it had an effect there. */
export const FEATURES = [
  'standard queue',
  'FIFO queue',
  'fair groups',
  'limited groups',
  'priorities',
  'shards change',
  'delays',
  'retry policy',
  'dead letters',
  'redrive',
  'purge',
  'deletion',
  'deduplication in a window',
  'deduplication while pending',
  'idempotency keys',
  'times to live',
  'cancels',
  'reschedules',
  'unreceives',
  'abandoned polls',
  'pauses',
  'results',
  'transactions',
  'workers',
  'trigger',
] as const
export type Feature = (typeof FEATURES)[number]

/** The features that a history's publishes and receives show. Actors mark the other features themselves. */
export const featuresSeen = (history: History, settings: WorldSettings): Feature[] => {
  const publishes = [...history.publishes.values()]
  const limited = typeof settings.settings?.maxInFlightPerGroup === 'number'
  const isGrouped =
    settings.kind === 'standard' && history.deliveries.some(({ message }) => message.groupId !== undefined)
  const seen: readonly (readonly [Feature, boolean])[] = [
    [settings.kind === 'fifo' ? 'FIFO queue' : 'standard queue', history.deliveries.length > 0],
    ['fair groups', isGrouped && !limited],
    ['limited groups', isGrouped && limited],
    ['priorities', history.deliveries.some(({ message }) => (message.priority ?? 0) > 0)],
    ['delays', history.deliveries.some(({ message }) => message.dueAt > message.publishedAt)],
    ['retry policy', settings.settings?.retryPolicy !== undefined && history.nacks > 0],
    ['dead letters', history.deadLettered.size > 0],
    ...deduplicationSeen(history, settings),
    ['idempotency keys', publishes.some(({ key, answer }) => key !== undefined && answer !== undefined)],
    ['times to live', publishes.some(({ timeToLiveSeconds, answer }) => timeToLiveSeconds !== undefined && answer)],
    ['cancels', [...history.removals].some(({ delivery, outcome }) => !delivery && outcome === 'removed')],
    ['reschedules', history.rescheduled.size > 0],
    ['unreceives', history.unreceived.size > 0],
    ['pauses', history.pauses.some(({ paused, endedAt }) => paused && endedAt !== undefined)],
    ['results', history.looks.some(({ answer }) => answer.status.state === 'done' || answer.status.state === 'failed')],
    ['transactions', history.transactions.some(({ outcome }) => outcome === 'committed')],
  ].map(([feature, isSeen]) => [feature as Feature, Boolean(isSeen)])
  return seen.flatMap(([feature, isSeen]) => (isSeen ? [feature] : []))
}

/** Whether two publishes under one id were both answered. */
const deduplicationSeen = (history: History, { settings }: WorldSettings): (readonly [Feature, boolean])[] => {
  const ids = new Set<string>()
  let isSeen = false
  for (const { deduplicationId, answer } of history.publishes.values()) {
    if (deduplicationId === undefined || !answer) continue
    isSeen ||= ids.has(deduplicationId)
    ids.add(deduplicationId)
  }
  const isPending = settings?.deduplicationMode === 'pending'
  return [[isPending ? 'deduplication while pending' : 'deduplication in a window', isSeen]]
}

/** The pairs that one history had together: each two of its features, and each feature with each fault. */
export const pairsOf = (features: readonly string[], faults: readonly string[]): string[] =>
  features.flatMap((one, at) => [
    ...features.slice(at + 1).map((other) => pairName(one, other)),
    ...faults.map((fault) => pairName(one, fault)),
  ])

const pairName = (one: string, other: string): string => `${one} + ${other}`

/** Features that one queue can't have together. */
const APART: Partial<Record<Feature, readonly Feature[]>> = {
  'standard queue': ['FIFO queue'],
  'FIFO queue': ['fair groups', 'limited groups', 'priorities', 'shards change', 'reschedules'],
  'fair groups': ['limited groups', 'priorities'],
  'limited groups': ['priorities'],
  'deduplication in a window': ['deduplication while pending'],
}

/** Every two features that one queue can have. */
const possiblePairs = (): string[] =>
  FEATURES.flatMap((one, at) =>
    FEATURES.slice(at + 1)
      .filter((other) => !APART[one]?.includes(other))
      .map((other) => pairName(one, other)),
  )

/** How many pairs of features met in some history, and which never did. */
export const pairsMet = (together: Readonly<Record<string, number>>): { met: number; of: number; never: string[] } => {
  const all = possiblePairs()
  const never = all.filter((pair) => !together[pair])
  return { met: all.length - never.length, of: all.length, never }
}
