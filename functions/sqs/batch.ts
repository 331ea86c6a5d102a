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

/** How an action works on the entries of a batch. */
export interface BatchWork<E, P, R> {
  /** Reads an entry. @throws the error that fails this entry alone */
  readonly prepare: (entry: E) => P
  /** Applies all valid entries together; one result each, in order. */
  readonly apply: (prepared: readonly P[]) => Promise<readonly R[]>
  /** The error of a result; `undefined` for a success. */
  readonly failureOf: (prepared: P, result: R | undefined) => SqsError | undefined
}

/** Works on a batch whose action returns only the ids. An entry that fails does not fail the others. */
export const settleBatch = async <E extends { readonly Id: string }, P, R>(
  entries: readonly E[],
  { prepare, apply, failureOf }: BatchWork<E, P, R>,
): Promise<{ successful: { Id: string }[]; failed: FailedEntry[] }> => {
  const failed: FailedEntry[] = []
  const valid: { id: string; prepared: P }[] = []
  for (const entry of entries) {
    const prepared = resultOrError(() => prepare(entry))
    if (prepared instanceof SqsError) failed.push(failedEntry(entry.Id, prepared))
    else valid.push({ id: entry.Id, prepared })
  }
  const results = valid.length > 0 ? await apply(valid.map(({ prepared }) => prepared)) : []
  const successful: { Id: string }[] = []
  for (const [position, { id, prepared }] of valid.entries()) {
    const failure = failureOf(prepared, results[position])
    if (failure) failed.push(failedEntry(id, failure))
    else successful.push({ Id: id })
  }
  return { successful, failed }
}
