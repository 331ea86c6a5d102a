import type { InvokeOutcome } from '../../lib/triggers/invoker.ts'
import { isWithin } from '../runtime/json-bounds.ts'

/**
 * The outcome of a batch, read from its function's answer as Lambda reads it with `ReportBatchItemFailures`. `null`, an
 * object without failures and an empty list mean success. An answer that is not JSON, or an entry that names no message of
 * the batch, fails the whole batch. Two cases are not in Lambda's documentation. An answer that is no object means
 * success, because a function that reports no failures may return anything. But an answer that is no object and contains
 * failures, such as a bare list of them, fails the batch.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 *
 * @param payload the answer's JSON
 */
export const answerOf = (payload: string, messageIds: readonly string[]): InvokeOutcome => {
  const answer = parsed(payload)
  if (answer === UNREADABLE) return { kind: 'failed', error: UNREADABLE_REASON }
  const isObject = typeof answer === 'object' && answer !== null && !Array.isArray(answer)
  if (!isObject && /batchItemFailures|itemIdentifier/.test(payload)) {
    return { kind: 'failed', error: 'the answer names failures, but is no object with a list batchItemFailures' }
  }
  const failures = isObject ? (answer as Answer).batchItemFailures : undefined
  if (failures === undefined || failures === null) return { kind: 'answered', failed: new Set() }
  if (!Array.isArray(failures)) return { kind: 'failed', error: 'batchItemFailures is not a list' }
  const known = new Set(messageIds)
  const failed = new Set<string>()
  for (const failure of failures as readonly unknown[]) {
    const id = (failure as { itemIdentifier?: unknown } | null)?.itemIdentifier
    if (typeof id !== 'string' || !known.has(id)) {
      return {
        kind: 'failed',
        error: `batchItemFailures names ${named(id)}, which is no message of the batch`,
      }
    }
    failed.add(id)
  }
  return { kind: 'answered', failed }
}

/** What is no text may be nested too deeply to be written again. */
const named = (id: unknown): string =>
  typeof id === 'string' ? JSON.stringify(id.slice(0, MAX_NAMED)) : id === undefined ? 'nothing' : 'what is no text'

const MAX_NAMED = 200

interface Answer {
  readonly batchItemFailures?: unknown
}

const UNREADABLE_REASON = 'the answer is not JSON, or has more values or levels than any answer needs'
const UNREADABLE = Symbol('not JSON')
const BOUNDS = { depth: 200, values: 1_000_000 } as const

const parsed = (payload: string): unknown => {
  if (payload === '') return null
  // Six megabytes of brackets would take a second, and a hundred and seventy megabytes of memory.
  if (!isWithin(payload, BOUNDS)) return UNREADABLE
  try {
    return JSON.parse(payload)
  } catch {
    return UNREADABLE
  }
}

/** The text of a function's error: its type and its message, where the payload has them. */
export const functionError = (kind: string, payload: string): string => {
  const error = parsed(payload)
  if (typeof error !== 'object' || error === null) return kind
  const { errorType, errorMessage } = error as { errorType?: unknown; errorMessage?: unknown }
  return [errorType ?? kind, errorMessage].filter((part) => typeof part === 'string').join(': ')
}

/** Whether a payload has the form of an error of Lambda's runtimes. */
export const isError = (payload: string): boolean => {
  const { errorType, errorMessage } = (parsed(payload) ?? {}) as { errorType?: unknown; errorMessage?: unknown }
  return typeof errorType === 'string' && typeof errorMessage === 'string'
}
