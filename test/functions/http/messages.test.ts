import { beforeEach, describe, expect, test } from 'vitest'
import { type Api, apiOn, SURFACES } from './surfaces.ts'

describe.each(SURFACES)('messages over HTTP, %s', (_name, surface) => {
  let api: Api
  beforeEach(async () => {
    api = apiOn(surface)
    await api.send('PUT', '/queues/orders', {})
  })

  const publish = (...messages: unknown[]) => api.send('POST', '/queues/orders/messages', { messages })
  const poll = (options: object = {}) => api.send('POST', '/queues/orders/poll', options)

  test('go from publish through poll to ack', async () => {
    const published = await publish({ body: 'first' }, { body: { order: 2 } })
    expect(published.status).toBe(201)
    expect(published.body).toEqual({
      messages: [
        { ok: true, messageId: expect.any(String) },
        { ok: true, messageId: expect.any(String) },
      ],
    })
    const polled = await poll({ maxMessages: 10, visibilityTimeoutSeconds: 60 })
    expect(polled.status).toBe(200)
    expect(polled.body.messages).toEqual([
      {
        messageId: published.body.messages[0].messageId,
        body: 'first',
        attributes: {},
        publishedAt: '2030-01-01T00:00:00.000Z',
        dueAt: '2030-01-01T00:00:00.000Z',
        priority: 0,
        receiptHandle: expect.any(String),
        receiveCount: 1,
        firstReceivedAt: '2030-01-01T00:00:00.000Z',
        leasedUntil: '2030-01-01T00:01:00.000Z',
      },
      expect.objectContaining({ body: { order: 2 } }),
    ])
    const receiptHandles = polled.body.messages.map((message: { receiptHandle: string }) => message.receiptHandle)
    const acked = await api.send('POST', '/queues/orders/ack', { receiptHandles })
    expect(acked).toMatchObject({ status: 200, body: { results: [{ ok: true }, { ok: true }] } })
    await api.clock.advance(61_000)
    expect((await poll()).body).toEqual({ messages: [] })
  })

  const keyed = (key: string, ...messages: unknown[]) =>
    api.send('POST', '/queues/orders/messages', { messages }, { 'idempotency-key': key })

  test('with an idempotency key are stored once, however often they are sent, also when they were acked', async () => {
    const first = await keyed('a-1', { body: 'once' }, { bodyBase64: 'AAH/', priority: 0 })
    expect(first).toMatchObject({ status: 201, body: { messages: [{ ok: true }, { ok: true }] } })
    const polled = await poll({ maxMessages: 10 })
    expect(polled.body.messages).toHaveLength(2)
    const receiptHandles = polled.body.messages.map((message: { receiptHandle: string }) => message.receiptHandle)
    await api.send('POST', '/queues/orders/ack', { receiptHandles })
    const again = await keyed('a-1', { body: 'once' }, { bodyBase64: 'AAH/', priority: 0 })
    expect(again).toMatchObject({ status: 201, body: first.body })
    expect((await poll({ maxMessages: 10 })).body).toEqual({ messages: [] })
    expect((await keyed('a-2', { body: 'once' })).body).not.toEqual(first.body)
    expect((await poll({ maxMessages: 10 })).body.messages).toHaveLength(1)
  })

  test('with an idempotency key of other messages are refused', async () => {
    await keyed('a-1', { body: 'once' })
    expect(await keyed('a-1', { body: 'twice' })).toMatchObject({
      status: 400,
      body: {
        code: 'InvalidRequest',
        field: 'Idempotency-Key',
        value: 'a-1',
        queue: 'orders',
        detail: 'the idempotency key was used before, with other messages: give each call a key of its own',
      },
    })
  })

  test.each(['', 'two words', 'x'.repeat(129), 'é', 'a, b'])('with the idempotency key %j are refused', async (key) => {
    const refused = await keyed(key, { body: 'x' })
    expect(refused).toMatchObject({
      status: 400,
      body: {
        code: 'InvalidRequest',
        field: 'Idempotency-Key',
        detail: expect.stringMatching(
          /^Idempotency-Key must have 1 to 128 printable ASCII characters, none of them a space, but is "/,
        ),
      },
    })
    expect((await poll()).body).toEqual({ messages: [] })
  })

  test('carry text, JSON of every kind, and bytes', async () => {
    const bodies = [
      'text',
      '',
      'ü €  \n',
      0,
      1.5,
      false,
      null,
      [],
      {},
      { a: [1, { b: null }] },
      { ['__proto__']: 'own' },
    ]
    await publish(...bodies.map((body) => ({ body })), { bodyBase64: 'AAH/' }, { bodyBase64: '' })
    const { messages } = (await poll({ maxMessages: 25 })).body
    expect(messages.slice(0, -2).map((message: { body: unknown }) => message.body)).toEqual(bodies)
    expect(messages.slice(-2)).toMatchObject([{ bodyBase64: 'AAH/' }, { bodyBase64: '' }])
    expect(messages.at(-1)).not.toHaveProperty('body')
  })

  test('carry attributes of every type', async () => {
    const attributes = {
      text: 'plain',
      count: 3,
      precise: { dataType: 'Number', value: '12345678901234567890.123' },
      custom: { dataType: 'String.iban', value: 'DE02' },
      bytes: { dataType: 'Binary', valueBase64: 'AAH/' },
    }
    await publish({ body: 'x', attributes })
    expect((await poll()).body.messages[0].attributes).toEqual(attributes)
  })

  test('wait for their delay, or their due time in either form', async () => {
    await publish({ body: 'delay', delaySeconds: 10 })
    await publish({ body: 'iso', dueAt: '2030-01-01T01:00:20+01:00' })
    await publish({ body: 'ms', dueAt: Date.parse('2030-01-01T00:00:30Z') })
    const seen: unknown[] = []
    for (let step = 0; step < 4; step++) {
      const { messages } = (await poll({ maxMessages: 25 })).body
      seen.push(messages.map(({ body }: { body: string }) => body))
      await api.clock.advance(10_000)
    }
    expect(seen).toEqual([[], ['delay'], ['iso'], ['ms']])
  })

  test('come back after a nack, at once or later, and after their lease', async () => {
    await publish({ body: 'x' })
    const first = (await poll({ visibilityTimeoutSeconds: 30 })).body.messages[0]
    const nacked = await api.send('POST', '/queues/orders/nack', { receiptHandles: [first.receiptHandle] })
    expect(nacked).toMatchObject({ status: 200, body: { results: [{ ok: true }] } })
    const second = (await poll()).body.messages[0]
    expect(second).toMatchObject({ messageId: first.messageId, receiveCount: 2 })
    await api.send('POST', '/queues/orders/nack', { receiptHandles: [second.receiptHandle], delaySeconds: 5 })
    expect((await poll()).body.messages).toEqual([])
    await api.clock.advance(5_000)
    expect((await poll()).body.messages[0]).toMatchObject({ receiveCount: 3 })
    await api.clock.advance(30_000)
    expect((await poll()).body.messages[0]).toMatchObject({ receiveCount: 4 })
  })

  test('stay leased for longer when extended, and are free when extended to nothing', async () => {
    await publish({ body: 'x' })
    const [{ receiptHandle }] = (await poll({ visibilityTimeoutSeconds: 10 })).body.messages
    const extend = (visibilityTimeoutSeconds: number) =>
      api.send('POST', '/queues/orders/extend', { receiptHandles: [receiptHandle], visibilityTimeoutSeconds })
    expect((await extend(60)).body).toEqual({ results: [{ ok: true }] })
    await api.clock.advance(30_000)
    expect((await poll()).body.messages).toEqual([])
    expect((await extend(0)).body).toEqual({ results: [{ ok: true }] })
    expect((await poll()).body.messages).toHaveLength(1)
  })

  test('are as if they had not been received once they are unreceived', async () => {
    await publish({ body: 'x' })
    const unreceive = (receiptHandle: string) =>
      api.send('POST', '/queues/orders/unreceive', { receiptHandles: [receiptHandle] })
    const [first] = (await poll()).body.messages
    expect(await unreceive(first.receiptHandle)).toMatchObject({ status: 200, body: { results: [{ ok: true }] } })
    const [again] = (await poll()).body.messages
    expect(again).toMatchObject({ body: 'x', receiveCount: 1 })
    expect((await unreceive(first.receiptHandle)).body.results).toMatchObject([
      { ok: false, error: { code: 'LeaseLost' }, problem: { code: 'LeaseLost' } },
    ])
    expect(await api.send('POST', '/queues/orders/unreceive', {})).toMatchObject({
      status: 400,
      body: { field: 'receiptHandles' },
    })
  })

  test('answer for each receipt handle independently, in order', async () => {
    await publish({ body: 'a' }, { body: 'b' })
    const [a, b] = (await poll({ maxMessages: 2, visibilityTimeoutSeconds: 5 })).body.messages
    await api.clock.advance(6_000)
    // Another consumer receives the message again: the first lease is lost.
    await poll({ maxMessages: 2 })
    await api.send('POST', '/queues/orders/ack', { receiptHandles: [b.receiptHandle] })
    const { status, body } = await api.send('POST', '/queues/orders/ack', {
      receiptHandles: ['no handle', a.receiptHandle],
    })
    expect(status).toBe(200)
    expect(body.results).toMatchObject([
      { ok: false, error: { code: 'ReceiptHandleInvalid', status: 400 }, problem: { code: 'ReceiptHandleInvalid' } },
      { ok: false, error: { code: 'LeaseLost', status: 409 }, problem: { code: 'LeaseLost' } },
    ])
  })

  test('are looked at, put off, brought forward and cancelled by their id', async () => {
    const { messageId } = (await publish({ body: 'x', delaySeconds: 60 })).body.messages[0]
    const path = `/queues/orders/messages/${messageId}`
    expect((await api.send('GET', path)).body).toEqual({
      messageId,
      body: 'x',
      attributes: {},
      publishedAt: '2030-01-01T00:00:00.000Z',
      dueAt: '2030-01-01T00:01:00.000Z',
      priority: 0,
      state: 'delayed',
      queue: 'orders',
      receiveCount: 0,
      visibleAt: '2030-01-01T00:01:00.000Z',
      expiresAt: '2030-01-05T00:01:00.000Z',
      status: { state: 'delayed', visibleAt: '2030-01-01T00:01:00.000Z', receiveCount: 0 },
    })
    const putOff = await api.send('PATCH', path, { dueAt: '2030-01-01T02:00:00Z' })
    expect(putOff).toMatchObject({ status: 200, body: { messageId, visibleAt: '2030-01-01T02:00:00.000Z' } })
    const brought = await api.send('PATCH', path, { delaySeconds: 0 })
    expect(brought).toMatchObject({ status: 200, body: { messageId, state: 'ready' } })
    expect(await api.send('DELETE', path)).toMatchObject({ status: 204, body: undefined })
    expect(await api.send('GET', path)).toMatchObject({ status: 404, body: { code: 'MessageNotFound' } })
  })

  test('can not be cancelled while someone works on them', async () => {
    const { messageId } = (await publish({ body: 'x' })).body.messages[0]
    await poll()
    const path = `/queues/orders/messages/${messageId}`
    expect(await api.send('DELETE', path)).toMatchObject({ status: 409, body: { code: 'OperationInProgress' } })
    expect((await api.send('GET', path)).body).toMatchObject({ state: 'leased', receiveCount: 1 })
  })

  test('are browsed page by page without being received', async () => {
    for (const body of ['a', 'b', 'c']) await publish({ body })
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const query: string = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const page = await api.send('GET', `/queues/orders/messages?limit=1${query}`)
      seen.push(...page.body.messages.map(({ body }: { body: string }) => body))
      cursor = page.body.cursor
    } while (cursor !== undefined)
    expect(seen.toSorted()).toEqual(['a', 'b', 'c'])
    expect((await poll({ maxMessages: 3 })).body.messages).toHaveLength(3)
  })

  test('of a FIFO group are received again up to the first one in flight', async () => {
    const of = (path: string) => `/queues/steps.fifo/${path}`
    await api.send('PUT', '/queues/steps.fifo', {})
    const messages = ['1', '2', '3', '4'].map((body) => ({ body, groupId: 'a' }))
    await api.send('POST', of('messages'), { messages })
    const receive = async () =>
      (await api.send('POST', of('poll'), { maxMessages: 3, visibilityTimeoutSeconds: 60 })).body.messages
    const [one, two, three] = await receive()
    const receiptHandles = [one.receiptHandle, three.receiptHandle]
    expect(await api.send('POST', of('nack'), { receiptHandles })).toMatchObject({ status: 200 })
    expect(await receive()).toMatchObject([{ body: '1', receiveCount: 2 }])
    expect(await receive()).toEqual([])
    const extension = { receiptHandles: [two.receiptHandle], visibilityTimeoutSeconds: 0 }
    expect(await api.send('POST', of('extend'), extension)).toMatchObject({ status: 200 })
    expect(await receive()).toEqual([])
    await api.clock.advance(60_000)
    expect(await receive()).toMatchObject([{ body: '1' }, { body: '2' }, { body: '3' }])
  })

  test('wait for a poll that waits for them', async () => {
    const waiting = poll({ waitTimeSeconds: 20 })
    await api.clock.advance(5_000)
    await publish({ body: 'late' })
    await api.clock.advance(2_000)
    expect((await waiting).body.messages).toMatchObject([{ body: 'late' }])
  })

  test('are taken by nobody when a poll ends empty', async () => {
    const waiting = poll({ waitTimeSeconds: 3 })
    await api.clock.advance(3_000)
    expect(await waiting).toMatchObject({ status: 200, body: { messages: [] } })
  })

  test('that are large come in as many answers as they need', async () => {
    const body = 'x'.repeat(1_000_000)
    for (let call = 0; call < 2; call++) await publish(...Array.from({ length: 4 }, () => ({ body })))
    const first = (await poll({ maxMessages: 8 })).body.messages.length
    expect(first).toBeLessThan(8)
    const second = (await poll({ maxMessages: 8 })).body.messages.length
    expect(first + second).toBe(8)
    expect((await api.send('GET', '/queues/orders/messages?limit=100')).status).toBe(200)
  })
})
