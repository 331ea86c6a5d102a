import { type Trouble, troublesOf } from '../cli/trouble.ts'
import type { QueueJson } from './api.ts'
import { counted, duration } from './views/words.ts'

export type { Trouble }

/** The facts from which the console finds trouble with a queue. */
export interface QueueFacts {
  readonly queue: QueueJson
  /** Messages in the dead-letter queue, those of other queues included. Absent without a dead-letter queue, or without its count. */
  readonly dead?: number | undefined
  /** Queues that use this queue as their dead-letter queue, as far as the screen has read them. */
  readonly sources: readonly string[]
  /** Whether the queue names a dead-letter queue that does not exist. */
  readonly deadLetterQueueMissing: boolean
}

/** The troubles of a queue, the worst first, by the rules of the command line. */
export const troubles = ({ queue, sources, deadLetterQueueMissing }: QueueFacts, now: number): readonly Trouble[] =>
  troublesOf({ queue, sources, now, names: new Set(deadLetterQueueMissing ? [] : [queue.deadLetter?.queue ?? '']) })

/** The level of the worst trouble, which decides the order and the color of a row. `fine` without a trouble. */
export const levelOf = ([worst]: readonly Trouble[]): Trouble['level'] | 'fine' => worst?.level ?? 'fine'

const ORDER = { bad: 0, warning: 1, fine: 2 } as const

interface Row {
  readonly facts: QueueFacts
  readonly found: readonly Trouble[]
}

/** Compares two queues: by trouble, the worst first, then by the oldest message, then by name. */
export const byTrouble = (a: Row, b: Row): number =>
  ORDER[levelOf(a.found)] - ORDER[levelOf(b.found)] ||
  oldest(a).localeCompare(oldest(b)) ||
  a.facts.queue.name.localeCompare(b.facts.queue.name)

const oldest = ({ facts: { queue } }: Row): string => queue.counts?.oldestReadyAt ?? '~'

/** The screen of a queue that shows the cause of a trouble. */
export const CAUSE_SCREEN: Readonly<Record<Trouble['code'], 'messages' | 'dead' | 'settings'>> = {
  'dead-letter-queue-missing': 'settings',
  expiring: 'messages',
  'no-consumers': 'messages',
  behind: 'messages',
  'dead-letters': 'dead',
  paused: 'settings',
}

/** Describes what the queue does with a message whose consumer fails. */
export const onFailure = ({ retryPolicy, deadLetter, retentionSeconds, visibilityTimeoutSeconds }: QueueJson) => {
  const again = retryPolicy
    ? `Retries after ${duration(retryPolicy.initialSeconds)}, up to ${duration(retryPolicy.maximumSeconds)}`
    : `Retries at once, or when the lease of ${duration(visibilityTimeoutSeconds)} ends`
  return deadLetter
    ? `${again}; moves to ${deadLetter.queue} after ${counted(deadLetter.maxReceives, 'receive')}`
    : `${again}; expires after ${duration(retentionSeconds)}`
}
