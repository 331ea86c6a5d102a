import { describe, expect, test } from 'vitest'
import { HoldfastError } from '../../../lib/model/errors.ts'
import type { Message } from '../../../lib/model/message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { KEY_KINDS } from '../../../lib/store/keys.ts'
import type { DocumentKey, HeaderRange, Store, Write } from '../../../lib/store/port.ts'
import { localVisibility } from '../../../lib/visibility/visibility.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { anotherProcess, engineWithQueue, type TestEngine } from '../../support/test-engine.ts'

interface Counted {
  headers: number
  snapshots: number
  earlyReleases: number
}

const isEarlyRelease = ({ partition }: DocumentKey): boolean =>
  partition.startsWith(`${KEY_KINDS.earlyRelease.letter}#`)
/** What processes share of what is in flight. */
const isShared = (key: DocumentKey): boolean =>
  isEarlyRelease(key) || key.partition.startsWith(`${KEY_KINDS.snapshot.letter}#`)

/** A store in memory that counts what is read of the queue's front, and written about it. */
const counting = () => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const counted: Counted = { headers: 0, snapshots: 0, earlyReleases: 0 }
  const store: Store = {
    ...inner,
    headers: async (range: HeaderRange) => {
      const page = await inner.headers(range)
      counted.headers += page.segments.length
      return page
    },
    transact: (writes: readonly Write[]) => {
      for (const write of writes) {
        if (write.kind !== 'put' || !isShared(write.key)) continue
        if (isEarlyRelease(write.key)) counted.earlyReleases++
        else counted.snapshots++
      }
      return inner.transact(writes)
    },
  }
  return { clock, store, counted }
}

const MINUTES = { visibilityTimeoutSeconds: 600 }
const SETTLED_MS = 3_000

/** Leases `count` messages, each a segment of its own, and lets them be in flight for a while. */
const leaseMany = async (engine: TestEngine, count: number): Promise<Message[]> => {
  for (let at = 0; at < count; at++) await publish(engine, 'orders', [{ body: at }])
  await engine.clock.advance(SETTLED_MS)
  const messages: Message[] = []
  while (messages.length < count) messages.push(...(await poll(engine, 'orders', { maxMessages: 25 })))
  await engine.clock.advance(SETTLED_MS)
  await poll(engine, 'orders')
  return messages
}

const read = async (counted: Counted, work: () => Promise<unknown>): Promise<number> => {
  const before = counted.headers
  await work()
  return counted.headers - before
}

describe('a process that polls for the first time', () => {
  test('skips what others have in flight', async () => {
    const { counted, ...parts } = counting()
    const engine = await engineWithQueue(MINUTES, parts)
    await leaseMany(engine, 1_000)
    await publish(engine, 'orders', [{ body: 'new' }])
    const other = anotherProcess(engine)
    const headers = await read(counted, async () => {
      expect(await poll(other, 'orders')).toMatchObject([{ body: 'new' }])
    })
    expect(headers).toBeLessThan(80)
  })

  test('finds what was given back after the snapshot was written', async () => {
    const { counted, ...parts } = counting()
    const engine = await engineWithQueue(MINUTES, parts)
    const messages = await leaseMany(engine, 1_000)
    await nack(anotherProcess(engine, 3), 'orders', [{ receiptHandle: messages[500]?.receiptHandle ?? '' }])
    await engine.clock.advance(3_600_000 / 10)
    expect(await poll(anotherProcess(engine), 'orders')).toMatchObject([{ body: 500 }])
    expect(counted.earlyReleases).toBe(1)
  })

  test('finds everything once the leases in the snapshot have ended', async () => {
    const { counted: _, ...parts } = counting()
    const engine = await engineWithQueue(MINUTES, parts)
    await leaseMany(engine, 200)
    const other = anotherProcess(engine)
    expect(await poll(other, 'orders')).toEqual([])
    await engine.clock.advance(600_000)
    const bodies = new Set<unknown>()
    for (let left = 200; left > 0; ) {
      const messages = await poll(other, 'orders', { maxMessages: 25 })
      if (messages.length === 0) break
      for (const { body } of messages) bodies.add(body)
      left -= messages.length
    }
    expect(bodies.size).toBe(200)
  })
})

describe('processes that share nothing', () => {
  const alone = (engine: TestEngine): TestEngine => ({ ...engine, visibility: localVisibility(engine.polls) })

  test('read all that others have in flight, and find the same', async () => {
    const { counted, ...parts } = counting()
    const engine = alone(await engineWithQueue(MINUTES, parts))
    await leaseMany(engine, 1_000)
    await publish(engine, 'orders', [{ body: 'new' }])
    const headers = await read(counted, async () => {
      expect(await poll(alone(anotherProcess(engine)), 'orders')).toMatchObject([{ body: 'new' }])
    })
    expect(headers).toBeGreaterThan(1_000)
    expect(counted).toMatchObject({ snapshots: 0, earlyReleases: 0 })
  })

  test('find at once what they give back themselves', async () => {
    const { counted: _, ...parts } = counting()
    const engine = alone(await engineWithQueue(MINUTES, parts))
    const messages = await leaseMany(engine, 300)
    await nack(engine, 'orders', [{ receiptHandle: messages[150]?.receiptHandle ?? '' }])
    expect(await poll(engine, 'orders')).toMatchObject([{ body: 150, receiveCount: 2 }])
  })
})

describe('what one process gives back', () => {
  test.each([
    ['nack', (engine: TestEngine, receiptHandle: string) => nack(engine, 'orders', [{ receiptHandle }])],
    [
      'an extension to nothing',
      (engine: TestEngine, receiptHandle: string) =>
        extend(engine, 'orders', [{ receiptHandle, visibilityTimeoutSeconds: 0 }]),
    ],
  ])('by %s is found by another within two seconds and a poll', async (_, giveBack) => {
    const { counted: __, ...parts } = counting()
    const engine = await engineWithQueue(MINUTES, parts)
    const messages = await leaseMany(engine, 1_000)
    await giveBack(anotherProcess(engine), messages[300]?.receiptHandle ?? '')
    await engine.clock.advance(2_000)
    expect(await poll(engine, 'orders')).toMatchObject([{ body: 300, receiveCount: 2 }])
  })

  test('for later is found then', async () => {
    const { counted: _, ...parts } = counting()
    const engine = await engineWithQueue(MINUTES, parts)
    const messages = await leaseMany(engine, 1_000)
    const receiptHandle = messages[300]?.receiptHandle ?? ''
    await nack(anotherProcess(engine), 'orders', [{ receiptHandle, delaySeconds: 30 }])
    await engine.clock.advance(2_000)
    expect(await poll(engine, 'orders')).toEqual([])
    await engine.clock.advance(28_000)
    expect(await poll(engine, 'orders')).toMatchObject([{ body: 300 }])
  })

  test('costs no early release while little is in flight, nor does a heartbeat', async () => {
    const { counted, ...parts } = counting()
    const engine = await engineWithQueue(MINUTES, parts)
    const few = await leaseMany(engine, 50)
    await nack(engine, 'orders', [{ receiptHandle: few[20]?.receiptHandle ?? '' }])
    expect(counted).toMatchObject({ snapshots: 0, earlyReleases: 0 })
    const many = await leaseMany(engine, 500)
    await extend(engine, 'orders', [
      { receiptHandle: many[300]?.receiptHandle ?? '', visibilityTimeoutSeconds: MINUTES.visibilityTimeoutSeconds },
    ])
    expect(counted.earlyReleases).toBe(0)
  })
})

describe('a snapshot', () => {
  test('is written no more than once for 25 headers that came to be in flight', async () => {
    const { counted, ...parts } = counting()
    const engine = await engineWithQueue(MINUTES, parts)
    for (let at = 0; at < 320; at++) await publish(engine, 'orders', [{ body: at }])
    for (let at = 0; at < 320; at++) {
      await engine.clock.advance(1_000)
      await poll(engine, 'orders')
    }
    expect(counted.snapshots).toBeGreaterThan(0)
    expect(counted.snapshots).toBeLessThanOrEqual(320 / 25)
  })

  test('is not written again by another process that has read the same headers', async () => {
    const { counted, ...parts } = counting()
    const engine = await engineWithQueue(MINUTES, parts)
    const other = anotherProcess(engine)
    // Before there is a snapshot to read.
    await poll(other, 'orders')
    await leaseMany(engine, 300)
    const { snapshots } = counted
    expect(snapshots).toBeGreaterThan(0)
    for (let polls = 0; polls < 3; polls++) {
      expect(await poll(other, 'orders')).toEqual([])
      await engine.clock.advance(1_000)
    }
    expect(counted.snapshots).toBe(snapshots)
  })

  test('is never written by a process that acks in time, however many messages it receives', async () => {
    const { counted, ...parts } = counting()
    const engine = await engineWithQueue(MINUTES, parts)
    for (let at = 0; at < 500; at++) {
      await publish(engine, 'orders', [{ body: at }])
      await engine.clock.advance(100)
      const messages = await poll(engine, 'orders')
      await ack(
        engine,
        'orders',
        messages.map(({ receiptHandle }) => receiptHandle),
      )
    }
    expect(counted).toMatchObject({ snapshots: 0, earlyReleases: 0 })
  })

  test('that may not be read or written stops nobody', async () => {
    const { counted: _, clock, store } = counting()
    const refused = () => Promise.reject(new HoldfastError('AccessDenied', 'no rights on snapshots'))
    const engine = await engineWithQueue(MINUTES, {
      clock,
      store: {
        ...store,
        listDocuments: (query) => (isShared({ ...query, sort: '' }) ? refused() : store.listDocuments(query)),
        getDocument: (key, options) => (isShared(key) ? refused() : store.getDocument(key, options)),
        transact: (writes) =>
          writes.some((write) => write.kind === 'put' && isShared(write.key)) ? refused() : store.transact(writes),
      },
    })
    const messages = await leaseMany(engine, 200)
    const results = await nack(engine, 'orders', [{ receiptHandle: messages[100]?.receiptHandle ?? '' }])
    expect(results).toEqual([{ ok: true }])
    expect(await poll(engine, 'orders')).toMatchObject([{ body: 100 }])
  })
})
