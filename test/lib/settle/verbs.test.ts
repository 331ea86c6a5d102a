import { describe, expect, test } from 'vitest'
import {
  ack,
  createQueue,
  extend,
  HoldfastError,
  type Message,
  nack,
  poll,
  publish,
  unreceive,
} from '../../../lib/index.ts'
import { engineWithQueue, type TestEngine } from '../../support/test-engine.ts'

const received = async (engine: TestEngine, count: number): Promise<Message[]> => {
  await publish(
    engine,
    'orders',
    Array.from({ length: count }, (_, body) => ({ body })),
  )
  return poll(engine, 'orders', { maxMessages: count })
}
const bodies = async (engine: TestEngine) => (await poll(engine, 'orders', { maxMessages: 25 })).map(({ body }) => body)

describe('the verbs of the library on leased messages', () => {
  test('take messages or receipt handles, and options that count for all of them', async () => {
    const engine = await engineWithQueue()
    const [one, two, three, four, five] = (await received(engine, 5)) as [Message, Message, Message, Message, Message]
    const ok = { ok: true }
    expect(await ack(engine, 'orders', [one, two.receiptHandle])).toEqual([ok, ok])
    expect(await extend(engine, 'orders', [three], { visibilityTimeoutSeconds: 90 })).toEqual([ok])
    expect(await nack(engine, 'orders', [four], { delaySeconds: 60 })).toEqual([ok])
    expect(await unreceive(engine, 'orders', [five])).toEqual([ok])
    expect(await bodies(engine)).toEqual([4])
    await engine.clock.advance(60_000)
    expect(await bodies(engine)).toEqual([3, 4])
    await engine.clock.advance(30_000)
    expect(await bodies(engine)).toEqual([2, 3, 4])
  })

  test('begin a lease anew that has ended where that is asked for', async () => {
    const engine = await engineWithQueue()
    const [message] = (await received(engine, 1)) as [Message]
    await engine.clock.advance(30_000)
    expect(await extend(engine, 'orders', [message], { visibilityTimeoutSeconds: 9 })).toEqual([
      { ok: false, error: expect.objectContaining({ code: 'LeaseLost' }) },
    ])
    expect(await extend(engine, 'orders', [message], { visibilityTimeoutSeconds: 9, revive: true })).toEqual([
      { ok: true },
    ])
  })

  test('move messages to the dead-letter queue with an error or a text as the reason', async () => {
    const engine = await engineWithQueue()
    await createQueue(engine, 'dead', { settings: {} })
    await createQueue(engine, 'work', { settings: { deadLetter: { queue: 'dead', maxReceives: 3 } } })
    await publish(engine, 'work', [{ body: 1 }, { body: 2 }, { body: 3 }])
    const messages = (await poll(engine, 'work', { maxMessages: 3 })) as [Message, Message, Message]
    const error = new RangeError('too much')
    const long = `${'x'.repeat(1_023)}\u{1f600}`
    expect(await nack(engine, 'work', [messages[0]], { deadLetter: true, error })).toEqual([{ ok: true }])
    expect(await nack(engine, 'work', [messages[1]], { deadLetter: true, error: long })).toEqual([{ ok: true }])
    expect(await nack(engine, 'work', [messages[2]], { deadLetter: true, error: { code: 7 } })).toEqual([{ ok: true }])
    const reasons = (await poll(engine, 'dead', { maxMessages: 3 })).map(({ deadLetter }) => deadLetter?.reason)
    // Half of a character is none: what DynamoDB is given is well-formed.
    expect(reasons).toEqual(['RangeError: too much', `${'x'.repeat(1_023)}\ufffd`, '{"code":7}'])
  })

  test('name the option that is wrong, without an entry that the caller never made', async () => {
    const engine = await engineWithQueue()
    const handle = 'h'
    for (const [work, field] of [
      [nack(engine, 'orders', [handle], { delaySeconds: -1 }), 'delaySeconds'],
      [nack(engine, 'orders', [handle], { deadLetter: true, delaySeconds: 1 }), 'delaySeconds'],
      [nack(engine, 'orders', [handle], { error: 'why' }), 'error'],
      [extend(engine, 'orders', [handle], { visibilityTimeoutSeconds: 0.5 }), 'visibilityTimeoutSeconds'],
    ] as const) {
      const error = (await work.catch((thrown: unknown) => thrown)) as HoldfastError
      expect(error).toBeInstanceOf(HoldfastError)
      expect([error.code, error.fields.field, error.message.startsWith(`${field} `)]).toEqual([
        'InvalidRequest',
        field,
        true,
      ])
    }
  })

  test('refuse what is neither a message nor a handle, and name it', async () => {
    const engine = await engineWithQueue()
    for (const nothing of [undefined, null, 7, {}, { receiptHandle: 7 }]) {
      await expect(ack(engine, 'orders', ['h', nothing as never])).rejects.toMatchObject({
        code: 'InvalidRequest',
        message: expect.stringMatching(/^messages\[1\] must be a message or its receipt handle, but is /),
      })
    }
    await expect(nack(engine, 'orders', 'h' as never)).rejects.toMatchObject({
      code: 'InvalidRequest',
      fields: { field: 'messages' },
    })
  })
})
