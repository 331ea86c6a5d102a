import { jsonCodec } from './codecs/json.ts'
import type { SchemaIssue, StandardSchema } from './codecs/schema.ts'
import { issuesText, validate } from './codecs/schema.ts'
import type { TextCodec } from './codecs/text-codec.ts'
import { bytesOfBase64 } from './model/base64.ts'
import { HoldfastError } from './model/errors.ts'
import { type FieldNames, knownFields } from './model/known-fields.ts'
import type { MessageAttribute } from './model/message.ts'
import type { Processed, Telemetry } from './telemetry/telemetry.ts'

export { Reject, RetryLater } from './worker/verdicts.ts'

/** A client, or one of its queues, whose messages must be sent before the function is frozen. */
export interface Flushable {
  flush(): Promise<void>
}

/**
 * Wraps a Lambda handler so that all messages it published are stored before it returns. A function is frozen once it has returned,
 * and messages that still wait would be sent minutes later, or never.
 */
export const flushing =
  <Event, Context, Result>(
    client: Flushable,
    handler: (event: Event, context: Context) => Promise<Result>,
  ): ((event: Event, context: Context) => Promise<Result>) =>
  async (event, context) => {
    try {
      return await handler(event, context)
    } finally {
      await client.flush()
    }
  }

export interface RecordAttribute {
  readonly dataType: string
  readonly stringValue?: string | undefined
  /** Base64. */
  readonly binaryValue?: string | undefined
}

/** A record of the event that Lambda makes of SQS messages, and Holdfast of its own. */
export interface QueueRecord {
  readonly messageId: string
  readonly receiptHandle: string
  readonly body: string
  readonly attributes: Readonly<Record<string, string | undefined>>
  readonly messageAttributes: Readonly<Record<string, RecordAttribute>>
  readonly eventSourceARN: string
}

export interface QueueEvent {
  readonly Records: readonly QueueRecord[]
}

export interface BatchResponse {
  readonly batchItemFailures: { readonly itemIdentifier: string }[]
}

export interface RecordContext<Context> {
  readonly record: QueueRecord
  /** The invocation's own. */
  readonly lambda: Context
}

export interface EventHandlerOptions<In, Out> {
  readonly schema?: StandardSchema<In, Out>
  /** @default JSON */
  readonly codec?: TextCodec<In, Out>
  /** Is called for each record that failed. @default console.error */
  readonly onError?: (error: unknown, record: QueueRecord) => void
  /** Traces and measures the work on each record, as that of a worker: `openTelemetry()` of `holdfast/opentelemetry`. */
  readonly telemetry?: Telemetry
}

const HANDLER_FIELDS: FieldNames<EventHandlerOptions<never, never>> = {
  schema: true,
  codec: true,
  onError: true,
  telemetry: true,
}

/**
 * A handler of queue events that decodes and validates each body, works on the records concurrently, and returns which of them failed,
 * so that only those are received again (`ReportBatchItemFailures`). On a FIFO queue the records of a group follow each other, and from
 * the first one that failed on all of them are received again.
 */
export const queueHandler = <Out, Context = unknown, In = Out>(
  work: (body: Out, context: RecordContext<Context>) => unknown,
  options: EventHandlerOptions<In, Out> = {},
): ((event: QueueEvent, lambda: Context) => Promise<BatchResponse>) => {
  const {
    schema,
    codec = jsonCodec() as TextCodec<In, Out>,
    onError = reportFailure,
  } = knownFields(options, HANDLER_FIELDS)
  return async ({ Records }, lambda) => {
    const failed: string[] = []
    const runOne = async (record: QueueRecord): Promise<boolean> => {
      try {
        const body = await bodyOf(record, codec, schema)
        await traced(record, options.telemetry, () => work(body, { record, lambda }))
        return true
      } catch (error) {
        failed.push(record.messageId)
        onError(error, record)
        return false
      }
    }
    const runGroup = async (records: readonly QueueRecord[]): Promise<void> => {
      for (const [position, record] of records.entries()) {
        if (await runOne(record)) continue
        failed.push(...records.slice(position + 1).map(({ messageId }) => messageId))
        return
      }
    }
    await Promise.all(groupsOf(Records).map(runGroup))
    return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) }
  }
}

/** Works on a record, within a span if there is telemetry. */
const traced = (record: QueueRecord, telemetry: Telemetry | undefined, work: () => unknown): unknown => {
  const { eventSourceARN } = record
  const queue = eventSourceARN.slice(eventSourceARN.lastIndexOf(':') + 1)
  return telemetry ? telemetry.queue(queue, undefined).process([processed(record)], false, work) : work()
}

/** The message of a record, with what its span needs. */
const processed = ({ messageId, attributes, messageAttributes }: QueueRecord): Processed => ({
  messageId,
  receiveCount: Number(attributes.ApproximateReceiveCount ?? 1),
  ...(attributes.MessageGroupId !== undefined && { groupId: attributes.MessageGroupId }),
  attributes: Object.fromEntries(
    Object.entries(messageAttributes).map(
      ([name, { dataType, stringValue, binaryValue = '' }]): [string, MessageAttribute] => [
        name,
        { dataType, value: stringValue ?? bytesOfBase64(binaryValue) },
      ],
    ),
  ),
})

/** Records that must follow each other: those of one group of a FIFO queue. Each other record is alone. */
const groupsOf = (records: readonly QueueRecord[]): QueueRecord[][] => {
  const groups = new Map<string, QueueRecord[]>()
  for (const [position, record] of records.entries()) {
    const ordered = record.eventSourceARN.endsWith('.fifo')
    const key = ordered ? `group ${record.attributes.MessageGroupId}` : `record ${position}`
    groups.set(key, [...(groups.get(key) ?? []), record])
  }
  return [...groups.values()]
}

const bodyOf = async <In, Out>(
  { body }: QueueRecord,
  codec: TextCodec<In, Out>,
  schema: StandardSchema<In, Out> | undefined,
): Promise<Out> => {
  const decoded = codec.decodeText(body)
  if (!schema) return decoded
  const result = await validate(schema as unknown as StandardSchema<unknown, Out>, decoded)
  if (result.issues) throw invalidBody(result.issues)
  return result.value
}

const invalidBody = (issues: readonly SchemaIssue[]): HoldfastError =>
  new HoldfastError('InvalidRequest', `the body does not fit the schema: ${issuesText(issues)}`, { field: 'body' })

const reportFailure = (error: unknown, { messageId }: QueueRecord): void =>
  console.error(`message ${messageId} failed`, error)
