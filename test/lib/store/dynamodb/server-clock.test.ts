import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createClient } from '../../../../lib/client.ts'
import { createEngine } from '../../../../lib/engine.ts'
import { browse } from '../../../../lib/messages/browse.ts'
import { publish } from '../../../../lib/publish/publish.ts'
import { createQueue } from '../../../../lib/queues/create-queue.ts'
import { poll } from '../../../../lib/receive/poll.ts'
import { ack } from '../../../../lib/settle/ack.ts'
import { withClockCheck } from '../../../../lib/store/clock-check.ts'
import { dynamodbStore } from '../../../../lib/store/dynamodb/dynamodb-store.ts'
import { serverClock } from '../../../../lib/store/dynamodb/server-clock.ts'
import { memoryStore } from '../../../../lib/store/keyed/memory-store.ts'
import { embeddedTable, noEmbedded } from '../../../support/embedded.ts'
import { testEngine } from '../../../support/test-engine.ts'

/** A clock fed by answers that the test makes up, on local clocks that the test moves. */
const rig = () => {
  const local = { wall: 1_000_000_000_000, monotonic: 5_000 }
  let answer = async (): Promise<{ response: { headers: Record<string, string> } }> => ({ response: { headers: {} } })
  const requestHandler = { handle: () => answer() }
  const client = { config: { requestHandler } } as unknown as DynamoDBClient
  const clock = serverClock(client, { wall: () => local.wall, monotonic: () => local.monotonic })
  const pass = (ms: number): void => {
    local.wall += ms
    local.monotonic += ms
  }
  /** An answer with this date, `ms` after its request; the clocks go on meanwhile. */
  const hear = async (date: string | undefined, ms: number): Promise<void> => {
    answer = async () => {
      pass(ms)
      return { response: { headers: date === undefined ? {} : { date } } }
    }
    await requestHandler.handle()
  }
  const fail = (error: Error): Promise<unknown> => {
    answer = () => Promise.reject(error)
    return requestHandler.handle()
  }
  return { clock, local, pass, hear, fail }
}

const at = (instant: string): number => Date.parse(instant)
const HEARD = 'Sun, 01 Mar 2026 12:00:00 GMT'

describe('the clock that asks DynamoDB', () => {
  test("uses the machine's time, without bounds, until the first response", () => {
    const { clock, local } = rig()
    expect(clock.uncertaintyMs()).toBe(Number.POSITIVE_INFINITY)
    expect(clock.now()).toBe(local.wall)
  })

  test('takes the time of an answer, as exact as its second and its journey allow', async () => {
    const { clock, hear, pass } = rig()
    await hear(HEARD, 40)
    expect(clock.uncertaintyMs()).toBe(520)
    // Between the start of the second, had it just left, and its end, had it been asked for then.
    expect(clock.now()).toBe(at(HEARD) + 520)
    pass(3_000)
    expect(clock.now()).toBe(at(HEARD) + 3_520)
  })

  test('grows surer where answers fall on both sides of a second, and less sure as time goes by', async () => {
    const { clock, hear, pass } = rig()
    await hear(HEARD, 0)
    pass(900)
    await hear('Sun, 01 Mar 2026 12:00:01 GMT', 0)
    expect(clock.uncertaintyMs()).toBeCloseTo(450, 0)
    pass(1_000_000)
    expect(clock.uncertaintyMs()).toBeCloseTo(650, 0)
  })

  test('believes the latest answer where they contradict each other', async () => {
    const { clock, hear } = rig()
    await hear(HEARD, 0)
    await hear('Sun, 01 Mar 2026 13:00:00 GMT', 0)
    expect(clock.now()).toBe(at('2026-03-01T13:00:00.500Z'))
  })

  test('forgets what it knew when the machine was asleep or its clock was set', async () => {
    const { clock, hear, local } = rig()
    await hear(HEARD, 0)
    local.wall += 600_000
    expect(clock.uncertaintyMs()).toBe(Number.POSITIVE_INFINITY)
    await hear(HEARD, 0)
    expect(clock.uncertaintyMs()).toBe(500)
  })

  test('learns nothing from an answer without a date, nor from none', async () => {
    const { clock, hear, fail } = rig()
    await hear(undefined, 0)
    expect({ untimed: clock.untimed, uncertainty: clock.uncertaintyMs() }).toEqual({
      untimed: true,
      uncertainty: Number.POSITIVE_INFINITY,
    })
    await expect(fail(new Error('no connection'))).rejects.toThrow('no connection')
    await hear(HEARD, 0)
    expect({ untimed: clock.untimed, uncertainty: clock.uncertaintyMs() }).toEqual({ untimed: false, uncertainty: 500 })
  })
})

describe('a store that must be sure of the time', () => {
  const queueWith = async (uncertaintyMs: number, untimed = false) => {
    const engine = testEngine()
    await createQueue(engine, 'orders')
    await publish(engine, 'orders', [{ body: 1 }])
    const time = { known: uncertaintyMs, uncertaintyMs: () => time.known, untimed }
    return { time, poller: createEngine({ ...engine, store: withClockCheck(engine.store, time) }) }
  }

  test('refuses to claim while it may be more than a second off, and claims once it is not', async () => {
    const { time, poller } = await queueWith(1_001)
    await expect(poll(poller, 'orders')).rejects.toMatchObject({ code: 'StoreUnavailable', retryable: true })
    time.known = 1_000
    expect(await poll(poller, 'orders')).toHaveLength(1)
  })

  test('refuses to dead-letter a message by such a clock, though its lease may be its last', async () => {
    const { time, poller } = await queueWith(1_001)
    await createQueue(poller, 'dead')
    await createQueue(poller, 'work', { settings: { deadLetter: { queue: 'dead', maxReceives: 1 } } })
    await publish(poller, 'work', [{ body: 1 }])
    time.known = 1_000
    expect(await poll(poller, 'work', { visibilityTimeoutSeconds: 0 })).toHaveLength(1)
    time.known = 1_001
    await poll(poller, 'work').catch(() => {})
    expect((await browse(poller, 'dead', {})).messages).toEqual([])
    time.known = 1_000
    await poll(poller, 'work')
    expect(await poll(poller, 'dead')).toHaveLength(1)
  })

  test('claims by its own clock where there is nothing to compare it with', async () => {
    const { poller } = await queueWith(Number.POSITIVE_INFINITY, true)
    expect(await poll(poller, 'orders')).toHaveLength(1)
  })

  test('is the same store otherwise', () => {
    const store = memoryStore()
    expect(Object.keys(withClockCheck(store, { uncertaintyMs: () => 0, untimed: false }))).toEqual(Object.keys(store))
  })
})

describe.skipIf(noEmbedded())('a client on a laptop whose clock is a minute fast', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test('does not take messages whose leases are live', async () => {
    const table = await embeddedTable()
    const honest = createEngine({ store: dynamodbStore(table) })
    await createQueue(honest, 'orders')
    await publish(honest, 'orders', [{ body: 1 }])
    const [held] = await poll(honest, 'orders')
    const realNow = Date.now.bind(Date)
    vi.spyOn(Date, 'now').mockImplementation(() => realNow() + 60_000)
    const laptop = createClient({ table: table.table, dynamodb: table.client })
    const orders = laptop.queue<number>('orders')
    expect(await orders.poll()).toEqual([])
    const { messageId } = await orders.publish(2)
    // The laptop's estimate of the time may go back by less than a second as it becomes more exact.
    expect((await orders.poll({ waitTimeSeconds: 2 })).map((message) => message.messageId)).toEqual([messageId])
    expect(await ack(honest, 'orders', [held?.receiptHandle ?? ''])).toEqual([{ ok: true }])
    table.close()
  })
})
