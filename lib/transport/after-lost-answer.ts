import type { ErrorCode } from '../model/errors.ts'
import type { HandleResult } from '../model/message.ts'
import type { NackEntry } from '../settle/nack.ts'

/**
 * The result of a nack or an unreceive that repeats one whose answer was lost, and that may have been done. A message that was given
 * back may be with another consumer by then, or gone: either way it is not this consumer's any more, which is all that was asked for.
 */
export const givenBack = (result: HandleResult): HandleResult => doneIf(result, 'LeaseLost', 'MessageNotFound')

/**
 * The same for a nack that may move its message. One that moved is gone from its queue. One that another consumer has was not moved.
 */
export const nacked = ({ deadLetter }: Pick<NackEntry, 'deadLetter'>, result: HandleResult): HandleResult =>
  deadLetter ? doneIf(result, 'MessageNotFound') : givenBack(result)

const doneIf = (result: HandleResult, ...codes: ErrorCode[]): HandleResult =>
  !result.ok && codes.includes(result.error.code) ? { ok: true } : result
