import type { QueueShown } from './api.ts'
import { ageSeconds, counted, duration } from './views/words.ts'

export type Level = 'bad' | 'warn' | 'fine'

export interface Trouble {
  readonly level: Level
  /** A sentence without its full stop. */
  readonly text: string
  /** What to look at. */
  readonly see: 'dead' | 'messages' | 'settings'
}

/** What is known of a queue. */
export interface QueueFacts {
  readonly queue: QueueShown
  /** Messages in its dead-letter queue, those of other queues included; absent where it has none or it was not counted. */
  readonly dead?: number | undefined
  /** Queues whose dead-letter queue it is, as far as they are known. */
  readonly deadLetterOf: readonly string[]
  /** Whether it names a dead-letter queue that does not exist. */
  readonly deadLetterQueueMissing?: boolean
}

/** A message that is ready for longer than this is late. */
const LATE_SECONDS = 60
/** From this share of the retention on, messages are about to expire. */
const EXPIRING = 0.8
const ORDER: Readonly<Record<Level, number>> = { bad: 0, warn: 1, fine: 2 }

/** What is wrong with a queue, the worst first. */
export const troublesOf = ({ queue, dead = 0, deadLetterOf, deadLetterQueueMissing }: QueueFacts, now: number) => {
  const { ready = 0, leased = 0, oldestReadyAt } = queue.counts ?? {}
  const age = oldestReadyAt === undefined ? 0 : ageSeconds(oldestReadyAt, now)
  const left = queue.retentionSeconds - age
  const waiting = deadLetterOf.length === 0 && age > LATE_SECONDS
  const found: (Trouble | false)[] = [
    deadLetterQueueMissing === true && {
      level: 'bad',
      text: `Its dead-letter queue ${queue.deadLetter?.queue} does not exist: messages that fail stay`,
      see: 'settings',
    },
    age > EXPIRING * queue.retentionSeconds && {
      level: 'bad',
      text: `The oldest message expires in ${duration(Math.max(0, left))}`,
      see: 'messages',
    },
    dead > 0 && { level: 'bad', text: counted(dead, 'dead letter'), see: 'dead' },
    waiting &&
      leased === 0 && { level: 'bad', text: `Nobody receives: ${counted(ready, 'message')} wait`, see: 'messages' },
    waiting &&
      leased > 0 && { level: 'warn', text: `Falls behind: the oldest waits for ${duration(age)}`, see: 'messages' },
  ]
  return found.filter((one): one is Trouble => one !== false).sort((a, b) => ORDER[a.level] - ORDER[b.level])
}

export const levelOf = (troubles: readonly Trouble[]): Level => troubles[0]?.level ?? 'fine'

/** Orders queues: the worst first, then those with the oldest messages, then by name. */
export const byTrouble = (
  a: { readonly facts: QueueFacts; readonly troubles: readonly Trouble[] },
  b: { readonly facts: QueueFacts; readonly troubles: readonly Trouble[] },
): number =>
  ORDER[levelOf(a.troubles)] - ORDER[levelOf(b.troubles)] ||
  b.troubles.length - a.troubles.length ||
  a.facts.queue.name.localeCompare(b.facts.queue.name)

/** What the queue does with a message whose work fails. */
export const onFailure = ({ retryPolicy, deadLetter, retentionSeconds, visibilityTimeoutSeconds }: QueueShown) => {
  const again = retryPolicy
    ? `Retries after ${duration(retryPolicy.initialSeconds)}, up to ${duration(retryPolicy.maximumSeconds)}`
    : `Retries at once, or when the lease of ${duration(visibilityTimeoutSeconds)} ends`
  return deadLetter
    ? `${again}; after ${counted(deadLetter.maxReceives, 'receive')} to ${deadLetter.queue}`
    : `${again}; until it expires after ${duration(retentionSeconds)}`
}
