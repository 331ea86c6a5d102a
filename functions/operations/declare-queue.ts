import type { Engine } from '../../lib/engine.ts'
import { ifQueueExists } from '../../lib/model/errors.ts'
import { DEFAULT_SETTINGS, type SettingsChange } from '../../lib/model/queue-settings.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../lib/queues/delete-queue.ts'
import { getQueue } from '../../lib/queues/get-queue.ts'
import { updateQueue } from '../../lib/queues/update-queue.ts'
import { type Declaration, NOT_CREATED } from './declaration.ts'

/** What CloudFormation is asked for: a queue's name and, as JSON, its settings. */
export type QueueDeclaration = Declaration<{ readonly name: string; readonly settings: string }>

/** Creates the queue. An existing queue gets the declared settings, and the default of every other setting. */
export const declareQueue = async (engine: Engine, declaration: QueueDeclaration): Promise<string> => {
  const { RequestType, PhysicalResourceId: id, ResourceProperties } = declaration
  if (RequestType === 'Delete') {
    if (id !== undefined && id !== NOT_CREATED) await ifQueueExists(deleteQueue(engine, id))
    return id ?? NOT_CREATED
  }
  const { name, settings } = ResourceProperties
  const wanted = JSON.parse(settings) as SettingsChange
  await createOrChange(engine, name, { ...(isNoLongerPaused(declaration, wanted) && { paused: false }), ...wanted })
  // The name is the resource's id: when it changes, CloudFormation deletes the queue with the old name afterwards.
  return name
}

/** Whether the declaration before named `paused`, and this one leaves it out: then the queue is resumed. */
const isNoLongerPaused = (
  { ResourceProperties: { name }, OldResourceProperties: old }: QueueDeclaration,
  { paused }: SettingsChange,
): boolean =>
  paused === undefined && old?.name === name && (JSON.parse(old.settings) as SettingsChange).paused !== undefined

const createOrChange = async (engine: Engine, name: string, settings: SettingsChange): Promise<void> => {
  const present = await ifQueueExists(getQueue(engine, name))
  if (present) await updateQueue(engine, name, { settings: { ...UNDECLARED, ...settings } })
  else await createQueue(engine, name, { settings })
}

const { shards: _, ...DEFAULTS } = DEFAULT_SETTINGS

/**
 * The default of each setting except the shards, which Holdfast raises and lowers automatically, and except `paused`: who pauses a
 * queue for a while does not want the next deployment to resume it.
 */
export const UNDECLARED: SettingsChange = {
  ...DEFAULTS,
  deadLetter: null,
  retryPolicy: null,
  maxInFlightPerGroup: null,
  results: null,
}
