import type { DynamoDBStreamEvent, SNSEvent } from 'aws-lambda'
import type { SegmentKey } from '../../lib/model/segment-key.ts'
import { segmentKeyOf } from '../../lib/store/keys.ts'

/** Sent to `functions/wake.ts` every minute by schedule. */
export interface TickEvent {
  readonly holdfast: 'tick-triggers'
}

/** Has `functions/dispatch.ts` deliver a queue's messages. */
export interface DispatchEvent {
  readonly holdfast: 'dispatch'
  readonly queue: string
}
export const dispatchEvent = (queue: string): DispatchEvent => ({ holdfast: 'dispatch', queue })

/** What `functions/wake.ts` is invoked with: records of the table's stream, the tick, or that records were given up. */
export type WakeEvent = DynamoDBStreamEvent | TickEvent | SNSEvent

export const isTick = (event: WakeEvent): event is TickEvent => 'holdfast' in event

/** Lambda's word that it has given up records of the stream. It names their numbers, and not what was in them. */
export const isLoss = (event: DynamoDBStreamEvent | SNSEvent): event is SNSEvent => {
  const [first] = event.Records ?? []
  return first !== undefined && 'EventSource' in first && first.EventSource === 'aws:sns'
}

/** The segments that the stream says were published. Records of anything else, or of another shape, are none. */
export const publishedSegments = ({ Records }: DynamoDBStreamEvent): SegmentKey[] =>
  (Records ?? []).flatMap(({ eventName, dynamodb }) => {
    const partition = dynamodb?.Keys?.pk?.S
    const sort = dynamodb?.Keys?.sk?.S
    if (eventName !== 'INSERT' || partition === undefined || sort === undefined) return []
    return segmentKeyOf({ partition, sort }) ?? []
  })
