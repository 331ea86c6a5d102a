import type { Engine } from '../../lib/engine.ts'
import { type GivenTrigger, removeTrigger, setTrigger } from '../../lib/triggers/trigger.ts'
import { type Declaration, NOT_CREATED } from './declaration.ts'

/** The type of the custom resource (`infra/consumer.ts`). */
export const TRIGGER_RESOURCE = 'Custom::HoldfastTrigger'

/** What CloudFormation is asked for: a queue's name, the function's ARN and, as JSON, all other settings of its trigger. */
export type TriggerDeclaration = Declaration<{
  readonly queue: string
  readonly functionName: string
  readonly settings: string
}>

/**
 * Declares, changes or removes a queue's trigger. The trigger records the name of its resource, so that the deletion of one
 * resource never removes a trigger that another resource has declared since: CloudFormation creates a renamed resource before it
 * deletes the old one, and may roll back in between.
 *
 * @returns the id of the resource: the queue's name
 */
export const declareTrigger = async (engine: Engine, declaration: TriggerDeclaration): Promise<string> => {
  const { RequestType, PhysicalResourceId: id, ResourceProperties, StackId, LogicalResourceId } = declaration
  const declaredBy = `${StackId}/${LogicalResourceId}`
  if (RequestType === 'Delete') {
    if (id !== undefined && id !== NOT_CREATED) await removeTrigger(engine, id, { declaredBy })
    return id ?? NOT_CREATED
  }
  const { queue, functionName, settings } = ResourceProperties
  const rest = JSON.parse(settings) as Omit<GivenTrigger, 'queue' | 'functionName'>
  await setTrigger(engine, { ...rest, queue, functionName }, { declaredBy })
  return queue
}
