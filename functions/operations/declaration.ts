import type { Log } from '../runtime/log.ts'

/**
 * A request of CloudFormation for a custom resource.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
 */
export interface Declaration<Properties> {
  readonly RequestType: 'Create' | 'Update' | 'Delete'
  /** CloudFormation accepts the outcome here: one PUT, within an hour. */
  readonly ResponseURL: string
  readonly StackId: string
  readonly RequestId: string
  readonly ResourceType: string
  readonly LogicalResourceId: string
  readonly PhysicalResourceId?: string
  readonly ResourceProperties: Properties
  /** Of an update: the properties before it. */
  readonly OldResourceProperties?: Properties
}

/** The id of a resource that could not be created. In its rollback CloudFormation deletes this id, and therefore no queue. */
export const NOT_CREATED = 'queue-not-created'

/**
 * Answers CloudFormation in every case: without an answer, a stack waits for an hour.
 *
 * @param declare carries out the request, and returns the resource's id
 * @param what the resource in words, for the log and for the reason of a failure
 */
export const answerDeclaration = async (
  { ResponseURL, StackId, RequestId, RequestType, LogicalResourceId, PhysicalResourceId }: Declaration<unknown>,
  what: string,
  log: Log,
  declare: () => Promise<string>,
): Promise<void> => {
  const outcome = await declare().then(
    (id) => ({ Status: 'SUCCESS', PhysicalResourceId: id }),
    (error: Error) => ({
      Status: 'FAILED',
      PhysicalResourceId: PhysicalResourceId ?? NOT_CREATED,
      Reason: `${what}: ${error.message}`,
    }),
  )
  log[outcome.Status === 'FAILED' ? 'error' : 'info'](`declared ${what}`, { request: RequestType, ...outcome })
  const answer = await fetch(ResponseURL, {
    method: 'PUT',
    // The signature of the URL covers an empty content type.
    headers: { 'content-type': '' },
    body: JSON.stringify({ ...outcome, StackId, RequestId, LogicalResourceId }),
  })
  // Lambda repeats the invocation after this error, and so the answer.
  if (!answer.ok) throw new Error(`CloudFormation took the outcome with status ${answer.status}`)
}
