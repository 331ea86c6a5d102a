import { type HoldfastError, isHoldfastError } from '../../lib/model/errors.ts'
import { messageBytes, type NewMessage } from '../../lib/model/message.ts'
import { checkMessages } from '../../lib/model/message-rules.ts'
import type { QueueState } from '../../lib/model/queue-record.ts'
import { publish } from '../../lib/publish/publish.ts'
import { METRICS } from '../runtime/metric-names.ts'
import { batchAnswer, checkBatch, type FailedEntry, failedEntry, resultOrError } from './batch.ts'
import { type ActionContext, targetQueue } from './context.ts'
import { invalidParameter, invalidValue, missingParameter, SqsError, toSqsError } from './errors.ts'
import { md5, md5OfAttributes } from './md5.ts'
import {
  type Attributes,
  checkAttributeCount,
  checkBodyCharacters,
  readAttributes,
  splitExtensions,
} from './message-attributes.ts'
import type { Input, Output } from './model.ts'
import { readTraceHeader } from './trace-header.ts'

const MAX_DELAY_SECONDS = 900
/** SQS's limit for the messages of a batch together. */
const MAX_BATCH_BYTES = 1_048_576
const GROUP_ID = /^[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]{1,128}$/

/** A message to publish, with the attributes whose digests the answer returns. */
interface Outgoing {
  readonly message: NewMessage
  readonly sent: Attributes
  readonly systemAttributes: Attributes
  readonly bytes: number
}
type Request = Omit<Input<'SendMessage'>, 'QueueUrl'>

export const sendMessage = async (
  context: ActionContext,
  input: Input<'SendMessage'>,
): Promise<Output<'SendMessage'>> => {
  const { queue } = await targetQueue(context, input.QueueUrl)
  const outgoing = prepare(context, queue, input)
  checkSize(outgoing, queue)
  const [result] = await publishMessages(context, queue, [outgoing.message])
  if (!result?.ok) throw toSqsError(result?.error)
  context.count(queue, { [METRICS.published]: 1 })
  return answer(outgoing, result)
}

export const sendMessageBatch = async (
  context: ActionContext,
  input: Input<'SendMessageBatch'>,
): Promise<Output<'SendMessageBatch'>> => {
  const { queue } = await targetQueue(context, input.QueueUrl)
  const entries = checkBatch(input.Entries, 'SendMessageBatchRequestEntry')
  for (const entry of entries) {
    const missing = missingGroup(queue, entry)
    if (missing) throw invalidParameter(missing.message)
    // A parameter that a FIFO queue refuses in one entry fails the whole batch, as with SQS.
    if (queue.settings.fifo) {
      checkDelay(queue, entry.DelaySeconds)
      deduplicationOf(queue, entry)
    }
  }
  const prepared = entries.map((entry) => ({
    id: entry.Id,
    outgoing: resultOrError(() => prepare(context, queue, entry)),
  }))
  checkBatchSize(prepared.map(({ outgoing }) => outgoing))
  const failed: FailedEntry[] = []
  const valid: { id: string; outgoing: Outgoing }[] = []
  for (const { id, outgoing } of prepared) {
    const checked = outgoing instanceof SqsError ? outgoing : entryTooLarge(outgoing, queue)
    if (checked instanceof SqsError) failed.push(failedEntry(id, checked))
    else if (!(outgoing instanceof SqsError)) valid.push({ id, outgoing })
  }
  const successful = valid.length > 0 ? await publishValid(context, queue, valid, failed) : []
  return batchAnswer(successful, failed)
}

const publishValid = async (
  context: ActionContext,
  queue: QueueState,
  valid: readonly { id: string; outgoing: Outgoing }[],
  failed: FailedEntry[],
) => {
  const messages = valid.map(({ outgoing }) => outgoing.message)
  const results = await publishMessages(context, queue, messages)
  const successful: ({ Id: string } & Output<'SendMessage'>)[] = []
  for (const [position, { id, outgoing }] of valid.entries()) {
    const result = results[position]
    if (!result?.ok) failed.push(failedEntry(id, result?.error))
    else successful.push({ Id: id, ...answer(outgoing, result) })
  }
  context.count(queue, { [METRICS.published]: successful.length })
  return successful
}

const answer = (
  { message, sent, systemAttributes }: Outgoing,
  { messageId, sequenceNumber }: { messageId: string; sequenceNumber?: string },
) => ({
  MessageId: messageId,
  MD5OfMessageBody: md5(message.body as string),
  MD5OfMessageAttributes: md5OfAttributes(sent),
  MD5OfMessageSystemAttributes: md5OfAttributes(systemAttributes),
  SequenceNumber: sequenceNumber,
})

/** Publishes, and translates the engine's error about size. */
const publishMessages = async ({ engine }: ActionContext, queue: QueueState, messages: readonly NewMessage[]) => {
  try {
    return await publish(engine, queue.name, messages)
  } catch (error) {
    if (isHoldfastError(error, 'MessageTooLarge')) throw tooLarge(queue, error)
    throw error
  }
}

const prepare = (context: ActionContext, queue: QueueState, request: Request): Outgoing => {
  const body = request.MessageBody
  if (body === undefined || body === '') throw missingParameter('MessageBody')
  checkBodyCharacters(body)
  const sent = readAttributes(request.MessageAttributes)
  const { own, extension } = splitExtensions(sent)
  checkAttributeCount(Object.keys(own).length)
  const traceHeader = readTraceHeader(request.MessageSystemAttributes)
  const trace = traceHeader ?? context.traceHeader
  checkDelay(queue, request.DelaySeconds)
  checkExtension(queue, extension)
  const missing = missingGroup(queue, request)
  if (missing) throw missing
  checkGroup('MessageGroupId', request.MessageGroupId)
  const deduplicationId = deduplicationOf(queue, request) ?? extension.deduplicationId
  const message: { -readonly [K in keyof NewMessage]: NewMessage[K] } = { body, attributes: own }
  // A FIFO queue has one delay for all its messages. The zero that it accepts for a message changes nothing.
  if (request.DelaySeconds !== undefined && extension.dueAt === undefined && !queue.settings.fifo) {
    message.delaySeconds = request.DelaySeconds
  }
  if (request.MessageGroupId !== undefined) message.groupId = request.MessageGroupId
  if (trace !== undefined) message.traceHeader = trace
  if (context.senderId !== undefined) message.senderId = context.senderId
  Object.assign(message, extension)
  if (deduplicationId !== undefined) message.deduplicationId = deduplicationId
  // The engine would refuse the whole batch for one message.
  if (Object.keys(extension).length > 0) checkMessages(queue, [message])
  return {
    message,
    sent,
    systemAttributes: traceHeader === undefined ? {} : { AWSTraceHeader: { dataType: 'String', value: traceHeader } },
    bytes: messageBytes(message),
  }
}

const checkSize = (outgoing: Outgoing, queue: QueueState): void => {
  if (isTooLarge(outgoing, queue)) throw tooLarge(queue)
}

const isTooLarge = ({ bytes }: Outgoing, { settings }: QueueState): boolean => bytes > settings.maximumMessageBytes

/** SQS's message for an entry of a batch differs from the one for a single message. */
const entryTooLarge = (outgoing: Outgoing, queue: QueueState): SqsError | undefined =>
  isTooLarge(outgoing, queue)
    ? invalidParameter(
        `One or more parameters cannot be validated. Reason: Message must be shorter than ${queue.settings.maximumMessageBytes} bytes.`,
      )
    : undefined

const tooLarge = (queue: QueueState, cause?: HoldfastError): SqsError =>
  new SqsError(
    'InvalidParameterValueException',
    `One or more parameters are invalid. Reason: Message must be shorter than ${queue.settings.maximumMessageBytes} bytes.`,
    { cause },
  )

const checkBatchSize = (outgoing: readonly (Outgoing | SqsError)[]): void => {
  const bytes = outgoing.reduce((sum, one) => sum + (one instanceof SqsError ? 0 : one.bytes), 0)
  if (bytes > MAX_BATCH_BYTES) {
    throw new SqsError(
      'BatchRequestTooLong',
      `Batch requests cannot be longer than ${MAX_BATCH_BYTES} bytes. You have sent ${bytes} bytes.`,
    )
  }
}

const checkDelay = (queue: QueueState, seconds: number | undefined): void => {
  if (seconds === undefined) return
  if (seconds < 0 || seconds > MAX_DELAY_SECONDS) {
    throw invalidValue('DelaySeconds', seconds, `DelaySeconds must be >= 0 and <= ${MAX_DELAY_SECONDS}.`)
  }
  if (queue.settings.fifo && seconds > 0) throw notForThisKind('DelaySeconds', seconds)
}

const checkExtension = (queue: QueueState, extension: ReturnType<typeof splitExtensions>['extension']): void => {
  const { priority, deduplicationId } = extension
  const highest = queue.settings.priorities - 1
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= highest)) {
    const range =
      highest === 0
        ? 'Must be 0: the queue has one priority.'
        : `Must be a whole number from 0 to ${highest} for this queue.`
    throw invalidValue('Holdfast.Priority', priority, range)
  }
  checkGroup('Holdfast.DeduplicationId', deduplicationId)
}

/** The error for a message to a FIFO queue without a group. In a batch it fails the whole batch. */
const missingGroup = (queue: QueueState, { MessageGroupId }: Request): SqsError | undefined =>
  queue.settings.fifo && !MessageGroupId ? missingParameter('MessageGroupId') : undefined

const checkGroup = (parameter: string, id: string | undefined): void => {
  if (id === undefined || GROUP_ID.test(id)) return
  const plain = parameter.replace('Holdfast.', '')
  throw invalidValue(
    parameter,
    id,
    `${plain} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
  )
}

const deduplicationOf = ({ settings: { fifo } }: QueueState, request: Request): string | undefined => {
  const id = request.MessageDeduplicationId
  if (!fifo && id !== undefined) throw notForThisKind('MessageDeduplicationId', id)
  checkGroup('MessageDeduplicationId', id)
  if (fifo && id === undefined && !fifo.contentBasedDeduplication) {
    throw invalidParameter(
      'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    )
  }
  return id
}

const notForThisKind = (parameter: string, value: string | number): SqsError =>
  invalidValue(parameter, value, 'The request include parameter that is not valid for this queue type.')
