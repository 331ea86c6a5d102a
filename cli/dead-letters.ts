import { UsageError } from '../functions/local/usage-error.ts'
import { allSettings } from './all-queues.ts'
import type { Session } from './session.ts'
import { sourcesByQueue } from './trouble.ts'

export interface DeadLetters {
  /** The dead-letter queue. */
  readonly queue: string
  /** The queue whose dead letters are meant; absent where all dead letters are meant. */
  readonly source?: string
  readonly fifo: boolean
}

/**
 * The dead letters that a name means: those in a dead-letter queue, or those of a queue that has one.
 *
 * @throws `UsageError` for a queue that neither is nor has a dead-letter queue
 */
export const deadLettersOf = async (session: Session, name: string): Promise<DeadLetters> => {
  const { target, signal } = session
  const [found, all] = await Promise.all([
    target.call('getQueue', { params: { queue: name }, signal }),
    allSettings(session),
  ])
  const fifo = found.fifo !== undefined
  if (sourcesByQueue(all).has(name)) return { queue: name, fifo }
  if (found.deadLetter) return { queue: found.deadLetter.queue, source: name, fifo }
  throw new UsageError(
    `${name} neither is a dead-letter queue nor has one: "holdfast set ${name} deadLetter=QUEUE" gives it one`,
  )
}
