import type { DynamoDBStreamEvent } from 'aws-lambda'
import { expect, test } from 'vitest'
import { isLoss, isTick, publishedSegments } from '../../../functions/triggers/trigger-events.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { setTrigger } from '../../../lib/triggers/trigger.ts'
import { wake } from '../../../lib/triggers/wake.ts'
import fc from '../../support/properties.ts'
import { testEngine } from '../../support/test-engine.ts'

const recordOf = (pk: unknown, sk: unknown, eventName: unknown = 'INSERT') => ({
  eventName,
  dynamodb: { Keys: { pk: { S: pk }, sk: { S: sk } } },
})
const GOOD = recordOf('s#orders#x#0', `0${'0'.repeat(12)}${'0'.repeat(14)}`)
const eventOf = (Records: unknown): DynamoDBStreamEvent => ({ Records }) as DynamoDBStreamEvent

/** What may stand where a part of a record is expected. */
const odd = fc.oneof(
  fc.anything(),
  fc.string(),
  fc.constantFrom('INSERT', 's#orders#x#0', 's#orders#x#g', 's###', null),
)
const oddRecord = fc.oneof(
  odd,
  fc.record({ eventName: odd, dynamodb: odd }),
  fc.record({ eventName: fc.constant('INSERT'), dynamodb: fc.record({ Keys: odd }) }),
  fc.record({
    eventName: fc.constant('INSERT'),
    dynamodb: fc.record({ Keys: fc.record({ pk: fc.oneof(odd, fc.record({ S: odd })), sk: fc.record({ S: odd }) }) }),
  }),
)

test('records of any shape are passed over, and those beside them are not', async () => {
  const property = fc.asyncProperty(fc.array(oddRecord, { maxLength: 5 }), async (records) => {
    const engine = testEngine()
    await createQueue(engine, 'orders', {})
    await setTrigger(engine, { queue: 'orders', functionName: 'handler', functionTimeoutSeconds: 10 })
    const invoker = { invoke: () => Promise.reject(), fitting: async () => 0, records: async () => [] }
    await dispatch(engine, { queue: 'orders', invoker, endsAt: engine.clock.now(), startRun: async () => {} })
    const started: string[] = []
    const event = eventOf([...records, GOOD])
    expect(isLoss(eventOf(records))).toBe(false)
    await wake(engine, publishedSegments(event), { startRun: async (queue) => void started.push(queue) })
    expect(started).toEqual(['orders'])
  })
  await fc.assert(property, { numRuns: 500 })
})

test.each([null, 'holdfast', 1, []])('an event that is %j has no records, and is no tick', (event) => {
  const given = event as unknown as DynamoDBStreamEvent
  expect([isTick(given), isLoss(given), publishedSegments(given)]).toEqual([false, false, []])
})

test.each([undefined, null, 'x', 1, {}, [], [null], [1], ['x']])('records that are %j are none', (records) => {
  expect(publishedSegments(eventOf(records))).toEqual([])
  expect(isLoss(eventOf(records))).toBe(false)
})
