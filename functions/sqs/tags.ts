import { LIMITS } from '../../lib/model/limits.ts'
import { getQueue } from '../../lib/queues/get-queue.ts'
import { updateQueue } from '../../lib/queues/update-queue.ts'
import { type ActionContext, target } from './context.ts'
import { invalidParameter, missingParameter } from './errors.ts'
import type { Input, Output } from './model.ts'

const TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u

/** @throws `InvalidParameterValue` */
export const checkTags = (queue: string, tags: Readonly<Record<string, string>>): void => {
  const entries = Object.entries(tags)
  if (entries.length > LIMITS.tags) throw invalidParameter(`Too many tags added for queue ${queue}.`)
  for (const [key, value] of entries) {
    if (
      key === '' ||
      key.length > LIMITS.tagKeyLength ||
      !TEXT.test(key) ||
      /^aws:/i.test(key) ||
      key === '__proto__'
    ) {
      throw invalidParameter(
        'Tag keys must be between 1 and 128 characters in length: letters, digits, spaces and _.:/=+-@, and not start with aws:.',
      )
    }
    if (value.length > LIMITS.tagValueLength || !TEXT.test(value)) {
      throw invalidParameter(
        'Tag values must be between 0 and 256 characters in length: letters, digits, spaces and _.:/=+-@.',
      )
    }
  }
}

export const tagQueue = async (context: ActionContext, input: Input<'TagQueue'>): Promise<Output<'TagQueue'>> => {
  const { name, address } = await target(context, input.QueueUrl)
  const tags = input.Tags ?? {}
  if (Object.keys(tags).length === 0) throw missingParameter('Tags')
  const { tags: present } = await getQueue(context.engine, name)
  checkTags(address.name, tags)
  checkTags(address.name, { ...present, ...tags })
  await updateQueue(context.engine, name, { tags })
  return {}
}

export const untagQueue = async (context: ActionContext, input: Input<'UntagQueue'>): Promise<Output<'UntagQueue'>> => {
  const { name } = await target(context, input.QueueUrl)
  const removed = (input.TagKeys ?? []).map((key): [string, null] => [key, null])
  if (removed.length === 0) throw invalidParameter('Tag keys must be between 1 and 128 characters in length.')
  await updateQueue(context.engine, name, { tags: Object.fromEntries(removed) })
  return {}
}

export const listQueueTags = async (
  context: ActionContext,
  input: Input<'ListQueueTags'>,
): Promise<Output<'ListQueueTags'>> => {
  const { name } = await target(context, input.QueueUrl)
  const { tags } = await getQueue(context.engine, name)
  return { Tags: Object.keys(tags).length > 0 ? tags : undefined }
}
