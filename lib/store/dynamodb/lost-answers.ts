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

/** Names of errors after which an earlier request with the same token may have been done, or may be under way. */
export const UNKNOWN: ReadonlySet<string> = new Set([
  'TransactionInProgressException',
  'IdempotentParameterMismatchException',
])

/** Whether an error shows that DynamoDB has not done the request: a throttle, a failed condition, or any other refusal. */
const isAnswer = (error: unknown): boolean => {
  const { name = '', $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } }
  const status = $metadata?.httpStatusCode ?? 0
  return isThrottle(name) || (status >= 400 && status < 500 && !UNKNOWN.has(name))
}

/**
 * Whether a request that ended with an answer of "not done" may have been done by an earlier sending. Where the client is not watched
 * (a client with `cacheMiddleware` ignores what is added after its first call), any earlier sending counts as one without an answer.
 */
export const mayBeDone = (input: object, error: unknown): boolean => {
  const known = unanswered.get(input)
  if (known !== undefined) return known
  const { $metadata } = error as { readonly $metadata?: { readonly attempts?: number } }
  const unsure = ($metadata?.attempts ?? 1) > 1
  // The same input may be sent by a further call of the client, which counts its sendings anew.
  if (unsure) unanswered.set(input, true)
  return unsure
}
