import { describe, expect, test } from 'vitest'
import type { HandleResult } from '../../../lib/model/message.ts'
import { DEFAULT_FIFO } from '../../../lib/model/queue-settings.ts'
import {
  decodeReceiptHandle,
  type IssuedHandle,
  issueReceiptHandle,
  type ReceiptHandle,
} from '../../../lib/model/receipt-handle.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { faultyStore, scripted } from '../../support/faulty-store.ts'
import { anotherProcess, engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'

const OK = { ok: true }
const failed = (code: string) => ({ ok: false, error: expect.objectContaining({ code }) })

/** Handles of messages published together and received together. */
const held = async (engine: TestEngine, count: number, leaseSeconds = 30): Promise<string[]> => {
  await publish(
    engine,
    'orders',
    Array.from({ length: count }, (_, n) => ({ body: n })),
  )
  const messages = await poll(engine, 'orders', { maxMessages: count, visibilityTimeoutSeconds: leaseSeconds })
  return messages.map(({ receiptHandle }) => receiptHandle)
}
/** A handle after an edit of what it says. */
const edited = (receiptHandle: string, change: Partial<IssuedHandle>): string =>
  issueReceiptHandle('orders', { ...(decodeReceiptHandle(receiptHandle) as IssuedHandle), ...change }).text
/** The same in the format before, in which the token was in the handle. */
const editedInOldFormat = (receiptHandle: string, change: Partial<IssuedHandle>): string => {
  const { token } = decodeReceiptHandle(receiptHandle) as ReceiptHandle
  const bytes = Buffer.from(edited(receiptHandle, { ...change, nonce: token }), 'base64url')
  bytes[0] = (bytes[0] as number) - 6
  return bytes.subarray(0, bytes.length - 21).toString('base64url')
}
const one = (results: HandleResult[]): HandleResult | undefined => results[0]
const total = async (engine: TestEngine): Promise<number> => {
  const { ready, delayed, leased } = await counts(engine, 'orders')
  return ready + delayed + leased
}

describe('an ack', () => {
  test('takes a message away for good', async () => {
    const engine = await engineWithQueue()
    const handles = await held(engine, 1)
    expect(await ack(engine, 'orders', handles)).toEqual([OK])
    await engine.clock.advance(60_000)
    expect(await poll(engine, 'orders')).toEqual([])
  })

  test('of what is already gone succeeds, any number of times', async () => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 3)) as [string]
    for (let n = 0; n < 3; n++) expect(await ack(engine, 'orders', [handle])).toEqual([OK])
    expect(await total(engine)).toBe(2)
  })

  test('that names a message twice leaves the others of its segment alone', async () => {
    // Found by the model: the second naming was counted as the last message left, and the segment deleted.
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'a' }, { body: 'b' }, { body: 'c' }])
    const [a, b] = await poll(engine, 'orders', { maxMessages: 2 })
    const handles = [a, a, b].map((message) => message?.receiptHandle as string)
    expect(await ack(engine, 'orders', handles)).toEqual([OK, OK, OK])
    expect(await poll(engine, 'orders', { maxMessages: 9 })).toMatchObject([{ body: 'c' }])
  })

  test('of a part at a time leaves no segment behind', async () => {
    const engine = await engineWithQueue()
    const handles = await held(engine, 5)
    for (const handle of handles) expect(await ack(engine, 'orders', [handle])).toEqual([OK])
    const { generation } = await engine.queues.get('orders')
    const partition = { queue: 'orders', generation, shard: 0 }
    expect(await engine.store.headers({ partition, from: '0', to: '~', limit: 9 })).toEqual({
      segments: [],
      more: false,
    })
  })

  test('after the lease counts while nobody else received the message', async () => {
    const engine = await engineWithQueue()
    const handles = await held(engine, 1, 5)
    await engine.clock.advance(60_000)
    expect(await ack(engine, 'orders', handles)).toEqual([OK])
    expect(await poll(engine, 'orders')).toEqual([])
  })

  test('with a handle that another receive has outdated is refused, and leaves the message to that one', async () => {
    const engine = await engineWithQueue()
    const handles = await held(engine, 2, 5)
    await engine.clock.advance(5_000)
    const [again] = await poll(anotherProcess(engine), 'orders')
    expect(await ack(engine, 'orders', handles)).toEqual([failed('LeaseLost'), OK])
    expect(await ack(engine, 'orders', [again?.receiptHandle as string])).toEqual([OK])
  })

  test('answers each handle independently, in order', async () => {
    const engine = await engineWithQueue()
    await createQueue(engine, 'invoices')
    const handles = await held(engine, 25)
    await publish(engine, 'invoices', [{ body: 'other' }])
    const [other] = await poll(engine, 'invoices')
    const asked = [...handles.slice(0, 22), 'nonsense', other?.receiptHandle as string, '']
    expect(await ack(engine, 'orders', asked)).toEqual([
      ...handles.slice(0, 22).map(() => OK),
      failed('ReceiptHandleInvalid'),
      failed('ReceiptHandleInvalid'),
      failed('ReceiptHandleInvalid'),
    ])
    expect(await total(engine)).toBe(3)
    expect(await poll(engine, 'invoices')).toEqual([])
  })

  test('whose answer was lost is found to be done when it is sent again', async () => {
    const engine = await engineWithQueue()
    const handles = await held(engine, 3)
    const faulty = testEngine({
      clock: engine.clock,
      store: faultyStore(engine.store, scripted(['change', 'repeated'])),
      seed: 3,
    })
    expect(await ack(faulty, 'orders', handles)).toEqual([OK, OK, OK])
    expect(await total(engine)).toBe(0)
  })

  test.each([
    ['refused', 'Throttled', 1],
    ['unreachable', 'StoreUnavailable', 1],
    ['unanswered', 'StoreUnavailable', 0],
  ] as const)('that was %s says %s', async (fate, code, left) => {
    const engine = await engineWithQueue()
    const handles = await held(engine, 1)
    const faulty = testEngine({
      clock: engine.clock,
      store: faultyStore(engine.store, scripted(['change', fate])),
      seed: 3,
    })
    expect(await ack(faulty, 'orders', handles)).toEqual([failed(code)])
    expect(await total(engine)).toBe(left)
  })

  test('is refused when another receives the message between two of its tries', async () => {
    const engine = await engineWithQueue()
    const [first, second, third] = (await held(engine, 3, 5)) as [string, string, string]
    await ack(engine, 'orders', [third])
    const other = anotherProcess(engine)
    let tries = 0
    const meddling = faultyStore(engine.store, {
      fateOf: () => 'done',
      answering: async ({ operation }) => {
        // The first try asked for both, and failed for the second; the lease of the first ends before the next one.
        if (operation === 'change' && ++tries === 1) expect(await poll(other, 'orders')).toHaveLength(1)
      },
    })
    await engine.clock.advance(5_000)
    const [again] = await poll(other, 'orders', { maxMessages: 1 })
    await nack(other, 'orders', [{ receiptHandle: again?.receiptHandle as string, delaySeconds: 60 }])
    const results = await ack(testEngine({ clock: engine.clock, store: meddling, seed: 3 }), 'orders', [first, second])
    expect(results).toEqual([failed('LeaseLost'), failed('LeaseLost')])
    expect(await total(engine)).toBe(2)
  })

  test('of none, or more than 25, is refused', async () => {
    const engine = await engineWithQueue()
    await expect(ack(engine, 'orders', [])).rejects.toMatchObject({ code: 'InvalidRequest' })
    await expect(ack(engine, 'orders', Array(26).fill('x'))).rejects.toMatchObject({ code: 'InvalidRequest' })
  })

  test('in a queue that was deleted and made anew touches nothing of it', async () => {
    const engine = await engineWithQueue()
    const handles = await held(engine, 1)
    await deleteQueue(engine, 'orders')
    await expect(ack(engine, 'orders', handles)).rejects.toMatchObject({ code: 'QueueNotFound' })
    await createQueue(engine, 'orders')
    await publish(engine, 'orders', [{ body: 'new' }])
    expect(await ack(engine, 'orders', handles)).toEqual([OK])
    expect(await total(engine)).toBe(1)
  })

  test.each<[string, (receiptHandle: string) => string]>([
    ['with an invented nonce', (handle) => edited(handle, { nonce: new Uint8Array(8) })],
    ['that says to be received later', (handle) => edited(handle, { receivedAt: 1_772_409_600_000 })],
    ['that says to be received less often', (handle) => edited(handle, { receiveCount: 0 })],
    ['that says to be received first at another time', (handle) => edited(handle, { firstReceivedAt: 0 })],
  ])('%s does nothing', async (_, forge) => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 1)) as [string]
    const forged = forge(handle)
    expect(await ack(engine, 'orders', [forged])).toEqual([failed('LeaseLost')])
    expect(await extend(engine, 'orders', [{ receiptHandle: forged, visibilityTimeoutSeconds: 9 }])).toEqual([
      failed('LeaseLost'),
    ])
    expect(await nack(engine, 'orders', [{ receiptHandle: forged }])).toEqual([failed('LeaseLost')])
    expect(await total(engine)).toBe(1)
  })

  test.each([
    ['was published alone', { count: 1, claimed: 1, gone: 0 }],
    ['is all that is left', { count: 3, claimed: 1, gone: 2 }],
    ['is one of more than there were', { count: 25, claimed: 1, gone: 24 }],
  ])('that pretends its message %s takes no other message with it', async (_, pretended) => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 1 }, { body: 2 }, { body: 3 }])
    const [own] = await poll(engine, 'orders')
    const { receiptHandle = '' } = own ?? {}
    expect(await ack(engine, 'orders', [edited(receiptHandle, pretended)])).toEqual([failed('LeaseLost')])
    expect(await total(engine)).toBe(3)
    // What the handle says is bound by its hash; in the old format the store's conditions alone keep the others safe.
    expect(await ack(engine, 'orders', [editedInOldFormat(receiptHandle, pretended)])).toEqual([OK])
    expect(await total(engine)).toBe(2)
  })
})

describe('an extension', () => {
  const extended = async (engine: TestEngine, receiptHandle: string, visibilityTimeoutSeconds: number) =>
    one(await extend(engine, 'orders', [{ receiptHandle, visibilityTimeoutSeconds }]))

  test('moves the end of the lease to a span from now, later or sooner', async () => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 1, 10)) as [string]
    await engine.clock.advance(9_999)
    expect(await extended(engine, handle, 20)).toEqual(OK)
    await engine.clock.advance(19_999)
    expect(await poll(engine, 'orders')).toEqual([])
    expect(await extended(engine, handle, 1)).toEqual(OK)
    await engine.clock.advance(1_000)
    expect(await poll(engine, 'orders')).toMatchObject([{ receiveCount: 2 }])
  })

  test('leaves the count of receives as it is', async () => {
    const engine = await engineWithQueue()
    await held(engine, 1, 10)
    await engine.clock.advance(10_000)
    const [again] = await poll(engine, 'orders')
    expect(await extended(engine, again?.receiptHandle ?? '', 1)).toEqual(OK)
    await engine.clock.advance(1_000)
    expect(await poll(engine, 'orders')).toMatchObject([{ receiveCount: 3, firstReceivedAt: again?.firstReceivedAt }])
  })

  test('with revive begins an ended lease anew, until the message is received again', async () => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 1, 10)) as [string]
    await engine.clock.advance(10_000)
    const entries = [{ receiptHandle: handle, visibilityTimeoutSeconds: 5 }]
    expect(await extend(engine, 'orders', entries)).toEqual([failed('LeaseLost')])
    expect(await extend(engine, 'orders', entries, { revive: true })).toEqual([OK])
    expect(await poll(engine, 'orders')).toEqual([])
    await engine.clock.advance(5_000)
    expect(await poll(engine, 'orders')).toMatchObject([{ receiveCount: 2 }])
    expect(await extend(engine, 'orders', entries, { revive: true })).toEqual([failed('LeaseLost')])
  })

  test('begins none anew where leases keep to an order or a limit', async () => {
    for (const [name, settings] of [
      ['orders.fifo', { fifo: DEFAULT_FIFO }],
      ['orders', { maxInFlightPerGroup: 1 }],
    ] as const) {
      const engine = testEngine()
      await createQueue(engine, name, { settings })
      await publish(engine, name, [{ body: 1, groupId: 'g', deduplicationId: '1' }])
      const [message] = await poll(engine, name, { visibilityTimeoutSeconds: 10 })
      await engine.clock.advance(10_000)
      const entry = { receiptHandle: message?.receiptHandle ?? '', visibilityTimeoutSeconds: 5 }
      expect(await extend(engine, name, [entry], { revive: true })).toEqual([failed('LeaseLost')])
    }
  })

  test('to nothing makes the message receivable at once', async () => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 1)) as [string]
    expect(await extended(engine, handle, 0)).toEqual(OK)
    expect(await poll(engine, 'orders')).toHaveLength(1)
  })

  test('to nothing is found to be done when its answer was lost and it is sent again', async () => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 1)) as [string]
    const faulty = testEngine({
      clock: engine.clock,
      store: faultyStore(engine.store, scripted(['change', 'repeated'])),
      seed: 3,
    })
    expect(await extended(faulty, handle, 0)).toEqual(OK)
  })

  test('of a lease that is over, or given back, is refused', async () => {
    const engine = await engineWithQueue()
    const [first, second] = (await held(engine, 2, 10)) as [string, string]
    await nack(engine, 'orders', [{ receiptHandle: second, delaySeconds: 100 }])
    expect(await extended(engine, second, 20)).toEqual(failed('LeaseLost'))
    await engine.clock.advance(10_000)
    expect(await extended(engine, first, 20)).toEqual(failed('LeaseLost'))
  })

  test('of a message that is gone fails with MessageNotFound', async () => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 2)) as [string]
    await ack(engine, 'orders', [handle])
    expect(await extended(engine, handle, 20)).toEqual(failed('MessageNotFound'))
  })

  test('out of range is refused', async () => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 1)) as [string]
    await expect(extended(engine, handle, 604_801)).rejects.toMatchObject({
      code: 'InvalidRequest',
      fields: { field: 'entries[0].visibilityTimeoutSeconds', value: 604_801 },
    })
  })
})

describe('a nack', () => {
  const nacked = async (engine: TestEngine, receiptHandle: string, delaySeconds?: number) =>
    one(await nack(engine, 'orders', [{ receiptHandle, ...(delaySeconds !== undefined && { delaySeconds }) }]))

  test('gives the message back at once, and its receive stays counted', async () => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 1)) as [string]
    expect(await nacked(engine, handle)).toEqual(OK)
    expect(await poll(engine, 'orders')).toMatchObject([{ receiveCount: 2 }])
  })

  test('after a rest of its own choice', async () => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 1)) as [string]
    expect(await nacked(engine, handle, 45)).toEqual(OK)
    await engine.clock.advance(44_999)
    expect(await poll(engine, 'orders')).toEqual([])
    await engine.clock.advance(1)
    expect(await poll(engine, 'orders')).toHaveLength(1)
  })

  test("after the retry policy's delay, which grows with each receive", async () => {
    const retryPolicy = { initialSeconds: 10, factor: 3, maximumSeconds: 50, jitter: 'none' } as const
    const engine = await engineWithQueue({ retryPolicy })
    let [handle] = (await held(engine, 1)) as [string]
    for (const restMs of [10_000, 30_000, 50_000, 50_000]) {
      await nacked(engine, handle)
      await engine.clock.advance(restMs - 1)
      expect(await poll(engine, 'orders')).toEqual([])
      await engine.clock.advance(1)
      handle = (await poll(engine, 'orders'))[0]?.receiptHandle as string
    }
  })

  test('can be done over, and an ack still counts, until another receives the message', async () => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 1)) as [string]
    expect(await nacked(engine, handle, 1_000)).toEqual(OK)
    expect(await nacked(engine, handle, 1)).toEqual(OK)
    await engine.clock.advance(1_000)
    expect(await poll(engine, 'orders')).toHaveLength(1)
    expect(await nacked(engine, handle)).toEqual(failed('LeaseLost'))
    expect(await ack(engine, 'orders', [handle])).toEqual([failed('LeaseLost')])
  })

  test('of a message that is gone fails with MessageNotFound', async () => {
    const engine = await engineWithQueue()
    const [handle] = (await held(engine, 1)) as [string]
    await ack(engine, 'orders', [handle])
    expect(await nacked(engine, handle)).toEqual(failed('MessageNotFound'))
  })
})
