import type { Engine } from '../../lib/engine.ts'
import { ifQueueExists } from '../../lib/model/errors.ts'
import { DEFAULT_SETTINGS, type QueueSettings, type SettingsChange } from '../../lib/model/queue-settings.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../lib/queues/delete-queue.ts'
import { getQueue } from '../../lib/queues/get-queue.ts'
import { updateQueue } from '../../lib/queues/update-queue.ts'
import type { Log } from '../runtime/log.ts'

/**
 * A request of CloudFormation for a queue that a stack declares.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
 */
export interface QueueDeclaration {
  readonly RequestType: 'Create' | 'Update' | 'Delete'
  /** CloudFormation accepts the outcome here: one PUT, within an hour. */
  readonly ResponseURL: string
  readonly StackId: string
  readonly RequestId: string
  readonly LogicalResourceId: string
  readonly PhysicalResourceId?: string
  /** `settings` is JSON. */
  readonly ResourceProperties: { readonly name: string; readonly settings: string }
}

/** Id of a queue that could not be created. At its rollback CloudFormation deletes this id, and so no other queue. */
const NOT_CREATED = 'queue-not-created'

/** Creates the queue. One that exists gets the declared settings, and its defaults for the others. */
export const declareQueue = async (engine: Engine, declaration: QueueDeclaration): Promise<string> => {
  const { RequestType, PhysicalResourceId: id, ResourceProperties } = declaration
  if (RequestType === 'Delete') {
    if (id !== undefined && id !== NOT_CREATED) await ifQueueExists(deleteQueue(engine, id))
    return id ?? NOT_CREATED
  }
  const { name, settings } = ResourceProperties
  await createOrChange(engine, name, JSON.parse(settings) as SettingsChange)
  // Another name is another queue: at a new id, CloudFormation has the queue of the old id deleted.
  return name
}

const createOrChange = async (engine: Engine, name: string, settings: SettingsChange): Promise<void> => {
  const present = await ifQueueExists(getQueue(engine, name))
  if (present) await updateQueue(engine, name, { settings: { ...undeclared(present.settings), ...settings } })
  else await createQueue(engine, name, { settings })
}

/** The default of each setting except the shards, which Holdfast raises automatically. */
export const undeclared = (present: QueueSettings): SettingsChange => ({
  ...DEFAULT_SETTINGS,
  shards: present.shards,
  deadLetter: null,
  retryPolicy: null,
  maxInFlightPerGroup: null,
  results: null,
})

/** Answers CloudFormation in every case: without an answer, a stack waits for an hour. */
export const answerDeclaration = async (engine: Engine, log: Log, declaration: QueueDeclaration): Promise<void> => {
  const { ResponseURL, StackId, RequestId, LogicalResourceId, PhysicalResourceId, ResourceProperties } = declaration
  const outcome = await declareQueue(engine, declaration).then(
    (id) => ({ Status: 'SUCCESS', PhysicalResourceId: id }),
    (error: Error) => ({
      Status: 'FAILED',
      PhysicalResourceId: PhysicalResourceId ?? NOT_CREATED,
      Reason: `queue ${ResourceProperties.name}: ${error.message}`,
    }),
  )
  log[outcome.Status === 'FAILED' ? 'error' : 'info']('declared a queue', {
    request: declaration.RequestType,
    queue: ResourceProperties.name,
    ...outcome,
  })
  const answer = await fetch(ResponseURL, {
    method: 'PUT',
    // The signature of the URL covers an empty content type.
    headers: { 'content-type': '' },
    body: JSON.stringify({ ...outcome, StackId, RequestId, LogicalResourceId }),
  })
  // Lambda repeats the invocation after this error, and so the answer.
  if (!answer.ok) throw new Error(`CloudFormation took the outcome with status ${answer.status}`)
}
