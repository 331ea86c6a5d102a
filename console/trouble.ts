import { type Trouble, troublesOf } from '../cli/trouble.ts'
import type { QueueShown } from './api.ts'
import { counted, duration } from './views/words.ts'

export type { Trouble }

/** What is known of a queue. */
export interface QueueFacts {
  readonly queue: QueueShown
  /** Messages in its dead-letter queue, those of other queues included; absent where it has none or it was not counted. */
  readonly dead?: number | undefined
  /** Queues whose dead-letter queue it is, as far as they are known. */
  readonly sources: readonly string[]
  /** Whether it names a dead-letter queue that does not exist. */
  readonly deadLetterQueueMissing: boolean
}

/** What is wrong with a queue, the worst first: the command line's rules. */
export const troubles = ({ queue, sources, deadLetterQueueMissing }: QueueFacts, now: number): readonly Trouble[] =>
  troublesOf({ queue, sources, now, names: new Set(deadLetterQueueMissing ? [] : [queue.deadLetter?.queue ?? '']) })

/** For the order and the color of a row: `fine` where there is no trouble. */
export const levelOf = ([worst]: readonly Trouble[]): Trouble['level'] | 'fine' => worst?.level ?? 'fine'

const ORDER = { bad: 0, warning: 1, fine: 2 } as const

interface Row {
  readonly facts: QueueFacts
  readonly found: readonly Trouble[]
}

/** Orders queues: the worst first, then those with the oldest messages, then by name. */
export const byTrouble = (a: Row, b: Row): number =>
  ORDER[levelOf(a.found)] - ORDER[levelOf(b.found)] ||
  oldest(a).localeCompare(oldest(b)) ||
  a.facts.queue.name.localeCompare(b.facts.queue.name)

const oldest = ({ facts: { queue } }: Row): string => queue.counts?.oldestReadyAt ?? '~'

/** The screen of a queue on which a trouble is looked at. */
export const SEEN_AT: Readonly<Record<Trouble['code'], 'messages' | 'dead' | 'settings'>> = {
  'dead-letter-queue-missing': 'settings',
  expiring: 'messages',
  'no-consumers': 'messages',
  behind: 'messages',
  'dead-letters': 'dead',
  paused: 'settings',
}

/** What the queue does with a message whose work fails. */
export const onFailure = ({ retryPolicy, deadLetter, retentionSeconds, visibilityTimeoutSeconds }: QueueShown) => {
  const again = retryPolicy
    ? `Retries after ${duration(retryPolicy.initialSeconds)}, up to ${duration(retryPolicy.maximumSeconds)}`
    : `Retries at once, or when the lease of ${duration(visibilityTimeoutSeconds)} ends`
  return deadLetter
    ? `${again}; after ${counted(deadLetter.maxReceives, 'receive')} to ${deadLetter.queue}`
    : `${again}; until it expires after ${duration(retentionSeconds)}`
}
