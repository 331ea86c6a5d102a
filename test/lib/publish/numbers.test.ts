import { expect, test } from 'vitest'
import { getMessage } from '../../../lib/messages/get-message.ts'
import type { Body } from '../../../lib/model/message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { testEngine } from '../../support/test-engine.ts'

/** As a parser reads `1e400`. */
const BEYOND = JSON.parse('1e400') as number
const LOST: readonly Body[] = [BEYOND, -BEYOND, Number.NaN, [1, BEYOND], { a: { b: [BEYOND] } }]

test.each(LOST)('a body with a number that JSON would write as null is refused: %j', async (body) => {
  const engine = testEngine()
  await createQueue(engine, 'orders', {})
  await expect(publish(engine, 'orders', [{ body }])).rejects.toMatchObject({
    code: 'InvalidRequest',
    message: expect.stringContaining('messages[0].body must have only numbers up to 1.8e308'),
  })
})

test('and so is a result, while its message stays', async () => {
  const engine = testEngine()
  await createQueue(engine, 'orders', { settings: { results: { retentionSeconds: 60 } } })
  await publish(engine, 'orders', [{ body: 1 }])
  const [message] = await poll(engine, 'orders', { maxMessages: 1 })
  const receiptHandle = String(message?.receiptHandle)
  expect(await ack(engine, 'orders', [{ receiptHandle, result: { sum: BEYOND } }])).toMatchObject([
    { ok: false, error: { code: 'InvalidRequest', fields: { field: 'result' } } },
  ])
  expect(await getMessage(engine, 'orders', String(message?.messageId))).toMatchObject({ state: 'leased' })
})

test.each<Body>([Number.MAX_VALUE, 5e-324, -1, [null], { __proto__: null }, 'Infinity', new Uint8Array([255])])(
  'any other number comes back as it was: %j',
  async (body) => {
    const engine = testEngine()
    await createQueue(engine, 'orders', {})
    await publish(engine, 'orders', [{ body }])
    const [message] = await poll(engine, 'orders', { maxMessages: 1 })
    expect(message?.body).toEqual(body)
  },
)

/** As objects of many libraries are: their fields, some of which lead back to them, are not what JSON shows. */
const shownAs = (shown: unknown): Body => {
  const inside: Record<string, unknown> = { e: Number.NaN, toJSON: () => shown }
  // A body that is walked by its fields would be walked for ever.
  Object.defineProperty(inside, 'parent', { enumerable: true, get: () => expect.unreachable('the field was read') })
  return { at: inside } as unknown as Body
}

test('an object with toJSON is judged by what it gives, as it is stored, and not by its fields', async () => {
  const engine = testEngine()
  await createQueue(engine, 'orders', {})
  expect(await publish(engine, 'orders', [{ body: shownAs('now') }])).toMatchObject([{ ok: true }])
  expect(await poll(engine, 'orders', { maxMessages: 1 })).toMatchObject([{ body: { at: 'now' } }])
  await expect(publish(engine, 'orders', [{ body: shownAs([BEYOND]) }])).rejects.toThrow('JSON can carry')
})
