import { expect, test } from 'vitest'
import { DEFAULT_SCOPE, queueNames } from '../../../functions/sqs/queue-url.ts'
import { eventBytesIn } from '../../../functions/triggers/dispatcher-memory.ts'
import { eventInvoker, type FunctionOutcome, MAX_EVENT_BYTES } from '../../../functions/triggers/event-invoker.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { setTrigger } from '../../../lib/triggers/trigger.ts'
import { settled } from '../../support/manual-clock.ts'
import { testEngine } from '../../support/test-engine.ts'

const MEGABYTE = 1_000_000

test('events under way stay within the memory for them, and all are delivered', async () => {
  const engine = testEngine()
  await createQueue(engine, 'orders', {})
  await setTrigger(engine, { queue: 'orders', functionName: 'handler', functionTimeoutSeconds: 600, batchSize: 2 })
  for (let n = 0; n < 12; n++) await publish(engine, 'orders', [{ body: `${n}${'x'.repeat(MEGABYTE)}` }])
  const underWay: { bytes: number; answer: () => void }[] = []
  let most = 0
  let delivered = 0
  const run = (_: unknown, event: Buffer) =>
    new Promise<FunctionOutcome>((resolve) => {
      delivered += (JSON.parse(event.toString()) as { Records: unknown[] }).Records.length
      const answer = () => resolve({ kind: 'answered', payload: 'null' })
      underWay.push({ bytes: event.byteLength, answer })
      most = Math.max(
        most,
        underWay.reduce((sum, { bytes }) => sum + bytes, 0),
      )
    })
  const maxBytes = MAX_EVENT_BYTES + 3 * MEGABYTE
  const invoker = eventInvoker(engine, queueNames(DEFAULT_SCOPE), run, { maxBytes })
  const endsAt = engine.clock.now() + 900_000
  const running = dispatch(engine, { queue: 'orders', invoker, endsAt, startRun: async () => {} })
  await engine.clock.advance(5_000)
  // Of 2 MB each: a third may begin while two are under way, if it were as large as may be, and then no more.
  expect(underWay).toHaveLength(2)
  for (let answers = 0; answers < 6; answers++) {
    underWay.shift()?.answer()
    await settled()
    await engine.clock.advance(10_000)
  }
  await engine.clock.advance(10_000)
  expect(await running).toBe('idle')
  expect(delivered).toBe(12)
  expect(most).toBeLessThanOrEqual(maxBytes)
  expect(await counts(engine, 'orders')).toMatchObject({ ready: 0, leased: 0 })
})

test('the smallest function has room for one event at a time, and the default for five of the largest size', () => {
  expect(eventBytesIn(128)).toBe(0)
  expect(Math.floor(eventBytesIn(256) / MAX_EVENT_BYTES)).toBe(5)
  expect(Math.floor(eventBytesIn(512) / MAX_EVENT_BYTES)).toBe(33)
})
