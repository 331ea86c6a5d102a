import { describe, expect, test } from 'vitest'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { FIFO, fifoEngine } from '../../support/fifo-engine.ts'
import { START, settled } from '../../support/manual-clock.ts'
import { engineWithQueue, type TestEngine } from '../../support/test-engine.ts'

const GROUP = { groupId: 'g' }
const QUEUES: readonly [string, string, object, () => Promise<TestEngine>][] = [
  ['a standard queue', 'orders', {}, () => engineWithQueue()],
  ['a queue with fair groups', 'orders', GROUP, () => engineWithQueue()],
  ['a FIFO queue', FIFO, GROUP, () => fifoEngine({ fifo: { contentBasedDeduplication: true } })],
  ['a queue that limits its groups', 'orders', GROUP, () => engineWithQueue({ maxInFlightPerGroup: 3 })],
]
/** Longer than any process knows a queue as it was, and about as long as a poll waits for its bytes. */
const LONG_MS = 7_000

describe.each(QUEUES)('in %s', (_, queue, group, make) => {
  test.each([900, LONG_MS])('a wait of %i ms for the budget takes nothing of the leases', async (waitMs) => {
    const engine = await make()
    await publish(engine, queue, [{ body: 'a', ...group }])
    const acquired: number[] = []
    const acquire = async (messages: number) => {
      if (acquired.push(messages) === 1) await engine.clock.advance(waitMs)
    }
    const own = { ...engine, answerBudget: { acquire, release: () => {} } }
    const options = { maxMessages: 7, visibilityTimeoutSeconds: 10 }
    expect(await poll(own, queue, options)).toMatchObject([{ leasedUntil: START + waitMs + 10_000 }])
    expect(new Set(acquired)).toEqual(new Set([7]))
  })

  test('a poll that waited for the budget receives nothing of a queue that was paused or purged meanwhile', async () => {
    for (const end of [
      (engine: TestEngine) => updateQueue(engine, queue, { settings: { paused: true } }),
      (engine: TestEngine) => purgeQueue(engine, queue),
    ]) {
      const engine = await make()
      await publish(engine, queue, [{ body: 'a', ...group }])
      let waits = 1
      const acquire = async () => {
        if (waits-- <= 0) return
        await end(engine)
        await engine.clock.advance(LONG_MS)
      }
      expect(await poll({ ...engine, answerBudget: { acquire, release: () => {} } }, queue)).toEqual([])
    }
  })

  test('a poll that gets no bytes in time leases nothing', async () => {
    const engine = await make()
    await publish(engine, queue, [{ body: 'a', ...group }])
    const acquire = () => Promise.reject(new HoldfastError('Throttled', 'over budget'))
    await expect(poll({ ...engine, answerBudget: { acquire, release: () => {} } }, queue)).rejects.toThrow(
      'over budget',
    )
    expect(await poll(engine, queue)).toMatchObject([{ receiveCount: 1 }])
  })

  test('a poll whose caller goes while it waits for the budget leases nothing', async () => {
    const engine = await make()
    await publish(engine, queue, [{ body: 'a', ...group }])
    const going = new AbortController()
    const acquire = async () => going.abort()
    const own = { ...engine, answerBudget: { acquire, release: () => {} } }
    expect(await poll(own, queue, { signal: going.signal })).toEqual([])
    // A fair group from which a poll got nothing rests for a second.
    await engine.clock.advance(1_000)
    expect(await poll(engine, queue)).toMatchObject([{ receiveCount: 1 }])
  })
})

test('a long poll holds no bytes while it waits for messages', async () => {
  const engine = await engineWithQueue()
  let inside = 0
  const answerBudget = {
    acquire: async () => {
      inside = 1
    },
    release: () => {
      inside = 0
    },
  }
  // It holds bytes from before: another poll of this process has taken the message that this one acquired them for.
  await answerBudget.acquire()
  const polling = poll({ ...engine, answerBudget }, 'orders', { waitTimeSeconds: 20 })
  await settled()
  expect(inside).toBe(0)
  await publish(engine, 'orders', [{ body: 'a' }])
  expect(await polling).toHaveLength(1)
  expect(inside).toBe(1)
})
