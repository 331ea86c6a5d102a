import { type ErrorCode, isHoldfastError } from '../model/errors.ts'

/**
 * Waits for work that nothing depends on, such as writing a hint. Where the store fails with a retryable error, or with one
 * of the codes in `except`, the result is `otherwise`, and a later operation does the work.
 */
export const bestEffort = async <T, O = undefined>(
  work: Promise<T>,
  otherwise?: O,
  { except = [] }: { except?: readonly ErrorCode[] } = {},
): Promise<T | O> => {
  try {
    return await work
  } catch (error) {
    if (!isHoldfastError(error) || !(error.retryable || except.includes(error.code))) throw error
    return otherwise as O
  }
}
