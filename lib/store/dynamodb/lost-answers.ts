import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { isThrottle } from './faults.ts'

/**
 * Whether a sending of a request has had no answer, by the input of its command, of which each send makes a new one.
 *
 * The SDK sends a request again after a lost answer, and throws the error of the last sending alone. When DynamoDB throttles that one, the
 * error says that nothing was done. The earlier sending may have been done nevertheless, or may still arrive.
 */
const unanswered = new WeakMap<object, boolean>()

/** Makes a client record which of its requests had a sending without an answer. A second call changes nothing. */
export const watchLostAnswers = ({ middlewareStack }: Partial<Pick<DynamoDBClient, 'middlewareStack'>>): void => {
  // An object that only sends, as in a test, has no stack.
  middlewareStack?.add(
    (next) => async (args) => {
      try {
        return await next(args)
      } catch (error) {
        const { input } = args
        unanswered.set(input, unanswered.get(input) === true || !isAnswer(error))
        throw error
      }
    },
    // Behind the middleware that sends again, so that each sending passes here.
    { step: 'finalizeRequest', priority: 'low', name: 'holdfastLostAnswers', override: true },
  )
}

/** Errors that show that DynamoDB has not done the request. */
const REFUSALS: ReadonlySet<string> = new Set(['ConditionalCheckFailedException', 'TransactionCanceledException'])

const isAnswer = (error: unknown): boolean => {
  const { name = '' } = error as { name?: string }
  return isThrottle(name) || REFUSALS.has(name)
}

/**
 * Whether a request that ended with an answer of "not done" may have been done by an earlier sending. Where the client is not watched
 * (a client with `cacheMiddleware` ignores what is added after its first call), any earlier sending counts as one without an answer.
 */
export const mayBeDone = (input: object, error: unknown): boolean => {
  const { $metadata } = error as { readonly $metadata?: { readonly attempts?: number } }
  return unanswered.get(input) ?? ($metadata?.attempts ?? 1) > 1
}
