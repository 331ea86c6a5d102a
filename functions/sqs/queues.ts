import { ifQueueExists, isHoldfastError } from '../../lib/model/errors.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import type { Queue } from '../../lib/model/queue-settings.ts'
import { counts } from '../../lib/queues/counts.ts'
import { createQueue as create } from '../../lib/queues/create-queue.ts'
import { deleteQueue as remove } from '../../lib/queues/delete-queue.ts'
import { listQueues as list, listQueueNames } from '../../lib/queues/list-queues.ts'
import { purgeQueue as purge } from '../../lib/queues/purge-queue.ts'
import { updateQueue } from '../../lib/queues/update-queue.ts'
import { type ActionContext, required, type Target, target } from './context.ts'
import { invalidParameter, invalidValue, missingParameter, queueDoesNotExist, SqsError } from './errors.ts'
import { QUEUE_NAME_RULE } from './fifo-attributes.ts'
import type { Input, Output } from './model.ts'
import { NUMBER_ATTRIBUTES, NUMBER_EXTENSIONS } from './queue-attribute-names.ts'
import { type AttributeChange, readQueueAttributes, type Settings } from './queue-attributes.ts'
import { isAccount, isQueueName, type QueueAddress } from './queue-url.ts'
import { allowsSource } from './redrive-policy.ts'
import { needsCounts, showAttributes, wantedAttributes } from './show-attributes.ts'
import { checkTags } from './tags.ts'

const COOLDOWN_MS = 60_000
const MAX_RESULTS = LIMITS.listQueuesPage

export const createQueue = async (
  context: ActionContext,
  input: Input<'CreateQueue'>,
): Promise<Output<'CreateQueue'>> => {
  const { engine, names, scope, cooldowns } = context
  const name = input.QueueName
  if (name === undefined) throw missingParameter('QueueName')
  if (!isQueueName(name)) throw invalidParameter(QUEUE_NAME_RULE)
  const address: QueueAddress = { ...scope, name }
  await context.authorize?.(address)
  const engineName = names.engineName(address)
  const existing = await ifQueueExists(engine.queues.get(engineName))
  const subject = { address, names, current: existing?.settings, extras: existing?.extras, creating: true }
  const change = readQueueAttributes(input.Attributes ?? {}, subject)
  checkTags(name, input.tags ?? {})
  const settings = { ...change.settings, ...(await deadLetterSettings(context, address, change)) }
  // A new queue has no attributes that could be removed.
  const extras = Object.fromEntries(Object.entries(change.extras).filter(([, value]) => value !== null)) as Record<
    string,
    string
  >
  try {
    await create(
      engine,
      engineName,
      // SQS does not compare the tags of a queue that exists.
      { settings: settings as object, extras, ...(!existing && { tags: input.tags ?? {} }) },
      { minIntervalSinceDeleteMs: cooldowns.recreation ? COOLDOWN_MS : 0 },
    )
  } catch (error) {
    if (isHoldfastError(error, 'QueueExists')) throw queueExists(error.fields.field, input.Attributes ?? {})
    throw error
  }
  return { QueueUrl: context.queueUrl(address) }
}

/** The setting for a redrive policy, after a check that the target exists and allows this source. */
const deadLetterSettings = async (
  context: ActionContext,
  source: QueueAddress,
  { redrivePolicy }: AttributeChange,
): Promise<Settings> => {
  if (redrivePolicy === undefined) return {}
  if (redrivePolicy === null) return { deadLetter: null }
  const { target: address, maxReceives } = redrivePolicy
  const name = context.names.engineName(address)
  const queue = await ifQueueExists(context.engine.queues.get(name))
  if (!queue) throw invalidValue('RedrivePolicy', JSON.stringify(address.name), 'Dead letter target does not exist.')
  if (!allowsSource(queue.extras.RedriveAllowPolicy, source, context.names)) {
    throw invalidValue(
      'RedrivePolicy',
      JSON.stringify(address.name),
      "The dead letter target's RedriveAllowPolicy does not allow this queue as a source.",
    )
  }
  return { deadLetter: { queue: name, maxReceives } }
}

/** The error for a queue that exists with other settings. It names the attribute that the request has for the setting. */
const queueExists = (field: string | undefined, attributes: Readonly<Record<string, string>>): SqsError => {
  const numbers = { ...NUMBER_ATTRIBUTES, ...NUMBER_EXTENSIONS }
  const byName: Readonly<Record<string, readonly string[]>> = {
    deadLetter: ['RedrivePolicy'],
    retryPolicy: ['HoldfastRetryPolicy'],
    deduplicationMode: ['HoldfastDeduplicationMode'],
    fifo: ['ContentBasedDeduplication', 'DeduplicationScope', 'FifoThroughputLimit', 'FifoQueue'],
  }
  const candidates = byName[field ?? ''] ?? Object.keys(numbers).filter((name) => numbers[name]?.setting === field)
  const attribute = candidates.find((name) => name in attributes) ?? field
  return new SqsError(
    'QueueNameExists',
    `A queue already exists with the same name and a different value for attribute ${attribute}`,
  )
}

export const getQueueUrl = async (
  context: ActionContext,
  input: Input<'GetQueueUrl'>,
): Promise<Output<'GetQueueUrl'>> => {
  const name = required(input.QueueName, 'QueueName')
  const account = input.QueueOwnerAWSAccountId || context.scope.account
  if (!isAccount(account)) throw invalidValue('QueueOwnerAWSAccountId', account, 'An account id has 12 digits.')
  if (!isQueueName(name)) throw queueDoesNotExist()
  const address: QueueAddress = { account, region: context.scope.region, name }
  await context.authorize?.(address)
  await context.engine.queues.get(context.names.engineName(address))
  return { QueueUrl: context.queueUrl(address) }
}

export const listQueues = async (context: ActionContext, input: Input<'ListQueues'>): Promise<Output<'ListQueues'>> => {
  context.authorizeListing?.()
  const limit = checkMaxResults(input.MaxResults)
  const { names, cursor } = await listQueueNames(context.engine, {
    scope: context.names.engineScope(context.scope),
    limit,
    ...(input.QueueNamePrefix && { prefix: input.QueueNamePrefix }),
    ...cursorFrom(input.NextToken),
  })
  return {
    QueueUrls: names.length > 0 ? names.map((name) => context.queueUrl({ ...context.scope, name })) : undefined,
    // As with SQS, a request without MaxResults gets the first thousand queues and no token.
    NextToken: input.MaxResults === undefined && input.NextToken === undefined ? undefined : cursor,
  }
}

const checkMaxResults = (given: number | undefined): number => {
  if (given === undefined) return MAX_RESULTS
  if (given >= 1 && given <= MAX_RESULTS) return given
  throw invalidValue('MaxResults', given, `MaxResults must be an integer between 1 and ${MAX_RESULTS}.`)
}

const cursorFrom = (token: string | undefined): { cursor?: string } => {
  if (token === undefined || token === '') return {}
  const after = /^[A-Za-z0-9_-]+$/.test(token) ? Buffer.from(token, 'base64url').toString('utf8') : ''
  if (!isQueueName(after)) throw invalidParameter('Invalid or expired next token.')
  return { cursor: token }
}

export const listDeadLetterSourceQueues = async (
  context: ActionContext,
  input: Input<'ListDeadLetterSourceQueues'>,
): Promise<Output<'ListDeadLetterSourceQueues'>> => {
  const { name, address } = await target(context, input.QueueUrl)
  const limit = checkMaxResults(input.MaxResults)
  await context.engine.queues.get(name)
  const scope = context.names.engineScope(address)
  // Pages without a source are skipped, so that only the last page can be empty.
  let page = await list(context.engine, { scope, limit, ...cursorFrom(input.NextToken) })
  let sources = sourcesIn(page.queues, name)
  while (sources.length === 0 && page.cursor !== undefined) {
    page = await list(context.engine, { scope, limit, cursor: page.cursor })
    sources = sourcesIn(page.queues, name)
  }
  return {
    queueUrls: sources.map((queue) => context.queueUrl(context.names.addressOf(queue.name))),
    NextToken: page.cursor,
  }
}

export const sourcesIn = (queues: readonly Queue[], deadLetterQueue: string): Queue[] =>
  queues.filter(({ settings }) => settings.deadLetter?.queue === deadLetterQueue)

export const deleteQueue = async (
  context: ActionContext,
  input: Input<'DeleteQueue'>,
): Promise<Output<'DeleteQueue'>> => {
  const { name } = await target(context, input.QueueUrl)
  await remove(context.engine, name)
  return {}
}

export const purgeQueue = async (context: ActionContext, input: Input<'PurgeQueue'>): Promise<Output<'PurgeQueue'>> => {
  const { name, address } = await target(context, input.QueueUrl)
  try {
    await purge(context.engine, name, { minIntervalMs: context.cooldowns.purge ? COOLDOWN_MS : 0 })
  } catch (error) {
    if (!isHoldfastError(error, 'PurgeInProgress')) throw error
    throw new SqsError(
      'PurgeQueueInProgress',
      `Only one PurgeQueue operation on ${address.name} is allowed every 60 seconds.`,
      { cause: error },
    )
  }
  return {}
}

export const getQueueAttributes = async (
  context: ActionContext,
  input: Input<'GetQueueAttributes'>,
): Promise<Output<'GetQueueAttributes'>> => {
  const { name } = await target(context, input.QueueUrl)
  const queue = await context.engine.queues.get(name)
  const wanted = wantedAttributes(input.AttributeNames ?? [], queue)
  const counted = needsCounts(wanted) ? await counts(context.engine, name) : undefined
  return { Attributes: showAttributes(wanted, { queue, names: context.names, counts: counted }) }
}

export const setQueueAttributes = async (
  context: ActionContext,
  input: Input<'SetQueueAttributes'>,
): Promise<Output<'SetQueueAttributes'>> => {
  const { name, address }: Target = await target(context, input.QueueUrl)
  const read = ({ settings: current, extras }: Queue) =>
    readQueueAttributes(input.Attributes ?? {}, { address, names: context.names, current, extras, creating: false })
  const deadLetter = await deadLetterSettings(context, address, read(await context.engine.queues.get(name)))
  // Attributes that depend on others are read against the queue that the conditional write replaces.
  await updateQueue(context.engine, name, (queue) => {
    const { settings, extras } = read(queue)
    return { settings: { ...settings, ...deadLetter } as object, extras }
  })
  return {}
}
