import type { ErrorCode } from '../model/errors.ts'
import type { HandleResult } from '../model/message.ts'
import type { NackEntry } from '../settle/nack.ts'

/**
 * The result of a repeated nack or unreceive whose first try may have succeeded without an answer. After the first try another
 * consumer may have received the message, or it may be gone. Either way this consumer no longer has it, so the repeat succeeds.
 */
export const afterRepeatedRelease = (result: HandleResult): HandleResult =>
  doneIf(result, 'LeaseLost', 'MessageNotFound')

/**
 * The result of such a nack when it may also move its message. A moved message is gone from its queue; a message that another
 * consumer has was not moved.
 */
export const afterRepeatedNack = ({ deadLetter }: Pick<NackEntry, 'deadLetter'>, result: HandleResult): HandleResult =>
  deadLetter ? doneIf(result, 'MessageNotFound') : afterRepeatedRelease(result)

const doneIf = (result: HandleResult, ...codes: ErrorCode[]): HandleResult =>
  !result.ok && codes.includes(result.error.code) ? { ok: true } : result
