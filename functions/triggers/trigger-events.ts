import type { DynamoDBStreamEvent } from 'aws-lambda'
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

export const isTick = (event: DynamoDBStreamEvent | TickEvent): event is TickEvent => 'holdfast' in event

/** The segments that the stream says were published. Records of anything else, or of another shape, are none. */
export const publishedSegments = ({ Records }: DynamoDBStreamEvent): SegmentKey[] =>
  (Records ?? []).flatMap(({ eventName, dynamodb }) => {
    const partition = dynamodb?.Keys?.pk?.S
    const sort = dynamodb?.Keys?.sk?.S
    if (eventName !== 'INSERT' || partition === undefined || sort === undefined) return []
    return segmentKeyOf({ partition, sort }) ?? []
  })
