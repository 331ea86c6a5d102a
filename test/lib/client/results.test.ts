import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { QueueClient } from '../../../lib/client/queue.ts'
import { messagePackCodec } from '../../../lib/codecs/messagepack.ts'
import type { Received } from '../../../lib/codecs/read-message.ts'
import type { HoldfastError } from '../../../lib/model/errors.ts'
import { settled } from '../../../lib/testing/manual-clock.ts'
import { noEmbedded } from '../../support/embedded.ts'
import { PLACES, type Place } from './places.ts'

interface Order {
  readonly id: number
}

describe.each(PLACES)('the results of a queue %s', (name, openPlace) => {
  if (name === 'on a table' && noEmbedded()) return
  let place: Place
  let orders: QueueClient<Order>

  beforeEach(async () => {
    place = await openPlace({})
    await place.client.createQueue('dead')
    await place.client.createQueue('orders', {
      results: { retentionSeconds: 3_600 },
      deadLetter: { queue: 'dead', maxReceives: 2 },
    })
    orders = place.client.queue<Order>('orders')
  })
  afterEach(() => place.close())

  const receive = async (): Promise<Received<Order>> => (await orders.poll())[0] as Received<Order>
  const waitFor = (id: string, timeoutSeconds = 0) =>
    orders.result(id, { timeoutSeconds }).catch((error: HoldfastError) => error)

  test('are those that its consumers gave', async () => {
    const sent = await orders.publish({ id: 1 })
    expect(Object.keys(sent)).toEqual(['messageId'])
    expect(await sent.status()).toEqual({ state: 'ready', receiveCount: 0 })
    const message = await receive()
    expect(await orders.status(sent.messageId)).toEqual({
      state: 'leased',
      until: place.clock.now() + 30_000,
      receiveCount: 1,
    })
    await orders.ack(message, { result: { total: 12 } })
    expect(await sent.result({ timeoutSeconds: 0 })).toEqual({ total: 12 })
    expect(await sent.status()).toEqual({ state: 'done', at: place.clock.now() })
    await expect(orders.get(sent.messageId)).rejects.toMatchObject({ code: 'MessageNotFound' })
  })

  test('are of each message its own, also in lists longer than a call', async () => {
    const outcomes = await orders.publishBatch(Array.from({ length: 30 }, (_, id) => ({ body: { id } })))
    const messages = [...(await orders.poll({ maxMessages: 25 })), ...(await orders.poll({ maxMessages: 25 }))]
    const results = messages.map(({ body: { id } }) => (id % 7 === 0 ? undefined : `result ${id}`))
    expect(await orders.ack(messages, { results })).toEqual(messages.map(() => ({ ok: true })))
    for (const [id, outcome] of outcomes.entries()) {
      if (!outcome.ok) throw outcome.error
      expect(await outcome.result({ timeoutSeconds: 0 })).toBe(id % 7 === 0 ? undefined : `result ${id}`)
    }
    await expect(orders.ack(messages, { results: [1] })).rejects.toMatchObject({ fields: { field: 'results' } })
  })

  test('are carried by the codec of the queue', async () => {
    const coded = place.client.queue('orders', { codec: messagePackCodec<unknown>() })
    const { messageId } = await coded.publish({ id: 1 })
    const [message] = await coded.poll()
    const result = { at: new Date(0), bytes: Uint8Array.of(1, 2) }
    await coded.ack(message as NonNullable<typeof message>, { result })
    expect(await coded.result(messageId, { timeoutSeconds: 0 })).toEqual(result)
    const { messageId: other } = await orders.publish({ id: 2 })
    const next = await receive()
    await expect(orders.ack(next, { result: { at: new Date(0) } })).rejects.toMatchObject({
      fields: { field: 'body.at' },
    })
    expect((await orders.status(other)).state).toBe('leased')
  })

  test('are failures where a consumer gave one', async () => {
    const { messageId } = await orders.publish({ id: 1 })
    const error = new RangeError('out of stock')
    await orders.ack(await receive(), { failure: error })
    const failure = (await waitFor(messageId)) as HoldfastError
    expect(failure).toMatchObject({ code: 'MessageFailed', fields: { status: { state: 'failed' } } })
    expect(failure.message).toContain('RangeError: out of stock')
    expect(failure.cause).toMatchObject({ name: 'RangeError', message: 'out of stock', stack: error.stack })
  })

  test('show dead letters, with the failure of the last consumer', async () => {
    const { messageId } = await orders.publish({ id: 1 })
    await orders.nack(await receive(), { failure: new Error('first'), delaySeconds: 0 })
    expect(await orders.status(messageId)).toEqual({ state: 'ready', receiveCount: 1 })
    await orders.nack(await receive(), { failure: new Error('second') })
    expect(await waitFor(messageId)).toMatchObject({
      code: 'MessageFailed',
      message: expect.stringMatching(/dead-letter queue dead: Error: second/),
      fields: { status: { state: 'deadLettered', queue: 'dead', reason: 'MaxReceivesExceeded' } },
    })
    // It is still there to be looked at.
    expect(await orders.get(messageId)).toMatchObject({ queue: 'dead', body: { id: 1 } })
  })

  test('show cancelled and purged messages', async () => {
    const cancelled = await orders.publish({ id: 1 })
    await orders.cancel(cancelled.messageId)
    expect(await waitFor(cancelled.messageId)).toMatchObject({
      code: 'MessageGone',
      fields: { status: { state: 'cancelled', at: place.clock.now() } },
    })
    const purged = await orders.publish({ id: 2 })
    await place.clock.advance(1)
    await orders.purge()
    expect(await waitFor(purged.messageId)).toMatchObject({
      code: 'MessageGone',
      fields: { status: { state: 'gone', reason: 'purged' } },
    })
  })

  test('are refused where they are too large, or where the queue keeps none', async () => {
    await orders.publish({ id: 1 })
    const message = await receive()
    await expect(orders.ack(message, { result: 'x'.repeat(40_000) })).rejects.toMatchObject({ code: 'MessageTooLarge' })
    await orders.update({ results: null })
    await place.clock.advance(6_000)
    await expect(orders.ack(message, { result: 1 })).rejects.toMatchObject({
      code: 'InvalidRequest',
      fields: { field: 'result' },
    })
    await expect(orders.result(message.messageId)).rejects.toMatchObject({ code: 'InvalidRequest' })
    expect((await orders.status(message.messageId)).state).toBe('leased')
    await orders.ack(message)
    expect(await orders.status(message.messageId)).toEqual({ state: 'gone' })
  })

  test('are refused for what is no message id', async () => {
    await expect(orders.result('rubbish')).rejects.toMatchObject({ code: 'MessageNotFound' })
    await expect(orders.status('rubbish')).rejects.toMatchObject({ code: 'MessageNotFound' })
  })

  test('are waited for no longer than asked', async () => {
    const { messageId } = await orders.publish({ id: 1 })
    expect(await waitFor(messageId)).toMatchObject({
      code: 'TimedOut',
      fields: { status: { state: 'ready', receiveCount: 0 } },
    })
    await expect(orders.result(messageId, { timeoutSeconds: -1 })).rejects.toMatchObject({ code: 'InvalidRequest' })
    const stop = new AbortController()
    const waiting = orders.result(messageId, { signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })

  test('come anew of a message that is sent again, failed or dead-lettered', async () => {
    const failed = await orders.publish({ id: 1 }, { attributes: { by: { dataType: 'String', value: 'me' } } })
    await expect(orders.resend(failed.messageId)).rejects.toMatchObject({ code: 'OperationInProgress' })
    await orders.ack(await receive(), { failure: new Error('no') })
    const dead = await orders.publish({ id: 2 })
    await orders.nack(await receive(), { deadLetter: true })
    for (const [id, { messageId }] of [failed, dead].entries()) {
      expect(await orders.resend(messageId)).toMatchObject({ messageId, body: { id: id + 1 }, receiveCount: 0 })
      await expect(orders.resend(messageId)).rejects.toMatchObject({ code: 'OperationInProgress' })
      expect(await orders.status(messageId)).toEqual({ state: 'ready', receiveCount: 0 })
      const message = await receive()
      expect(message).toMatchObject({ messageId, body: { id: id + 1 }, receiveCount: 1 })
      expect(message.deadLetter).toBeUndefined()
      await orders.ack(message, { result: `now ${id}` })
      expect(await orders.result(messageId, { timeoutSeconds: 0 })).toBe(`now ${id}`)
      await expect(orders.resend(messageId)).rejects.toMatchObject({ code: 'MessageNotFound' })
    }
    expect((await place.client.queue('dead').browse()).messages).toEqual([])
  })

  test('are missing of messages that can be listed by their state', async () => {
    const ids = async (states: Parameters<typeof orders.browse>[0]) =>
      (await orders.browse(states)).messages.map(({ body }) => (body as unknown as Order).id)
    await orders.publish({ id: 1 }, { delaySeconds: 60 })
    for (const id of [2, 3, 4, 5]) await orders.publish({ id })
    const [leased, backingOff, dead] = await orders.poll({ maxMessages: 3 })
    await orders.nack(backingOff as never, { delaySeconds: 10 })
    await orders.nack(dead as never, { deadLetter: true })
    expect(await ids({ states: ['delayed'] })).toEqual([1])
    expect(await ids({ states: ['leased'] })).toEqual([leased?.body.id])
    expect(await ids({ states: ['backingOff'] })).toEqual([backingOff?.body.id])
    expect(await ids({ states: ['ready'] })).toEqual([5])
    expect(await ids({ states: ['deadLettered'] })).toEqual([dead?.body.id])
    expect((await ids({ states: ['ready', 'leased', 'backingOff'] })).toSorted()).toEqual(
      [leased?.body.id, backingOff?.body.id, 5].toSorted(),
    )
    await expect(ids({ states: ['done' as never] })).rejects.toMatchObject({ fields: { field: 'states' } })
    await expect(ids({ states: ['ready', 'deadLettered'] })).rejects.toMatchObject({ fields: { field: 'states' } })
    const dead2 = place.client.queue<Order>('dead')
    expect((await dead2.browse({ states: ['deadLettered'] })).messages).toHaveLength(1)
  })

  test('are what a worker returns, and its failures', async () => {
    const [good, plain, odd, bad] = await Promise.all([1, 2, 3, 4].map((id) => orders.publish({ id })))
    const worker = orders.consume(
      ({ body: { id } }) => {
        if (id === 4) throw new TypeError('bad order')
        return id === 1 ? { done: id } : id === 3 ? { when: new Date(0) } : undefined
      },
      { concurrency: 4, onError: () => {} },
    )
    const states = async () => Promise.all([good, plain, odd, bad].map(async (sent) => (await sent?.status())?.state))
    for (let turn = 0; turn < 200 && (await states()).join() !== 'done,done,done,deadLettered'; turn++) {
      await place.clock.advance(100)
      await settled()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await states()).toEqual(['done', 'done', 'done', 'deadLettered'])
    await worker.stop({ drainSeconds: 0 })
    expect(await good?.result({ timeoutSeconds: 0 })).toEqual({ done: 1 })
    expect(await plain?.result({ timeoutSeconds: 0 })).toBeUndefined()
    expect(await waitFor(odd?.messageId as string)).toMatchObject({
      code: 'ResultNotStored',
      message: expect.stringMatching(/can't be encoded as JSON.*Date/),
    })
    expect(await waitFor(bad?.messageId as string)).toMatchObject({
      code: 'MessageFailed',
      cause: { name: 'TypeError', message: 'bad order' },
    })
  })
})
