import { describe, expect, test } from 'vitest'
import { cancelMessage } from '../../../lib/messages/cancel-message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { type Fate, faultyStore, scripted } from '../../support/faulty-store.ts'
import { bodies, FIFO, fifoEngine, handles, sendOne, take } from '../../support/fifo-engine.ts'
import { anotherProcess, engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'

const WINDOW_MS = 300_000
const ONCE = { groupId: 'a', deduplicationId: 'once' }

describe('a deduplication id', () => {
  test('is answered with the first message and its number, and published no second time', async () => {
    const engine = await fifoEngine()
    const first = await sendOne(engine, { ...ONCE, body: 'first' })
    expect(first).toEqual({ ok: true, messageId: expect.any(String), sequenceNumber: expect.any(String) })
    expect(await sendOne(anotherProcess(engine), { ...ONCE, body: 'other words' })).toEqual({
      ...first,
      duplicate: true,
    })
    expect(bodies(await take(engine))).toEqual(['first'])
  })

  test('stands for one message however many publish it at once, alone or among others', async () => {
    const engine = await fifoEngine()
    const processes = Array.from({ length: 8 }, (_, n) => anotherProcess(engine, n + 2))
    const results = await Promise.all(
      processes.map((process, n) =>
        publish(process, FIFO, [
          { groupId: 'a', deduplicationId: `own-${n}`, body: `own ${n}` },
          { ...ONCE, body: `shared ${n}` },
        ]),
      ),
    )
    const shared = results.map(([, result]) => result)
    expect(new Set(shared.map((result) => JSON.stringify({ ...result, duplicate: true }))).size).toBe(1)
    expect(shared.filter((result) => result && !('duplicate' in result))).toHaveLength(1)
    const taken = bodies(await take(engine, { maxMessages: 25 })) as string[]
    expect(taken.filter((body) => body.startsWith('own'))).toHaveLength(8)
    expect(taken.filter((body) => body.startsWith('shared'))).toHaveLength(1)
  })

  test('named twice in a request is published once', async () => {
    const engine = await fifoEngine()
    const [first, second] = await publish(engine, FIFO, [
      { ...ONCE, body: 'a' },
      { ...ONCE, body: 'b' },
    ])
    expect(second).toEqual({ ...first, duplicate: true })
    expect(bodies(await take(engine))).toEqual(['a'])
  })

  test("applies to all groups of a queue, or to each group where the queue's scope is the group", async () => {
    for (const [deduplicationScope, published] of [
      ['queue', ['a']],
      ['messageGroup', ['a', 'b']],
    ] as const) {
      const engine = await fifoEngine({ fifo: { deduplicationScope } })
      await sendOne(engine, { groupId: 'a', deduplicationId: 'x', body: 'a' })
      await sendOne(engine, { groupId: 'b', deduplicationId: 'x', body: 'b' })
      expect(bodies(await take(engine)).sort()).toEqual(published)
    }
  })

  test('is free again once its message was purged, for one message', async () => {
    const engine = await fifoEngine()
    const first = await sendOne(engine, { ...ONCE, body: 'purged' })
    await purgeQueue(engine, FIFO)
    const second = await sendOne(engine, { ...ONCE, body: 'after' })
    expect(second).toEqual({ ok: true, messageId: expect.any(String), sequenceNumber: expect.any(String) })
    expect(second).not.toEqual(first)
    expect(await sendOne(engine, { ...ONCE, body: 'again' })).toEqual({ ...second, duplicate: true })
    expect(bodies(await take(engine))).toEqual(['after'])
  })

  test('is remembered after its message is gone, for its window and no longer', async () => {
    for (const [settings, windowMs] of [
      [{}, WINDOW_MS],
      [{ deduplicationWindowSeconds: 604_800 }, 604_800_000],
    ] as const) {
      const engine = await fifoEngine(settings)
      const first = await sendOne(engine, { ...ONCE, body: 'first' })
      await ack(engine, FIFO, handles(await take(engine)))
      await engine.clock.advance(windowMs - 1)
      expect(await sendOne(engine, { ...ONCE, body: 'second' })).toEqual({ ...first, duplicate: true })
      await engine.clock.advance(1)
      const later = await sendOne(engine, { ...ONCE, body: 'third' })
      expect(later).not.toMatchObject({ duplicate: true })
      expect(bodies(await take(engine))).toEqual(['third'])
    }
  })

  test('is not taken by a publish that failed, and is by one whose answer was lost', async () => {
    const publishing = async (fate: Fate) => {
      const engine = await fifoEngine()
      const failing = testEngine({
        clock: engine.clock,
        store: faultyStore(engine.store, scripted(['transact', fate])),
      })
      const [failed] = await publish(failing, FIFO, [{ ...ONCE, body: 'x' }])
      expect(failed).toMatchObject({ ok: false, error: expect.objectContaining({ retryable: true }) })
      const again = await sendOne(failing, { ...ONCE, body: 'x' })
      expect(bodies(await take(engine))).toEqual(['x'])
      return again
    }
    expect(await publishing('refused')).not.toMatchObject({ duplicate: true })
    expect(await publishing('unanswered')).toMatchObject({ duplicate: true })
  })

  test('is the hash of the body where the queue wants that, unless the message has its own', async () => {
    const engine = await fifoEngine({ fifo: { contentBasedDeduplication: true } })
    const of = (body: Parameters<typeof sendOne>[1]['body'], deduplicationId?: string) =>
      sendOne(engine, { groupId: 'a', body, ...(deduplicationId !== undefined && { deduplicationId }) })
    const first = await of('same')
    expect(await of('same')).toEqual({ ...first, duplicate: true })
    for (const result of [
      await of('other'),
      await of('same', 'own'),
      await of({ a: 1 }),
      await of(new Uint8Array(3)),
    ]) {
      expect(result).not.toMatchObject({ duplicate: true })
    }
    expect(await of({ a: 1 })).toMatchObject({ duplicate: true })
    expect(await of(new Uint8Array(3))).toMatchObject({ duplicate: true })
    expect(await take(engine)).toHaveLength(5)
  })

  test('is none where there is none', async () => {
    const engine = await fifoEngine()
    await sendOne(engine, { groupId: 'a', body: 'same' })
    await sendOne(engine, { groupId: 'a', body: 'same' })
    expect(bodies(await take(engine))).toEqual(['same', 'same'])
  })

  test('counts on standard queues too, beside messages without one', async () => {
    const engine = await engineWithQueue()
    const once = { body: 'once', deduplicationId: 'x' }
    const [first, , third] = await publish(engine, 'orders', [once, { body: 'plain' }, once])
    expect(third).toEqual({ ...first, duplicate: true })
    const many = await Promise.all(
      Array.from({ length: 5 }, (_, n) => publish(anotherProcess(engine, n + 2), 'orders', [once])),
    )
    expect(many).toEqual(Array.from({ length: 5 }, () => [{ ...first, duplicate: true }]))
    expect(bodies(await poll(engine, 'orders', { maxMessages: 10 })).sort()).toEqual(['once', 'plain'])
    await engine.clock.advance(WINDOW_MS)
    const [later] = await publish(engine, 'orders', [once])
    expect(later).not.toMatchObject({ duplicate: true })
  })
})

describe('unique while pending, a deduplication id', () => {
  const PENDING = { deduplicationMode: 'pending', visibilityTimeoutSeconds: 0 } as const
  const DEAD = 'orders-dead.fifo'
  const isTaken = async (engine: TestEngine) => 'duplicate' in (await sendOne(engine, { ...ONCE, body: 'again' }))
  const pendingEngine = async (settings = {}) => {
    const engine = await fifoEngine({ ...PENDING, ...settings })
    return { engine, first: await sendOne(engine, { ...ONCE, body: 'first' }) }
  }

  test('is taken as long as its message is there, in flight or not, for longer than any window', async () => {
    const { engine, first } = await pendingEngine()
    await engine.clock.advance(10 * WINDOW_MS)
    expect(await sendOne(engine, { ...ONCE, body: 'again' })).toEqual({ ...first, duplicate: true })
    await take(engine, { visibilityTimeoutSeconds: 30 })
    expect(await isTaken(engine)).toBe(true)
  })

  test('is free once it is acked', async () => {
    const { engine } = await pendingEngine()
    await ack(engine, FIFO, handles(await take(engine, { visibilityTimeoutSeconds: 30 })))
    expect([await isTaken(engine), await isTaken(engine)]).toEqual([false, true])
    expect(bodies(await take(engine))).toEqual(['again'])
  })

  test('is free once it is cancelled', async () => {
    const { engine, first } = await pendingEngine()
    await cancelMessage(engine, FIFO, first.messageId)
    expect([await isTaken(engine), await isTaken(engine)]).toEqual([false, true])
  })

  test('is free once it is dead-lettered, and taken when it is moved back', async () => {
    const { engine } = await pendingEngine({ deadLetter: { queue: DEAD, maxReceives: 1 } })
    await take(engine)
    expect(await isTaken(engine)).toBe(true)
    expect(await take(engine)).toEqual([])
    await engine.clock.advance(1)
    const { taskId } = await startRedrive(engine, DEAD)
    await runRedrive(engine, DEAD, taskId)
    expect(await isTaken(engine)).toBe(true)
    expect(bodies(await take(engine))).toEqual(['first'])
    expect(await take(engine)).toEqual([])
    expect([await isTaken(engine), await isTaken(engine)]).toEqual([false, true])
  })

  test('is taken by one of many who find it free at once', async () => {
    const { engine, first } = await pendingEngine()
    await cancelMessage(engine, FIFO, first.messageId)
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, n) => sendOne(anotherProcess(engine, n + 2), { ...ONCE, body: `${n}` })),
    )
    expect(results.filter((result) => !('duplicate' in result))).toHaveLength(1)
    expect(new Set(results.map(({ messageId }) => messageId)).size).toBe(1)
    expect(await take(engine)).toHaveLength(1)
  })

  test('is not taken over from a publish that got it after the record, which another process read, had expired', async () => {
    const engine = await engineWithQueue({ deduplicationMode: 'pending' })
    const once = { body: 'once', deduplicationId: 'x', timeToLiveSeconds: 60 }
    await publish(engine, 'orders', [once])
    await ack(engine, 'orders', handles(await poll(engine, 'orders')))
    const late = anotherProcess(engine)
    let tries = 0
    let others: unknown
    const transact: typeof engine.store.transact = async (writes) => {
      // It has read the record of the acked message, and is about to replace it.
      if (++tries === 2) {
        await engine.clock.advance(60_000)
        others = await publish(engine, 'orders', [once])
      }
      return engine.store.transact(writes)
    }
    const [result] = await publish({ ...late, store: { ...engine.store, transact } }, 'orders', [once])
    expect(others).toEqual([{ ok: true, messageId: expect.any(String) }])
    expect(result).toMatchObject({ duplicate: true })
    expect(await poll(engine, 'orders', { maxMessages: 10 })).toHaveLength(1)
  })

  test('frees itself on standard queues too', async () => {
    const engine = await engineWithQueue({ deduplicationMode: 'pending' })
    const once = { body: 'once', deduplicationId: 'x' }
    const [first] = await publish(engine, 'orders', [once])
    expect(await publish(engine, 'orders', [once])).toEqual([{ ...first, duplicate: true }])
    await ack(engine, 'orders', handles(await poll(engine, 'orders')))
    const [later] = await publish(engine, 'orders', [once])
    expect(later).not.toMatchObject({ duplicate: true })
  })
})
