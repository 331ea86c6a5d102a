import { base64 } from '../../lib/model/base64.ts'
import { bodyText, type Message, type MessageAttribute } from '../../lib/model/message.ts'
import { md5, md5OfAttributes } from '../sqs/md5.ts'
import { queueArn } from '../sqs/queue-url.ts'
import { ALL_SYSTEM_ATTRIBUTES, type ReceivedFrom, systemAttributes } from '../sqs/system-attributes.ts'

/**
 * A message in the event with which Lambda invokes a function for messages of an SQS queue.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event
 */
export interface SqsRecord {
  readonly messageId: string
  readonly receiptHandle: string
  readonly body: string
  readonly attributes: Readonly<Record<string, string>>
  readonly messageAttributes: Readonly<Record<string, SqsRecordAttribute>>
  readonly md5OfBody: string
  /** Only with message attributes. */
  readonly md5OfMessageAttributes?: string
  readonly eventSource: 'aws:sqs'
  readonly eventSourceARN: string
  readonly awsRegion: string
}

interface SqsRecordAttribute {
  readonly stringValue?: string
  /** Base64. */
  readonly binaryValue?: string
  readonly stringListValues: readonly string[]
  readonly binaryListValues: readonly string[]
  readonly dataType: string
}

export const sqsRecord = (message: Message, from: ReceivedFrom): SqsRecord => {
  const body = bodyText(message.body)
  const digest = md5OfAttributes(message.attributes)
  return {
    messageId: message.messageId,
    receiptHandle: message.receiptHandle,
    body,
    attributes: systemAttributes(message, from, ALL_SYSTEM_ATTRIBUTES),
    messageAttributes: Object.fromEntries(
      Object.entries(message.attributes).map(([name, attribute]) => [name, recordAttribute(attribute)]),
    ),
    md5OfBody: md5(body),
    ...(digest !== undefined && { md5OfMessageAttributes: digest }),
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn(from.address),
    awsRegion: from.address.region,
  }
}

const recordAttribute = ({ dataType, value }: MessageAttribute): SqsRecordAttribute => ({
  ...(typeof value === 'string' ? { stringValue: value } : { binaryValue: base64(value) }),
  stringListValues: [],
  binaryListValues: [],
  dataType,
})
