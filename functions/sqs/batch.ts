import { HoldfastError } from '../../lib/model/errors.ts'
import { SqsError, toSqsError } from './errors.ts'

const MAX_ENTRIES = 10
const ID = /^[A-Za-z0-9_-]{1,80}$/

/**
 * Checks the number of entries of a batch and their ids. A fault here fails the whole batch; a fault within an entry
 * fails that entry alone.
 *
 * @throws `EmptyBatchRequest`, `TooManyEntriesInBatchRequest`, `InvalidBatchEntryId`, `BatchEntryIdsNotDistinct`
 */
export const checkBatch = <E extends { readonly Id?: string | undefined }>(
  entries: readonly E[] | undefined,
  entryName: string,
): readonly (E & { readonly Id: string })[] => {
  if (!entries || entries.length === 0) {
    throw new SqsError('EmptyBatchRequest', `There should be at least one ${entryName} in the request.`)
  }
  if (entries.length > MAX_ENTRIES) {
    throw new SqsError(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are ${MAX_ENTRIES}. You have sent ${entries.length}.`,
    )
  }
  const seen = new Set<string>()
  for (const { Id = '' } of entries) {
    if (!ID.test(Id)) {
      throw new SqsError(
        'InvalidBatchEntryId',
        'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
      )
    }
    if (seen.has(Id)) throw new SqsError('BatchEntryIdsNotDistinct', `Id ${Id} repeated.`)
    seen.add(Id)
  }
  return entries as readonly (E & { readonly Id: string })[]
}

export interface FailedEntry {
  readonly Id: string
  readonly SenderFault: boolean
  readonly Code: string
  readonly Message: string
}

export const failedEntry = (id: string, error: unknown): FailedEntry => {
  const { code, fault, message, shape } = toSqsError(error)
  return { Id: id, SenderFault: fault === 'Sender' && shape !== 'RequestThrottled', Code: code, Message: message }
}

/** The answer to a batch. SQS leaves out a list that would be empty. */
export const batchAnswer = <T>(successful: readonly T[], failed: readonly FailedEntry[]) => ({
  Successful: successful.length > 0 ? successful : undefined,
  Failed: failed.length > 0 ? failed : undefined,
})

/** The result of a function, or the error that it threw: an error in one entry of a batch must not fail the others. */
export const resultOrError = <T>(make: () => T): T | SqsError => {
  try {
    return make()
  } catch (error) {
    if (error instanceof SqsError || error instanceof HoldfastError) return toSqsError(error)
    throw error
  }
}
