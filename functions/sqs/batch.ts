import { HoldfastError } from '../../lib/model/errors.ts'
import { SqsError, toSqsError } from './errors.ts'

const MOST_ENTRIES = 10
const ID = /^[A-Za-z0-9_-]{1,80}$/

/**
 * The entries of a batch. What is wrong with the batch as a whole fails it; what is wrong with an entry fails that
 * entry.
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
  if (entries.length > MOST_ENTRIES) {
    throw new SqsError(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are ${MOST_ENTRIES}. You have sent ${entries.length}.`,
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

/** A batch's answer, with neither list there when it would be empty. */
export const batchAnswer = <T>(successful: readonly T[], failed: readonly FailedEntry[]) => ({
  Successful: successful.length > 0 ? successful : undefined,
  Failed: failed.length > 0 ? failed : undefined,
})

/** Either what a thing came to or why it failed: for an entry of a batch, whose failure is its own. */
export const attempt = <T>(make: () => T): T | SqsError => {
  try {
    return make()
  } catch (error) {
    if (error instanceof SqsError || error instanceof HoldfastError) return toSqsError(error)
    throw error
  }
}
