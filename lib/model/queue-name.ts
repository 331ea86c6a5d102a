import { invalid } from './errors.ts'
import { LIMITS } from './limits.ts'

const NAME = /^[A-Za-z0-9_-]+(\.fifo)?$/

/** The scope of a queue outside the default account and region precedes its name: `111122223333/eu-west-1/orders`. */
const SCOPED = /^[0-9]{12}\/[a-z0-9-]{1,40}\//

/** The name without the account and region that may precede it. */
export const plainName = (queue: string): string => queue.replace(SCOPED, '')

/** Whether a queue can have this name, with or without an account and region before it. */
export const isQueueName = (queue: unknown): boolean => {
  if (typeof queue !== 'string') return false
  const name = plainName(queue)
  return NAME.test(name) && name.length <= LIMITS.queueNameLength
}

/** Refuses a name that SQS would refuse. The name also becomes part of partition keys. */
export const checkQueueName = (queue: string, field = 'queue'): void => {
  if (!isQueueName(queue)) {
    throw invalid(
      field,
      typeof queue === 'string' ? plainName(queue) : queue,
      `must be 1 to ${LIMITS.queueNameLength} letters, digits, hyphens or underscores (.fifo at the end for a FIFO queue)`,
    )
  }
}
