import { describe, expect, test } from 'vitest'
import type { Message } from '../../../lib/model/message.ts'
import { DEFAULT_FIFO, type SettingsChange } from '../../../lib/model/queue-settings.ts'
import type { Change } from '../../../lib/model/segment-change.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { type ExtendOptions, extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

interface Rig {
  readonly engine: TestEngine
  /** Every write of a segment so far, as the database received it. */
  readonly writes: Change[][]
  /** The database receives a write again: the first sending of a request that was sent twice. */
  arriveAgain(write: Change[]): Promise<void>
  /** A lone received message, leased for ten seconds. */
  readonly message: Message
  extended(seconds: number, options?: ExtendOptions): Promise<boolean>
  /** After how many seconds from now, in steps of half a second, the message is received again; at most 60. */
  receivedAfter(): Promise<number>
}

const rig = async (name: string, settings: SettingsChange, groupId?: string): Promise<Rig> => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const writes: Change[][] = []
  const store: Store = {
    ...inner,
    change: (changes) => {
      writes.push([...changes])
      return inner.change(changes)
    },
  }
  const engine = testEngine({ clock, store })
  await createQueue(engine, name, { settings })
  await publish(engine, name, [{ body: 1, ...(groupId !== undefined && { groupId, deduplicationId: '1' }) }])
  const [message] = (await poll(engine, name, { visibilityTimeoutSeconds: 10 })) as [Message]
  const { receiptHandle } = message
  return {
    engine,
    writes,
    message,
    arriveAgain: async (write) => void (await inner.change(write)),
    extended: async (visibilityTimeoutSeconds, options) =>
      (await extend(engine, name, [{ receiptHandle, visibilityTimeoutSeconds }], options))[0]?.ok ?? false,
    receivedAfter: async () => {
      // A process that knows nothing of the message.
      const other = testEngine({ clock, store: inner, seed: 5 })
      for (let waitedMs = 0; waitedMs <= 60_000; waitedMs += 500) {
        if ((await poll(other, name)).length > 0) return waitedMs / 1_000
        await clock.advance(500)
      }
      return Number.POSITIVE_INFINITY
    },
  }
}

const QUEUES: [string, string, SettingsChange, string?][] = [
  ['a standard queue', 'orders', {}],
  ['a FIFO group', 'orders.fifo', { fifo: DEFAULT_FIFO }, 'g'],
  ['a fair group', 'orders', {}, 'g'],
  ['a group with a limit', 'orders', { maxInFlightPerGroup: 1 }, 'g'],
]
const KINDS: [string, ExtendOptions][] = [
  ['an extension', {}],
  ['an extension as of SQS', { revive: true }],
]

describe.each(QUEUES)('in %s', (_, name, settings, groupId) => {
  test.each(KINDS)('%s that arrives again after a later one leaves the later end as it is', async (_, options) => {
    const { engine, writes, arriveAgain, extended, receivedAfter } = await rig(name, settings, groupId)
    await engine.clock.advance(5_000)
    expect(await extended(10, options)).toBe(true)
    const first = writes.at(-1) as Change[]
    await engine.clock.advance(5_000)
    expect(await extended(10, options)).toBe(true)
    await arriveAgain(first)
    expect(await receivedAfter()).toBe(10)
  })

  test.each(KINDS)(
    '%s to sooner than the lease ends moves its end to sooner, by a second write',
    async (_, options) => {
      const { writes, extended, receivedAfter } = await rig(name, settings, groupId)
      expect(await extended(30, options)).toBe(true)
      writes.length = 0
      expect(await extended(4, options)).toBe(true)
      expect(writes).toHaveLength(2)
      expect(await receivedAfter()).toBe(4)
    },
  )

  test.each(KINDS)('%s to sooner that arrives again after a later extension changes nothing', async (_, options) => {
    const { engine, writes, arriveAgain, extended, receivedAfter } = await rig(name, settings, groupId)
    expect(await extended(4, options)).toBe(true)
    const both = [...writes]
    await engine.clock.advance(2_000)
    expect(await extended(20, options)).toBe(true)
    for (const write of both) await arriveAgain(write)
    expect(await receivedAfter()).toBe(20)
  })

  test('an extension whose answer was lost is found to be done, with one write', async () => {
    const { engine, writes, arriveAgain, extended, receivedAfter } = await rig(name, settings, groupId)
    expect(await extended(20)).toBe(true)
    await engine.clock.advance(3_000)
    await arriveAgain(writes.at(-1) as Change[])
    expect(writes).toHaveLength(1)
    expect(await receivedAfter()).toBe(17)
  })

  test('an extension to nothing ends the lease with one write', async () => {
    const { writes, extended, receivedAfter } = await rig(name, settings, groupId)
    expect(await extended(0)).toBe(true)
    expect(writes).toHaveLength(1)
    expect(await receivedAfter()).toBe(0)
  })
})

/** A process whose next write of a segment is held up until `meanwhile` is done. */
const heldUp = ({ engine }: Rig, meanwhile: () => Promise<unknown>): TestEngine => {
  let isFirst = true
  const change: Store['change'] = async (changes) => {
    if (isFirst) {
      isFirst = false
      await meanwhile()
    }
    return engine.store.change(changes)
  }
  return testEngine({ clock: engine.clock, store: { ...engine.store, change }, seed: 7 })
}

test('of two heartbeats of one length the one whose request is held up longer does not take the later end for one to shorten', async () => {
  const one = await rig('orders', {})
  const { engine, message, extended, receivedAfter } = one
  // The worker gives up its first request, of which the server then still works, and makes another two seconds later.
  const slow = heldUp(one, async () => {
    await engine.clock.advance(2_000)
    expect(await extended(10)).toBe(true)
    await engine.clock.advance(1_000)
  })
  const entry = { receiptHandle: message.receiptHandle, visibilityTimeoutSeconds: 10 }
  expect(await extend(slow, 'orders', [entry])).toEqual([{ ok: true }])
  expect(await receivedAfter()).toBe(10)
})

test('a lease that ends while its extension is held up, and is short of being extended, is lost', async () => {
  const one = await rig('orders.fifo', { fifo: DEFAULT_FIFO }, 'g')
  const { engine, message, extended } = one
  const slow = heldUp(one, async () => {
    expect(await extended(30)).toBe(true)
    await engine.clock.advance(31_000)
  })
  const entry = { receiptHandle: message.receiptHandle, visibilityTimeoutSeconds: 10 }
  expect(await extend(slow, 'orders.fifo', [entry])).toMatchObject([{ ok: false, error: { code: 'LeaseLost' } }])
})

test('an extension that arrives again after its message was given back leaves it given back', async () => {
  const { engine, writes, arriveAgain, message, extended, receivedAfter } = await rig('orders', {})
  expect(await extended(30)).toBe(true)
  const first = writes.at(-1) as Change[]
  await nack(engine, 'orders', [{ receiptHandle: message.receiptHandle, delaySeconds: 3 }])
  await arriveAgain(first)
  expect(await receivedAfter()).toBe(3)
})

test('messages of one segment get their ends in one write, and a second one for those to end sooner', async () => {
  const { engine, writes } = await rig('other', {})
  await createQueue(engine, 'orders', { settings: {} })
  await publish(engine, 'orders', [{ body: 'sooner' }, { body: 'later' }])
  const messages = await poll(engine, 'orders', { maxMessages: 2, visibilityTimeoutSeconds: 10 })
  const entries = messages.map(({ receiptHandle, body }) => ({
    receiptHandle,
    visibilityTimeoutSeconds: body === 'sooner' ? 2 : 30,
  }))
  writes.length = 0
  expect(await extend(engine, 'orders', entries)).toEqual([{ ok: true }, { ok: true }])
  expect(writes).toHaveLength(2)
  await engine.clock.advance(2_000)
  expect(await poll(engine, 'orders', { maxMessages: 2 })).toMatchObject([{ body: 'sooner' }])
})
