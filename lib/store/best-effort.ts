import { type ErrorCode, isHoldfastError } from '../model/errors.ts'

/**
 * Work that goes along with what was asked for, such as writing a hint, must not fail it: where the store fails for the
 * moment, or for one of the reasons given, the answer is `otherwise` and the work is left to the next who comes by.
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
