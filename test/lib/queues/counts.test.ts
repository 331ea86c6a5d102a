import { describe, expect, test } from 'vitest'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { manualClock, START } from '../../support/manual-clock.ts'
import { engineWithQueue } from '../../support/test-engine.ts'

test('counts of ready, delayed and leased messages are exact', async () => {
  const engine = await engineWithQueue({ shards: 2, priorities: 3 })
  expect(await counts(engine, 'orders')).toEqual({ ready: 0, delayed: 0, leased: 0, exact: true })
  const body = ''
  await publish(
    engine,
    'orders',
    [1, 2, 3, 4, 5].map(() => ({ body, priority: 2 })),
  )
  const held = await poll(engine, 'orders', { maxMessages: 3, visibilityTimeoutSeconds: 20 })
  await nack(engine, 'orders', [{ receiptHandle: held[0]?.receiptHandle as string, delaySeconds: 10 }])
  await engine.clock.advance(100)
  await publish(engine, 'orders', [{ body }, { body, delaySeconds: 15 }, { body, priority: 1, delaySeconds: 15 }])
  expect(await counts(engine, 'orders')).toEqual({ ready: 3, delayed: 3, leased: 2, oldestReadyAt: START, exact: true })
  await engine.clock.advance(9_900)
  expect(await counts(engine, 'orders')).toEqual({ ready: 4, delayed: 2, leased: 2, oldestReadyAt: START, exact: true })
  await engine.clock.advance(20_000)
  expect(await counts(engine, 'orders')).toEqual({ ready: 8, delayed: 0, leased: 0, oldestReadyAt: START, exact: true })
})

describe('of a queue with more headers than are read', () => {
  const filled = async (perSecond: number, seconds: number) => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    let headersRead = 0
    const counting = {
      ...store,
      headers: async (range: Parameters<typeof store.headers>[0]) => {
        const page = await store.headers(range)
        headersRead += page.segments.length
        return page
      },
    }
    const engine = await engineWithQueue({}, { clock, store: counting })
    for (let at = 0; at < seconds * perSecond; at++) {
      await publish(engine, 'orders', [{ body: '' }, { body: '' }])
      await clock.advance(1_000 / perSecond)
    }
    return { engine, headersRead: () => headersRead }
  }

  test('are estimated at a bounded cost, and are marked as estimates', async () => {
    const { engine, headersRead } = await filled(50, 400)
    const { ready, exact, oldestReadyAt, ...rest } = await counts(engine, 'orders')
    expect({ exact, oldestReadyAt, ...rest }).toEqual({ exact: false, oldestReadyAt: START, delayed: 0, leased: 0 })
    expect(ready / 40_000).toBeGreaterThan(0.9)
    expect(ready / 40_000).toBeLessThan(1.1)
    expect(headersRead()).toBeLessThan(10_500)
  })
})
