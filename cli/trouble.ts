import type { AnswerOf } from './target/target.ts'

/**
 * What is wrong with a queue, and what to do about it: one rule for the command line and the console. The rule reads the answer to
 * `GET /queues?include=counts`, and needs nothing of Node.
 */

export type QueueJson = AnswerOf<'getQueue'>

/** `bad` needs attention now, `warning` within the day. */
export type Level = 'bad' | 'warning'

export interface Trouble {
  readonly code: 'dead-letter-queue-missing' | 'expiring' | 'no-consumers' | 'behind' | 'dead-letters' | 'paused'
  readonly level: Level
  /** A sentence without its full stop. */
  readonly what: string
  /** Commands and advice that show or cure the trouble. */
  readonly cures: readonly Cure[]
}

export interface Cure {
  /** What follows `holdfast`; undefined where no command is the cure. */
  readonly command?: string
  readonly effect: string
}

export interface TroubleParts {
  readonly queue: QueueJson
  /** Names of all queues; undefined where they are not known. */
  readonly names?: ReadonlySet<string> | undefined
  /** Names of queues that have this one as their dead-letter queue. */
  readonly sources: readonly string[]
  /** Epoch ms. */
  readonly now: number
}

/** Consumers that poll without a pause begin with a message within seconds. A wait from this on shows that none poll, ms. */
const WAITING_MS = 60_000
/** A backlog of this age is a warning although consumers work on it, ms. */
const BEHIND_MS = 300_000
/** From this share of its retention on, an old message is about to be dropped. */
export const EXPIRING_SHARE = 0.5

/** Everything that is wrong with a queue, the worst first. */
export const troublesOf = (parts: TroubleParts): readonly Trouble[] => {
  const found = [
    missingDeadLetterQueue(parts),
    isPaused(parts),
    expiring(parts),
    ...waiting(parts),
    expiringDeadLetters(parts),
    deadLetters(parts),
  ]
  return found.filter((one) => one !== undefined).sort((a, b) => rank(a) - rank(b))
}

const rank = ({ level }: Trouble): number => (level === 'bad' ? 0 : 1)

const missingDeadLetterQueue = ({ queue, names }: TroubleParts): Trouble | undefined => {
  const { deadLetter } = queue
  if (!deadLetter || !names || names.has(deadLetter.queue)) return undefined
  return {
    code: 'dead-letter-queue-missing',
    level: 'bad',
    what: `its dead-letter queue ${deadLetter.queue} does not exist: exhausted messages stay in the queue, and consumers receive them again`,
    cures: [
      {
        command: `create ${deadLetter.queue}`,
        effect: 'create the dead-letter queue: the next polls move the exhausted messages',
      },
    ],
  }
}

const isPaused = ({ queue }: TroubleParts): Trouble | undefined => {
  if (!('paused' in queue) || queue.paused !== true) return undefined
  return {
    code: 'paused',
    level: 'warning',
    what: 'it is paused: polls and triggers receive no messages',
    cures: [{ command: `resume ${queue.name}`, effect: 'let consumers receive again' }],
  }
}

const waiting = (parts: TroubleParts): readonly (Trouble | undefined)[] => {
  const { queue, sources, now } = parts
  const { counts } = queue
  // A dead-letter queue needs no consumers, and the messages of a paused queue wait on purpose.
  if (!counts?.oldestReadyAt || sources.length > 0 || isPaused(parts)) return []
  const ageMs = now - Date.parse(counts.oldestReadyAt)
  return [counts.leased === 0 ? unconsumed(queue, counts, ageMs) : behind(queue, counts, ageMs)]
}

type Counts = NonNullable<QueueJson['counts']>

/**
 * By the queue's present retention, since counts have no more. The end of a message is earlier where it was published under a shorter
 * one, or has a time to live: `holdfast doctor` looks at messages too.
 */
const isExpiring = ({ queue: { counts, retentionSeconds }, now }: TroubleParts): boolean =>
  counts?.oldestReadyAt !== undefined &&
  now - Date.parse(counts.oldestReadyAt) >= retentionSeconds * 1_000 * EXPIRING_SHARE

const expiring = (parts: TroubleParts): Trouble | undefined => {
  const { queue, sources } = parts
  if (sources.length > 0 || !isExpiring(parts)) return undefined
  const start = isPaused(parts)
    ? { command: `resume ${queue.name}`, effect: 'let consumers receive them' }
    : { effect: 'start consumers, or more of them' }
  return {
    code: 'expiring',
    level: 'bad',
    what: 'its oldest message has waited for more than half of the retention, and expires at its end',
    cures: [copying(queue), start],
  }
}

/** A dead letter is kept for the retention of the dead-letter queue, from its move on. */
const expiringDeadLetters = (parts: TroubleParts): Trouble | undefined => {
  const { queue, sources } = parts
  if (sources.length === 0 || !isExpiring(parts)) return undefined
  return {
    code: 'expiring',
    level: 'warning',
    what: 'its oldest dead letter has been stored for more than half of the retention, and expires at its end',
    cures: [copying(queue)],
  }
}

/** A longer retention is no cure, since it applies only to messages that are published afterwards. */
export const copying = ({ name }: QueueJson): Cure => ({
  command: `export ${name} -o ${name}.ndjson`,
  effect: 'copy the messages before they expire: "holdfast import" publishes the copy',
})

const unconsumed = ({ name }: QueueJson, { ready }: Counts, ageMs: number): Trouble | undefined => {
  if (ageMs < WAITING_MS) return undefined
  return {
    code: 'no-consumers',
    level: 'bad',
    what: `${messages(ready)} ${ready === 1 ? 'waits' : 'wait'}, and no message is in flight: no consumer seems to poll the queue`,
    cures: [
      { effect: 'start the consumers, or look for errors in their logs' },
      { command: `peek ${name}`, effect: 'show the waiting messages' },
    ],
  }
}

const behind = ({ name }: QueueJson, { ready, leased }: Counts, ageMs: number): Trouble | undefined => {
  if (ageMs < BEHIND_MS) return undefined
  return {
    code: 'behind',
    level: 'warning',
    what: `${messages(ready)} ${ready === 1 ? 'waits' : 'wait'} while ${leased} ${leased === 1 ? 'is' : 'are'} in flight: consumers work more slowly than publishers`,
    cures: [
      { effect: 'run more consumers, or look for what slows them down' },
      { command: `peek ${name} --state leased`, effect: 'show the messages in flight' },
    ],
  }
}

const deadLetters = ({ queue: { name, counts }, sources }: TroubleParts): Trouble | undefined => {
  const held = (counts?.ready ?? 0) + (counts?.leased ?? 0) + (counts?.delayed ?? 0)
  if (sources.length === 0 || held === 0) return undefined
  return {
    code: 'dead-letters',
    level: 'warning',
    what: `it contains ${held === 1 ? '1 dead letter' : `${held} dead letters`} of ${sources.join(', ')}`,
    cures: [
      { command: `dead ${name} --group-by reason`, effect: 'show why the messages failed' },
      { command: `redrive ${name}`, effect: 'send the messages back to their queues, once the cause is corrected' },
    ],
  }
}

const messages = (count: number): string => (count === 1 ? '1 message' : `${count} messages`)

/** Names of the queues whose dead-letter queue each queue is. */
export const sourcesByQueue = (queues: readonly Pick<QueueJson, 'name' | 'deadLetter'>[]): Map<string, string[]> => {
  const sources = new Map<string, string[]>()
  for (const { name, deadLetter } of queues) {
    if (deadLetter) sources.set(deadLetter.queue, [...(sources.get(deadLetter.queue) ?? []), name])
  }
  return sources
}
