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
/** Longer than any process knows a queue as it was, and about as long as a poll waits for room. */
const LONG_MS = 7_000

describe.each(QUEUES)('in %s', (_, queue, group, make) => {
  test.each([900, LONG_MS])('a wait of %i ms for room takes nothing of the leases', async (waitMs) => {
    const engine = await make()
    await publish(engine, queue, [{ body: 'a', ...group }])
    const entered: number[] = []
    const enter = async (messages: number) => {
      if (entered.push(messages) === 1) await engine.clock.advance(waitMs)
    }
    const own = { ...engine, delivery: { enter, leave: () => {} } }
    const options = { maxMessages: 7, visibilityTimeoutSeconds: 10 }
    expect(await poll(own, queue, options)).toMatchObject([{ leasedUntil: START + waitMs + 10_000 }])
    expect(new Set(entered)).toEqual(new Set([7]))
  })

  test('a poll that waited for room receives nothing of a queue that was paused or purged meanwhile', async () => {
    for (const end of [
      (engine: TestEngine) => updateQueue(engine, queue, { settings: { paused: true } }),
      (engine: TestEngine) => purgeQueue(engine, queue),
    ]) {
      const engine = await make()
      await publish(engine, queue, [{ body: 'a', ...group }])
      let waits = 1
      const enter = async () => {
        if (waits-- <= 0) return
        await end(engine)
        await engine.clock.advance(LONG_MS)
      }
      expect(await poll({ ...engine, delivery: { enter, leave: () => {} } }, queue)).toEqual([])
    }
  })

  test('a poll that finds no room leases nothing', async () => {
    const engine = await make()
    await publish(engine, queue, [{ body: 'a', ...group }])
    const enter = () => Promise.reject(new HoldfastError('Throttled', 'no room'))
    await expect(poll({ ...engine, delivery: { enter, leave: () => {} } }, queue)).rejects.toThrow('no room')
    expect(await poll(engine, queue)).toMatchObject([{ receiveCount: 1 }])
  })

  test('a poll whose caller goes while it waits for room leases nothing', async () => {
    const engine = await make()
    await publish(engine, queue, [{ body: 'a', ...group }])
    const going = new AbortController()
    const enter = async () => going.abort()
    const own = { ...engine, delivery: { enter, leave: () => {} } }
    expect(await poll(own, queue, { signal: going.signal })).toEqual([])
    // A fair group from which a poll got nothing rests for a second.
    await engine.clock.advance(1_000)
    expect(await poll(engine, queue)).toMatchObject([{ receiveCount: 1 }])
  })
})

test('a long poll holds no room while it waits for messages', async () => {
  const engine = await engineWithQueue()
  let inside = 0
  const delivery = {
    enter: async () => {
      inside = 1
    },
    leave: () => {
      inside = 0
    },
  }
  // It holds room from before: another poll of this process has taken the message that this one entered for.
  await delivery.enter()
  const polling = poll({ ...engine, delivery }, 'orders', { waitTimeSeconds: 20 })
  await settled()
  expect(inside).toBe(0)
  await publish(engine, 'orders', [{ body: 'a' }])
  expect(await polling).toHaveLength(1)
  expect(inside).toBe(1)
})
