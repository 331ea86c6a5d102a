import { beforeEach, describe, expect, test } from 'vitest'
import { type Api, apiOn, SURFACES } from './surfaces.ts'

describe.each(SURFACES)('results %s', (_, surface) => {
  let api: Api
  beforeEach(async () => {
    api = apiOn(surface)
    await api.send('PUT', '/queues/orders', { results: { retentionSeconds: 600 } })
  })
  const NOW = '2030-01-01T00:00:00.000Z'
  const publish = async (body: unknown = 'x'): Promise<string> =>
    (await api.send('POST', '/queues/orders/messages', { messages: [{ body }] })).body.messages[0].messageId
  const receive = async (): Promise<string> =>
    (await api.send('POST', '/queues/orders/poll', {})).body.messages[0].receiptHandle
  const ack = (body: object) => api.send('POST', '/queues/orders/ack', body)
  const result = (id: string, query = '') => api.send('GET', `/queues/orders/messages/${id}/result${query}`)

  test('are a setting of a queue, which can be taken away', async () => {
    expect((await api.send('GET', '/queues/orders')).body.results).toEqual({ retentionSeconds: 600 })
    expect((await api.send('PATCH', '/queues/orders', { results: null })).body.results).toBeUndefined()
    const short = await api.send('PUT', '/queues/others', { results: { retentionSeconds: 1 } })
    expect(short).toMatchObject({ status: 400, body: { field: 'results.retentionSeconds' } })
  })

  test.each([
    ['JSON', { result: { total: 12 } }],
    ['text', { result: 'done' }],
    ['null', { result: null }],
    ['bytes', { resultBase64: 'AP8H' }],
    ['nothing', {}],
  ])('of %s come back as they were given', async (__, told) => {
    const messageId = await publish()
    expect((await ack({ receiptHandles: [await receive()], ...told })).body).toEqual({ results: [{ ok: true }] })
    expect(await result(messageId)).toMatchObject({
      status: 200,
      body: { messageId, status: { state: 'done', at: NOW }, ...told },
    })
  })

  test('can be one a message', async () => {
    const ids = [await publish('a'), await publish('b'), await publish('c')]
    const receiptHandles = [await receive(), await receive(), await receive()]
    const failure = { name: 'Declined', message: 'no money' }
    await ack({ receiptHandles, results: [{ result: 1 }, {}, { failure }] })
    const answers = await Promise.all(ids.map(async (id) => (await result(id)).body))
    expect(answers).toEqual([
      { messageId: ids[0], status: { state: 'done', at: NOW }, result: 1 },
      { messageId: ids[1], status: { state: 'done', at: NOW } },
      { messageId: ids[2], status: { state: 'failed', at: NOW }, failure },
    ])
  })

  test('have how a message ended at the path of the message, without the result', async () => {
    const messageId = await publish()
    const path = `/queues/orders/messages/${messageId}`
    expect((await api.send('GET', path)).body).toMatchObject({ body: 'x', status: { state: 'ready', receiveCount: 0 } })
    await ack({ receiptHandles: [await receive()], result: 'secret' })
    expect((await api.send('GET', path)).body).toEqual({
      messageId,
      queue: 'orders',
      status: { state: 'done', at: NOW },
    })
    await api.clock.advance(2_000_000)
    expect(await api.send('GET', path)).toMatchObject({ status: 404, body: { code: 'MessageNotFound' } })
  })

  test('are waited for', async () => {
    const messageId = await publish()
    const receiptHandle = await receive()
    const waiting = result(messageId, '?waitTimeSeconds=20')
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    await api.clock.advance(500)
    await ack({ receiptHandles: [receiptHandle], result: 'at last' })
    await api.clock.advance(2_000)
    expect((await waiting).body).toMatchObject({ result: 'at last' })
  })

  test('have the present status when the wait is over', async () => {
    const messageId = await publish()
    expect((await result(messageId)).body).toEqual({ messageId, status: { state: 'ready', receiveCount: 0 } })
  })

  test.each([
    ['a longer wait than there is', async () => result(await publish(), '?waitTimeSeconds=21'), 400],
    ['a wait that is no number', async () => result(await publish(), '?waitTimeSeconds=x'), 400],
    ['what is no message', async () => result('rubbish'), 404],
    [
      'a result and a failure at once',
      () => ack({ receiptHandles: ['h'], result: 1, failure: { name: 'E', message: '' } }),
      400,
    ],
    ['more results than messages', () => ack({ receiptHandles: ['h'], results: [{}, {}] }), 400],
    ['results beside one for all', () => ack({ receiptHandles: ['h'], results: [{}], result: 1 }), 400],
    ['members that nobody knows', () => ack({ receiptHandles: ['h'], results: [{ outcome: 1 }] }), 400],
  ])('are refused for %s', async (__, send, status) => {
    expect((await send()).status).toBe(status)
  })

  test('too large are refused for their message alone', async () => {
    await publish()
    const answer = await ack({ receiptHandles: [await receive()], result: 'x'.repeat(40_000) })
    expect(answer).toMatchObject({
      status: 200,
      body: { results: [{ ok: false, error: { code: 'MessageTooLarge', status: 413 } }] },
    })
  })

  test('of a queue that keeps none are refused both ways', async () => {
    await api.send('PUT', '/queues/plain', {})
    const refused = await api.send('POST', '/queues/plain/ack', { receiptHandles: ['h'], result: 1 })
    expect(refused).toMatchObject({ status: 400, body: { code: 'InvalidRequest', field: 'result' } })
    const id = (await api.send('POST', '/queues/plain/messages', { messages: [{ body: 1 }] })).body.messages[0]
      .messageId
    expect(await api.send('GET', `/queues/plain/messages/${id}/result`)).toMatchObject({ status: 400 })
  })
})
