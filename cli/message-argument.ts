import { UsageError } from '../functions/local/usage-error.ts'
import { isHoldfastError } from '../lib/model/errors.ts'
import { allSettings } from './all-queues.ts'
import type { Session } from './session.ts'

/** The arguments of verbs that work on one message. */
export const MESSAGE_ARGUMENTS = '<queue> [id]'
export const MESSAGE_HELP =
  'An id does not name its queue. Given the id alone, the command asks every queue for it, at a read or more each.'

export interface MessageArgument {
  readonly queue: string
  readonly messageId: string
}

/** Queues that are asked at the same time. */
const AT_ONCE = 8
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * The message that the arguments name: a queue and an id, or an id alone.
 *
 * @throws `UsageError` without an id, `Error` where no queue has the message
 */
export const messageOf = async (
  session: Session,
  [first = '', second]: readonly string[],
): Promise<MessageArgument> => {
  if (second !== undefined) return { queue: first, messageId: second }
  if (!ID.test(first)) throw new UsageError(`give the id of a message: after the queue ${first}, or alone`)
  const waiting = (await allSettings(session)).map(({ name }) => name)
  const asked = waiting.length
  const found: string[] = []
  const search = async () => {
    for (let queue = waiting.shift(); queue !== undefined; queue = waiting.shift()) {
      found.push(...(await queueIfThere(session, queue, first)))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, search))
  const [queue] = found
  if (queue === undefined)
    throw new Error(`no message ${first} is in any of the ${asked} queues at ${session.target.name}`)
  return { queue, messageId: first }
}

/** The queue that has the message: for a dead letter, the queue that it failed in. Nothing where no such queue has the message. */
const queueIfThere = async ({ target, signal }: Session, queue: string, messageId: string): Promise<string[]> => {
  try {
    const message = await target.call('getMessage', { params: { queue, messageId }, signal })
    return [('deadLetter' in message ? message.deadLetter?.queue : undefined) ?? queue]
  } catch (error) {
    if (isHoldfastError(error, 'MessageNotFound') || isHoldfastError(error, 'QueueNotFound')) return []
    throw error
  }
}
