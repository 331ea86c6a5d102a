import type { DynamoDBRecord, DynamoDBStreamEvent, SNSEvent } from 'aws-lambda'
import type { SegmentKey } from '../../lib/model/segment-key.ts'
import { segmentKeyOf } from '../../lib/store/keys.ts'
import { isObject } from '../runtime/strict-json.ts'

/** Sent to `functions/wake.ts` every minute by schedule. */
export interface TickEvent {
  readonly holdfast: 'tick-triggers'
}

/** The event of `functions/dispatch.ts`: it delivers a queue's messages. */
export interface DispatchEvent {
  readonly holdfast: 'dispatch'
  readonly queue: string
}
export const dispatchEvent = (queue: string): DispatchEvent => ({ holdfast: 'dispatch', queue })

/** The events of `functions/wake.ts`: records of the table's stream, the tick, or Lambda's notice that it dropped records. */
export type WakeEvent = DynamoDBStreamEvent | TickEvent | SNSEvent

export const isTick = (event: WakeEvent): event is TickEvent => isObject(event) && 'holdfast' in event

/** Whether an event is Lambda's notice that it dropped records of the stream. The notice has their numbers, not their content. */
export const isLoss = (event: DynamoDBStreamEvent | SNSEvent): event is SNSEvent => {
  const [first] = recordsIn(event)
  return isObject(first) && first.EventSource === 'aws:sns'
}

/**
 * The segments whose publish is in the stream's records. Other records, and those of another shape, are ignored: after an
 * error Lambda would deliver the whole batch of records again and again.
 */
export const publishedSegments = (event: DynamoDBStreamEvent): SegmentKey[] =>
  recordsIn(event).flatMap((record) => {
    const { eventName, dynamodb } = isObject(record) ? (record as DynamoDBRecord) : {}
    const partition = dynamodb?.Keys?.pk?.S
    const sort = dynamodb?.Keys?.sk?.S
    if (eventName !== 'INSERT' || typeof partition !== 'string' || typeof sort !== 'string') return []
    return segmentKeyOf({ partition, sort }) ?? []
  })

const recordsIn = (event: DynamoDBStreamEvent | SNSEvent): readonly unknown[] =>
  isObject(event) && Array.isArray(event.Records) ? event.Records : []
