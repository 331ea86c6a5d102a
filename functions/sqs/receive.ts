import { base64 } from '../../lib/model/base64.ts'
import { countThatFits } from '../../lib/model/count-that-fits.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import { bodyText, type Message, messageBytes } from '../../lib/model/message.ts'
import type { QueueState } from '../../lib/model/queue-record.ts'
import { poll } from '../../lib/receive/poll.ts'
import { unreceive } from '../../lib/settle/unreceive.ts'
import { MAX_ANSWER_BYTES } from '../runtime/answer-size.ts'
import { METRICS } from '../runtime/metric-names.ts'
import { type ActionContext, type Target, targetQueue } from './context.ts'
import { invalidValue, unknownAttribute } from './errors.ts'
import { md5, md5OfAttributes } from './md5.ts'
import { type Attributes, attributeFilter } from './message-attributes.ts'
import type { Input, Output } from './model.ts'
import { isQueueAttribute } from './queue-attribute-names.ts'
import { ALL_SYSTEM_ATTRIBUTES, isSystemAttribute, systemAttributes } from './system-attributes.ts'
import { maxVisibilitySeconds } from './visibility.ts'
import { escapeXml } from './xml.ts'

const MAX_MESSAGES = 10
const MAX_WAIT_SECONDS = LIMITS.waitTimeSeconds
const ATTEMPT_ID = /^[\x21-\x7e]{1,128}$/

export const receiveMessage = async (
  context: ActionContext,
  input: Input<'ReceiveMessage'>,
): Promise<Output<'ReceiveMessage'>> => {
  const found = await targetQueue(context, input.QueueUrl)
  const { MaxNumberOfMessages, VisibilityTimeout, WaitTimeSeconds, ReceiveRequestAttemptId } = input
  checkRanges(found.queue, input)
  const wantedSystem = wantedSystemAttributes(input)
  const messages = await poll(context.engine, found.name, {
    maxMessages: MaxNumberOfMessages ?? 1,
    ...(VisibilityTimeout !== undefined && { visibilityTimeoutSeconds: VisibilityTimeout }),
    ...(WaitTimeSeconds !== undefined && { waitTimeSeconds: WaitTimeSeconds }),
    ...(ReceiveRequestAttemptId !== undefined && { attemptId: ReceiveRequestAttemptId }),
    signal: context.signal,
  })
  context.count(
    found.queue,
    messages.length === 0 ? { [METRICS.emptyPolls]: 1 } : { [METRICS.polled]: messages.length },
  )
  if (messages.length === 0) return {}
  const wanted = input.MessageAttributeNames?.length ? attributeFilter(input.MessageAttributeNames) : undefined
  const received = messages.map((message) => {
    const body = bodyText(message.body)
    const attributes = wanted && filtered(message.attributes, wanted)
    return {
      MessageId: message.messageId,
      ReceiptHandle: message.receiptHandle,
      MD5OfBody: md5(body),
      Body: body,
      Attributes: wantedSystem && present(systemAttributes(message, found, wantedSystem)),
      MD5OfMessageAttributes: attributes && md5OfAttributes(attributes),
      MessageAttributes: attributes && asValues(attributes),
    }
  })
  const bytes = messages.reduce((sum, message) => sum + messageBytes(message), 0)
  const count = bytes < ALWAYS_FITS_BYTES ? messages.length : countOfAnswer(received)
  if (count < messages.length) await giveBack(context, found, messages.slice(count))
  return { Messages: received.slice(0, count) }
}

/** Messages of this size fit even if every byte of them is escaped. */
const ALWAYS_FITS_BYTES = MAX_ANSWER_BYTES / 6

/** How many of the messages fit into one answer, at least one. */
const countOfAnswer = (messages: readonly object[]): number =>
  Math.max(
    1,
    countThatFits(messages, (message) => Buffer.byteLength(escapeXml(JSON.stringify(message))), MAX_ANSWER_BYTES),
  )

/** Makes messages that do not fit into the answer visible again at once, and does not count their receive. */
const giveBack = async ({ engine }: ActionContext, { name }: Target, messages: readonly Message[]): Promise<void> => {
  await unreceive(
    engine,
    name,
    messages.map(({ receiptHandle }) => receiptHandle),
  )
}

const checkRanges = (queue: QueueState, input: Input<'ReceiveMessage'>): void => {
  const { MaxNumberOfMessages: messages = 1, WaitTimeSeconds: wait = 0, VisibilityTimeout: visibility = 0 } = input
  if (messages < 1 || messages > MAX_MESSAGES) {
    throw invalidValue('MaxNumberOfMessages', messages, `Must be between 1 and ${MAX_MESSAGES}, if provided.`)
  }
  if (wait < 0 || wait > MAX_WAIT_SECONDS) {
    throw invalidValue('WaitTimeSeconds', wait, `Must be >= 0 and <= ${MAX_WAIT_SECONDS}, if provided.`)
  }
  const maxVisibility = maxVisibilitySeconds(queue)
  if (visibility < 0 || visibility > maxVisibility) {
    throw invalidValue('VisibilityTimeout', visibility, `Must be >= 0 and <= ${maxVisibility}, if provided.`)
  }
  const attempt = input.ReceiveRequestAttemptId
  if (attempt === undefined) return
  if (!queue.settings.fifo) {
    throw invalidValue(
      'ReceiveRequestAttemptId',
      attempt,
      'The request include parameter that is not valid for this queue type.',
    )
  }
  if (!ATTEMPT_ID.test(attempt)) {
    throw invalidValue(
      'ReceiveRequestAttemptId',
      attempt,
      'ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length.',
    )
  }
}

/** The requested system attributes, under the parameter's old name or its new one; nothing when none are requested. */
const wantedSystemAttributes = (input: Input<'ReceiveMessage'>): readonly string[] | undefined => {
  const { AttributeNames: old = [], MessageSystemAttributeNames: named = [] } = input
  if (old.length + named.length === 0) return undefined
  const requested = new Set([...old, ...named])
  const wanted = [...requested].filter((name) => {
    if (isSystemAttribute(name)) return true
    // The type of the old parameter also lists the names of queue attributes. They have no meaning here.
    if (name === 'All' || isQueueAttribute(name)) return false
    throw unknownAttribute(name)
  })
  return requested.has('All') ? [...new Set([...ALL_SYSTEM_ATTRIBUTES, ...wanted])] : wanted
}

const present = <T extends object>(values: T): T | undefined => (Object.keys(values).length > 0 ? values : undefined)

const filtered = (attributes: Attributes, wanted: (name: string) => boolean): Attributes | undefined => {
  const entries = Object.entries(attributes).filter(([name]) => wanted(name))
  return entries.length > 0 ? Object.fromEntries(entries) : undefined
}

const asValues = (attributes: Attributes) =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, { dataType, value }]) => [
      name,
      typeof value === 'string'
        ? { StringValue: value, DataType: dataType }
        : { BinaryValue: base64(value), DataType: dataType },
    ]),
  )
