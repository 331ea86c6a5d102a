import type { EngineEvent, Observer } from '../../lib/model/engine-event.ts'
import { plainName } from '../../lib/model/queue-name.ts'
import { MAX_RECEIVES_EXCEEDED } from '../../lib/redrive/dead-letter.ts'

/** A line that each poll or each publish would repeat is printed once in this time. */
const REPEAT_AFTER_MS = 60_000

/**
 * An observer that prints what the person at the terminal needs to know: messages that were dead-lettered and why, a
 * dead-letter queue that does not exist, a throttled publish. The last two are printed at most once a minute for a queue.
 *
 * @param print takes a line, without its line end
 */
export const eventLines = (print: (line: string) => void, now: () => number = Date.now): Observer => {
  const printedAt = new Map<string, number>()
  return (event) => {
    const line = lineOf(event)
    if (line === undefined) return
    if (event.type !== 'dead-lettered') {
      if (now() - (printedAt.get(line) ?? Number.NEGATIVE_INFINITY) < REPEAT_AFTER_MS) return
      printedAt.set(line, now())
    }
    print(line)
  }
}

const lineOf = (event: EngineEvent): string | undefined => {
  const queue = plainName(event.queue)
  switch (event.type) {
    case 'dead-lettered':
      return `${messages(event.count)} of ${queue} dead-lettered to ${plainName(event.target)}: ${reasonText(event.reason)}`
    case 'dead-letter-queue-missing': {
      const target = plainName(event.target)
      return `messages of ${queue} are due for its dead-letter queue ${target}, which does not exist: they stay in ${queue} and are received again ("holdfast create ${target}" creates it)`
    }
    case 'throttled':
      return `a publish to ${queue} was throttled: ${event.reason}`
    case 'unreadable':
      return `a message of ${queue} can't be read and stays where it is: ${event.reason} (${event.item})`
    default:
      return undefined
  }
}

const messages = (count: number): string => (count === 1 ? '1 message' : `${count} messages`)

/** A reason for the terminal. A consumer wrote it, so control characters become spaces: the reason stays on one line. */
const reasonText = (reason: string): string =>
  reason === MAX_RECEIVES_EXCEEDED
    ? `${reason}, received as often as the queue allows without an ack`
    : reason.replaceAll(UNPRINTABLE, ' ').slice(0, MAX_REASON)

const MAX_REASON = 300
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be left out
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f]+/g
