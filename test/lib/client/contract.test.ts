import { type } from 'arktype'
import { Schema } from 'effect'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { bytesCodec } from '../../../lib/codecs/bytes.ts'
import { messagePackCodec } from '../../../lib/codecs/messagepack.ts'
import type { InvalidMessage } from '../../../lib/codecs/read-message.ts'
import type { StandardSchema } from '../../../lib/codecs/schema.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { noEmbedded } from '../../support/embedded.ts'
import { PLACES, type Place } from './places.ts'

interface Order {
  readonly id: number
  readonly note?: string
}

describe.each(PLACES)('a client %s', (name, openPlace) => {
  if (name === 'on a table' && noEmbedded()) return
  let place: Place
  let invalid: InvalidMessage[]

  beforeEach(async () => {
    invalid = []
    place = await openPlace({ onInvalid: (failure) => invalid.push(failure) })
  })
  afterEach(() => place.close())

  test('publishes, polls and acks', async () => {
    await place.client.createQueue('orders')
    const orders = place.client.queue<Order>('orders')
    const sent = await orders.publish({ id: 1 }, { attributes: { by: { dataType: 'String', value: 'me' } } })
    const [message, ...others] = await orders.poll()
    expect(others).toEqual([])
    expect(message).toEqual({
      messageId: sent.messageId,
      body: { id: 1 },
      attributes: { by: { dataType: 'String', value: 'me' } },
      publishedAt: place.clock.now(),
      dueAt: place.clock.now(),
      priority: 0,
      receiptHandle: expect.any(String),
      receiveCount: 1,
      firstReceivedAt: place.clock.now(),
      leasedUntil: place.clock.now() + 30_000,
    })
    await orders.ack(message as NonNullable<typeof message>)
    await place.clock.advance(31_000)
    expect(await orders.poll()).toEqual([])
  })

  test('acks, nacks, extends and gives back any number of messages or handles, none included', async () => {
    await place.client.createQueue('orders')
    const orders = place.client.queue<Order>('orders')
    expect(await orders.ack([])).toEqual([])
    expect(await orders.nack([])).toEqual([])
    expect(await orders.unreceive([])).toEqual([])
    expect(await orders.extend([], { visibilityTimeoutSeconds: 1 })).toEqual([])
    const outcomes = await orders.publishBatch(Array.from({ length: 60 }, (_, id) => ({ body: { id } })))
    expect(outcomes.every(({ ok }) => ok)).toBe(true)
    expect(new Set(outcomes.map((outcome) => outcome.ok && outcome.messageId)).size).toBe(60)
    const got = []
    for (
      let more = await orders.poll({ maxMessages: 25 });
      more.length > 0;
      more = await orders.poll({ maxMessages: 25 })
    )
      got.push(...more)
    expect(got.map(({ body: { id } }) => id).toSorted((a, b) => a - b)).toEqual(outcomes.map((_, id) => id))
    expect(await orders.extend(got, { visibilityTimeoutSeconds: 90 })).toEqual(got.map(() => ({ ok: true })))
    const [one, two, ...rest] = got
    await orders.nack(one as never, { delaySeconds: 5 })
    await orders.unreceive(two as never)
    expect(await orders.ack(rest.map(({ receiptHandle }) => receiptHandle))).toEqual(rest.map(() => ({ ok: true })))
    expect((await orders.poll()).map(({ body, receiveCount }) => ({ body, receiveCount }))).toEqual([
      { body: two?.body, receiveCount: 1 },
    ])
    await place.clock.advance(5_000)
    expect((await orders.poll()).map(({ body, receiveCount }) => ({ body, receiveCount }))).toEqual([
      { body: one?.body, receiveCount: 2 },
    ])
  })

  test('throws for one message, and returns an outcome for each of several', async () => {
    await place.client.createQueue('orders', { visibilityTimeoutSeconds: 5 })
    const orders = place.client.queue<Order>('orders')
    await expect(orders.ack('rubbish')).rejects.toMatchObject({ code: 'ReceiptHandleInvalid' })
    expect(await orders.ack(['rubbish'])).toEqual([
      { ok: false, error: expect.objectContaining({ code: 'ReceiptHandleInvalid' }) },
    ])
    await orders.publish({ id: 1 })
    const [mine] = await orders.poll()
    await place.clock.advance(5_000)
    const [others] = await orders.poll()
    expect(others?.receiveCount).toBe(2)
    await expect(orders.ack(mine as never)).rejects.toMatchObject({ name: 'HoldfastError', code: 'LeaseLost' })
    await expect(orders.extend(mine as never, { visibilityTimeoutSeconds: 9 })).rejects.toMatchObject({
      code: 'LeaseLost',
    })
  })

  test('refuses with the same errors wherever the queue is', async () => {
    const orders = place.client.queue<Order>('orders')
    await expect(orders.publish({ id: 1 })).rejects.toMatchObject({
      code: 'QueueNotFound',
      fields: { queue: 'orders' },
    })
    await expect(orders.poll()).rejects.toMatchObject({ code: 'QueueNotFound' })
    await place.client.createQueue('orders')
    await expect(orders.publish({ id: 1 }, { delaySeconds: -1 })).rejects.toMatchObject({
      code: 'InvalidRequest',
      fields: { field: expect.stringMatching(/delaySeconds$/) },
    })
    await expect(orders.publish({ id: Number.NaN })).rejects.toMatchObject({ fields: { field: 'body.id' } })
    await expect(orders.get('00000000-0000-8000-8000-000000000000')).rejects.toMatchObject({ code: 'MessageNotFound' })
    await expect(place.client.createQueue('orders', { delaySeconds: 9 })).rejects.toMatchObject({ code: 'QueueExists' })
    expect(
      await orders.publishBatch([{ body: { id: 1 } }, { body: { id: 2n as never } }, { body: { id: 3 } }]),
    ).toMatchObject([{ ok: true }, { ok: false, error: { code: 'InvalidRequest' } }, { ok: true }])
  })

  test('deletes a dead-letter queue that is in use only when forced to', async () => {
    await place.client.createQueue('dead')
    await place.client.createQueue('orders', { deadLetter: { queue: 'dead', maxReceives: 5 } })
    await expect(place.client.deleteQueue('dead')).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: expect.stringMatching(/^queue dead is the dead-letter queue of orders/),
      fields: { value: 'dead' },
    })
    await place.client.deleteQueue('dead', { force: true })
    await expect(place.client.queue('dead').settings()).rejects.toMatchObject({ code: 'QueueNotFound' })
    await place.client.deleteQueue('orders')
  })

  test('names the option that is wrong, wherever the queue is', async () => {
    await place.client.createQueue('orders')
    const orders = place.client.queue<Order>('orders')
    for (const [work, field] of [
      [() => orders.nack(['h'], { delaySeconds: -1 }), 'delaySeconds'],
      [() => orders.nack('h', { deadLetter: true, delaySeconds: 1 }), 'delaySeconds'],
      [() => orders.nack('h', { error: 'why' }), 'error'],
      [() => orders.extend(['h'], { visibilityTimeoutSeconds: -1 }), 'visibilityTimeoutSeconds'],
      [() => orders.ack(['h', undefined as never]), 'messages[1]'],
      [() => orders.ack(undefined as never), 'messages[0]'],
    ] as const) {
      await expect(Promise.resolve().then<unknown>(work)).rejects.toMatchObject({
        code: 'InvalidRequest',
        fields: { field },
      })
    }
    expect(await orders.ack(['', 'h'])).toEqual(
      Array(2).fill({ ok: false, error: expect.objectContaining({ code: 'ReceiptHandleInvalid' }) }),
    )
  })

  test('takes an error of any length as the reason of a dead letter', async () => {
    await place.client.createQueue('dead')
    await place.client.createQueue('orders', { deadLetter: { queue: 'dead', maxReceives: 5 } })
    const orders = place.client.queue<Order>('orders')
    await orders.publish({ id: 1 })
    const [message] = await orders.poll()
    await orders.nack(message as never, { deadLetter: true, error: new Error('x'.repeat(50_000)) })
    const [dead] = (await place.client.queue('dead').browse()).messages
    expect(dead?.deadLetter?.reason).toBe('x'.repeat(1_024))
  })

  test('stores the good ones of publishes made together with a bad one', async () => {
    await place.client.createQueue('orders')
    const orders = place.client.queue<Order>('orders')
    const outcomes = await Promise.allSettled([
      orders.publish({ id: 1 }),
      orders.publish({ id: 2 }, { groupId: 'not a group' }),
      orders.publish({ id: 3, note: 'x'.repeat(1_048_576) }),
      orders.publish({ id: 4 }),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
    expect(outcomes[2]).toMatchObject({ reason: { code: 'MessageTooLarge' } })
    expect((await orders.poll()).map(({ body }) => body.id).toSorted()).toEqual([1, 4])
  })

  test('pauses and resumes the delivery of a queue', async () => {
    await place.client.createQueue('orders')
    const orders = place.client.queue<Order>('orders')
    expect((await orders.pause()).settings.paused).toBe(true)
    await orders.publish({ id: 1 })
    expect(await orders.poll()).toEqual([])
    expect((await orders.settings()).settings.paused).toBe(true)
    expect((await orders.resume()).settings).not.toHaveProperty('paused')
    expect((await orders.poll()).map(({ body }) => body)).toEqual([{ id: 1 }])
  })

  test('takes a due time that is no whole millisecond, and rounds it', async () => {
    await place.client.createQueue('orders')
    const orders = place.client.queue<Order>('orders')
    const at = place.clock.now() + 5_000
    const { messageId } = await orders.publish({ id: 1 }, { dueAt: at + 0.25 })
    expect(await orders.get(messageId)).toMatchObject({ dueAt: at })
    await orders.reschedule(messageId, { dueAt: at + 999.75 })
    expect((await orders.browse()).messages).toMatchObject([{ dueAt: at + 1_000 }])
  })

  test('looks at, reschedules and cancels messages by id, and counts, purges and deletes queues', async () => {
    await place.client.createQueue('orders')
    const orders = place.client.queue<Order>('orders')
    const { messageId } = await orders.publish({ id: 1 }, { delaySeconds: 60 })
    expect(await orders.get(messageId)).toMatchObject({
      state: 'delayed',
      queue: 'orders',
      body: { id: 1 },
      visibleAt: place.clock.now() + 60_000,
    })
    await orders.reschedule(messageId, { dueAt: new Date(place.clock.now() + 5_000) })
    expect((await orders.browse()).messages).toMatchObject([{ messageId, dueAt: place.clock.now() + 5_000 }])
    expect(await orders.counts()).toMatchObject({ ready: 0, delayed: 1, leased: 0 })
    await orders.cancel(messageId)
    await expect(orders.cancel(messageId)).rejects.toMatchObject({ code: 'MessageNotFound' })
    await orders.publish({ id: 2 })
    await place.clock.advance(1)
    await orders.purge()
    expect(await orders.poll()).toEqual([])
    expect((await place.client.listQueues()).queues.map((queue) => queue.name)).toEqual(['orders'])
    await place.client.deleteQueue('orders')
    await expect(place.client.deleteQueue('orders')).rejects.toMatchObject({ code: 'QueueNotFound' })
  })

  test('creates and changes queues with settings that leave out what has a default', async () => {
    const created = await place.client.createQueue('steps.fifo', {
      fifo: { contentBasedDeduplication: true },
      retryPolicy: { initialSeconds: 2 },
      tags: { team: 'a' },
    })
    expect(created.settings).toMatchObject({
      fifo: { contentBasedDeduplication: true, deduplicationScope: 'queue' },
      retryPolicy: { initialSeconds: 2, factor: 2, maximumSeconds: 3_600, jitter: 'full' },
    })
    const steps = place.client.queue<Order>('steps.fifo')
    await steps.update({ retryPolicy: null, visibilityTimeoutSeconds: 9, tags: { team: null } })
    const { settings, tags } = await steps.settings()
    expect(settings).toMatchObject({ visibilityTimeoutSeconds: 9, fifo: { contentBasedDeduplication: true } })
    expect(settings.retryPolicy).toBeUndefined()
    expect(tags).toEqual({})
  })

  test('keeps the order of a FIFO group across concurrent publishes', async () => {
    await place.client.createQueue('steps.fifo', { fifo: { contentBasedDeduplication: false } })
    const steps = place.client.queue<Order>('steps.fifo')
    const sent = await Promise.all(
      Array.from({ length: 40 }, (_, id) => steps.publish({ id }, { groupId: 'g', deduplicationId: `d${id}` })),
    )
    expect(sent.map(({ sequenceNumber }) => sequenceNumber)).toEqual(
      sent.map(({ sequenceNumber }) => sequenceNumber).toSorted(),
    )
    expect(await steps.publish({ id: 0 }, { groupId: 'g', deduplicationId: 'd7' })).toMatchObject({
      messageId: sent[7]?.messageId,
      duplicate: true,
    })
    const first = await steps.poll({ maxMessages: 25 })
    expect(first.map(({ body }) => body.id)).toEqual(Array.from({ length: 25 }, (_, id) => id))
  })

  test('sends a message to the dead-letter queue at once, with the reason', async () => {
    await place.client.createQueue('dead')
    await place.client.createQueue('orders', { deadLetter: { queue: 'dead', maxReceives: 5 } })
    const orders = place.client.queue<Order>('orders')
    const { messageId } = await orders.publish({ id: 1 })
    await orders.publish({ id: 2 })
    const messages = await orders.poll()
    const bad = messages.find((message) => message.messageId === messageId)
    await orders.nack(bad as never, { deadLetter: true, error: new TypeError('no such customer') })
    const dead = place.client.queue<Order>('dead')
    expect(await dead.browse()).toMatchObject({
      messages: [
        {
          messageId,
          body: { id: 1 },
          deadLetter: { queue: 'orders', reason: 'TypeError: no such customer', receiveCount: 1 },
        },
      ],
    })
    await expect(orders.nack(bad as never, { deadLetter: true })).rejects.toMatchObject({ code: 'MessageNotFound' })
    expect(await orders.counts()).toMatchObject({ ready: 0, leased: 1 })
    await expect(orders.nack('x', { error: 'why' })).rejects.toMatchObject({ code: 'InvalidRequest' })
  })

  test('refuses to dead-letter without a dead-letter queue, and the message stays', async () => {
    await place.client.createQueue('orders')
    const orders = place.client.queue<Order>('orders')
    await orders.publish({ id: 1 })
    const [message] = await orders.poll()
    await expect(orders.nack(message as never, { deadLetter: true })).rejects.toMatchObject({ code: 'InvalidRequest' })
    await orders.ack(message as never)
  })

  const positive = z.object({ id: z.number().int().positive() })
  const asyncOrder = type({ id: 'number' }).pipe(async (order) => ({ id: order.id + 0 }))
  test.each<[string, StandardSchema<Order, { id: number }>]>([
    ['zod', positive as never],
    ['zod with an async check', z.object({ id: z.number().refine(async (id) => id > 0) }) as never],
    ['valibot', v.object({ id: v.pipe(v.number(), v.minValue(1)) }) as never],
    ['Effect, a class', Schema.toStandardSchemaV1(Schema.Struct({ id: Schema.Finite })) as never],
    ['ArkType, a function', type({ id: 'number > 0' }) as never],
    ['ArkType with an async morph', asyncOrder as never],
  ])('validates with %s on publish and on receive', async (_, schema) => {
    await place.client.createQueue('dead')
    await place.client.createQueue('orders', { deadLetter: { queue: 'dead', maxReceives: 5 } })
    const orders = place.client.queue('orders', { schema })
    await expect(orders.publish({ id: 'one' } as never)).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: expect.stringContaining('id'),
    })
    // Another producer, or an older version of this one.
    await publish(place.engine, 'orders', [{ body: { id: 'one' } }, { body: { id: 2 } }])
    expect((await orders.poll()).map(({ body }) => body)).toEqual([{ id: 2 }])
    expect(invalid).toMatchObject([{ queue: 'orders', deadLettered: true, message: { body: { id: 'one' } } }])
    const dead = await place.client.queue('dead').browse()
    expect(dead.messages).toMatchObject([
      { deadLetter: { reason: expect.stringMatching(/does not fit the schema: id/) } },
    ])
  })

  test("leaves a message that can't be decoded in its queue where there is no dead-letter queue, and reports it", async () => {
    await place.client.createQueue('pictures')
    await publish(place.engine, 'pictures', [{ body: 'text' }])
    const pictures = place.client.queue('pictures', { codec: bytesCodec() })
    expect(await pictures.poll()).toEqual([])
    expect(invalid).toMatchObject([
      { queue: 'pictures', deadLettered: false, reason: expect.stringContaining('bytes') },
    ])
    expect(await pictures.counts()).toMatchObject({ leased: 1 })
  })

  test('carries bytes and MessagePack', async () => {
    await place.client.createQueue('pictures')
    const pictures = place.client.queue('pictures', { codec: bytesCodec() })
    await pictures.publish(Uint8Array.of(0, 255, 7))
    const [picture] = await pictures.poll()
    expect(picture?.body).toEqual(Uint8Array.of(0, 255, 7))
    await pictures.ack(picture as never)
    const events = place.client.queue('pictures', { codec: messagePackCodec<{ at: Date }>() })
    await events.publish({ at: new Date(5) })
    expect((await events.poll())[0]?.body).toEqual({ at: new Date(5) })
  })

  test('answers nothing to a poll that is called off, and calls off what has not begun', async () => {
    await place.client.createQueue('orders')
    const orders = place.client.queue<Order>('orders')
    const caller = new AbortController()
    const polled = orders.poll({ waitTimeSeconds: 20, signal: caller.signal })
    caller.abort(new Error('enough'))
    expect(await polled).toEqual([])
    await expect(orders.publish({ id: 1 }, { signal: caller.signal })).rejects.toThrow('enough')
    await expect(orders.counts({ signal: caller.signal })).rejects.toThrow('enough')
  })
})
