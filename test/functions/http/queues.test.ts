import { beforeEach, describe, expect, test } from 'vitest'
import { type Api, apiOn, SURFACES } from './surfaces.ts'

const DEFAULTS = {
  visibilityTimeoutSeconds: 30,
  delaySeconds: 0,
  retentionSeconds: 345_600,
  maximumMessageBytes: 1_048_576,
  receiveWaitTimeSeconds: 0,
  priorities: 1,
  shards: 1,
  deduplicationWindowSeconds: 300,
  deduplicationMode: 'window',
}
const CREATED = { createdAt: '2030-01-01T00:00:00.000Z', modifiedAt: '2030-01-01T00:00:00.000Z' }

describe.each(SURFACES)('queues over HTTP, %s', (_name, surface) => {
  let api: Api
  beforeEach(() => {
    api = apiOn(surface)
  })

  test('are created with the defaults of SQS', async () => {
    const { status, body } = await api.send('PUT', '/queues/orders', {})
    expect(status).toBe(201)
    expect(body).toEqual({ name: 'orders', ...DEFAULTS, ...CREATED, tags: {} })
  })

  test('are created without a body too', async () => {
    expect((await api.send('PUT', '/queues/orders')).status).toBe(201)
  })

  test('are created with every setting there is', async () => {
    await api.send('PUT', '/queues/dead', {})
    const settings = {
      visibilityTimeoutSeconds: 60,
      delaySeconds: 5,
      retentionSeconds: 3_600,
      maximumMessageBytes: 2_048,
      receiveWaitTimeSeconds: 20,
      deadLetter: { queue: 'dead', maxReceives: 3 },
      retryPolicy: { initialSeconds: 1, factor: 3, maximumSeconds: 60, jitter: 'none' },
      priorities: 3,
      shards: 2,
      deduplicationWindowSeconds: 600,
      deduplicationMode: 'pending',
      maxInFlightPerGroup: 5,
      tags: { team: 'billing' },
    }
    const { status, body } = await api.send('PUT', '/queues/orders', settings)
    expect(status).toBe(201)
    expect(body).toEqual({ name: 'orders', ...settings, ...CREATED })
  })

  test('get the rest of a retry policy by default', async () => {
    const { body } = await api.send('PUT', '/queues/orders', { retryPolicy: { initialSeconds: 5 } })
    expect(body.retryPolicy).toEqual({ initialSeconds: 5, factor: 2, maximumSeconds: 3_600, jitter: 'full' })
  })

  test('are FIFO queues when their name ends in .fifo', async () => {
    const { status, body } = await api.send('PUT', '/queues/orders.fifo', { fifo: { contentBasedDeduplication: true } })
    expect(status).toBe(201)
    expect(body.fifo).toEqual({
      contentBasedDeduplication: true,
      deduplicationScope: 'queue',
      throughputLimit: 'perQueue',
    })
    expect((await api.send('PUT', '/queues/orders', { fifo: {} })).status).toBe(400)
  })

  test('may be created again with the same settings, not with others', async () => {
    await api.send('PUT', '/queues/orders', { delaySeconds: 5 })
    expect((await api.send('PUT', '/queues/orders', { delaySeconds: 5 })).status).toBe(200)
    expect((await api.send('PUT', '/queues/orders', {})).status).toBe(200)
    expect(await api.send('PUT', '/queues/orders', { delaySeconds: 6 })).toMatchObject({
      status: 409,
      body: { code: 'QueueExists', field: 'delaySeconds', value: 6, queue: 'orders' },
    })
  })

  test('have their settings and the counts of their messages', async () => {
    await api.send('PUT', '/queues/orders', {})
    await api.send('POST', '/queues/orders/messages', {
      messages: [{ body: 1 }, { body: 2 }, { body: 3, delaySeconds: 60 }],
    })
    await api.send('POST', '/queues/orders/poll', { maxMessages: 1 })
    expect((await api.send('GET', '/queues/orders')).body).toEqual({
      name: 'orders',
      ...DEFAULTS,
      ...CREATED,
      tags: {},
      counts: { ready: 1, delayed: 1, leased: 1, oldestReadyAt: '2030-01-01T00:00:00.000Z', exact: true },
    })
  })

  test('change what a PATCH names, and lose what it sets to null', async () => {
    await api.send('PUT', '/queues/dead', {})
    await api.send('PUT', '/queues/orders', {
      deadLetter: { queue: 'dead', maxReceives: 3 },
      retryPolicy: { initialSeconds: 5 },
      maxInFlightPerGroup: 2,
      tags: { team: 'billing', stage: 'test' },
    })
    await api.clock.advance(1_000)
    const { status, body } = await api.send('PATCH', '/queues/orders', {
      delaySeconds: 7,
      deadLetter: null,
      retryPolicy: null,
      maxInFlightPerGroup: null,
      tags: { stage: null, owner: 'me' },
    })
    expect(status).toBe(200)
    expect(body).toEqual({
      name: 'orders',
      ...DEFAULTS,
      delaySeconds: 7,
      createdAt: CREATED.createdAt,
      modifiedAt: '2030-01-01T00:00:01.000Z',
      tags: { team: 'billing', owner: 'me' },
    })
  })

  test('are paused and resumed by a PATCH, and show the setting', async () => {
    expect((await api.send('PUT', '/queues/orders', { paused: true })).body).toMatchObject({ paused: true })
    await api.send('POST', '/queues/orders/messages', { messages: [{ body: 1 }] })
    expect((await api.send('POST', '/queues/orders/poll', {})).body).toEqual({ messages: [] })
    expect((await api.send('GET', '/queues/orders')).body).toMatchObject({ paused: true, counts: { ready: 1 } })
    for (const [paused, shown] of [
      [false, undefined],
      [true, true],
      [null, undefined],
    ]) {
      expect((await api.send('PATCH', '/queues/orders', { paused })).body.paused).toBe(shown)
    }
    expect((await api.send('POST', '/queues/orders/poll', {})).body.messages).toHaveLength(1)
    expect(await api.send('PATCH', '/queues/orders', { paused: 'yes' })).toMatchObject({
      status: 400,
      body: { field: 'paused' },
    })
  })

  test('keep what a PATCH of fifo leaves out', async () => {
    await api.send('PUT', '/queues/orders.fifo', { fifo: { deduplicationScope: 'messageGroup' } })
    const { body } = await api.send('PATCH', '/queues/orders.fifo', { fifo: { contentBasedDeduplication: true } })
    expect(body.fifo).toMatchObject({ deduplicationScope: 'messageGroup', contentBasedDeduplication: true })
  })

  test('are listed by prefix, page by page', async () => {
    for (const name of ['orders', 'orders-dead', 'mail']) await api.send('PUT', `/queues/${name}`, {})
    const first = await api.send('GET', '/queues?prefix=orders&limit=1')
    expect(first).toMatchObject({ status: 200, body: { queues: [{ name: 'orders' }], cursor: expect.any(String) } })
    const second = await api.send(
      'GET',
      `/queues?prefix=orders&limit=1&cursor=${encodeURIComponent(first.body.cursor)}`,
    )
    expect(second.body.queues).toMatchObject([{ name: 'orders-dead' }])
    expect(second.body).not.toHaveProperty('cursor')
    const all = await api.send('GET', '/queues')
    expect(all.body.queues.map(({ name }: { name: string }) => name)).toEqual(['mail', 'orders', 'orders-dead'])
  })

  test('are purged and deleted', async () => {
    await api.send('PUT', '/queues/orders', {})
    await api.send('POST', '/queues/orders/messages', { messages: [{ body: 1 }] })
    expect(await api.send('POST', '/queues/orders/purge')).toMatchObject({ status: 204, body: undefined })
    expect((await api.send('POST', '/queues/orders/poll', {})).body.messages).toEqual([])
    expect(await api.send('DELETE', '/queues/orders')).toMatchObject({ status: 204, body: undefined })
    expect((await api.send('GET', '/queues/orders')).status).toBe(404)
    expect((await api.send('DELETE', '/queues/orders')).status).toBe(404)
  })

  test('send dead letters back where they came from', async () => {
    await api.send('PUT', '/queues/dead', {})
    await api.send('PUT', '/queues/orders', { deadLetter: { queue: 'dead', maxReceives: 1 } })
    await api.send('POST', '/queues/orders/messages', { messages: [{ body: 'poison' }] })
    const [{ receiptHandle }] = (await api.send('POST', '/queues/orders/poll', {})).body.messages
    await api.send('POST', '/queues/orders/nack', { receiptHandles: [receiptHandle] })
    expect((await api.send('POST', '/queues/orders/poll', {})).body.messages).toEqual([])
    const [dead] = (await api.send('GET', '/queues/dead/messages')).body.messages
    expect(dead).toMatchObject({
      body: 'poison',
      state: 'dead-lettered',
      deadLetter: { queue: 'orders', reason: expect.any(String), at: '2030-01-01T00:00:00.000Z', receiveCount: 1 },
    })
    const started = await api.send('POST', '/queues/dead/redrive', {
      maxPerSecond: 10,
      filter: { sourceQueue: 'orders' },
    })
    expect(started).toMatchObject({
      status: 202,
      body: { source: 'dead', state: 'running', moved: 0, toMove: 1, maxPerSecond: 10 },
    })
    const { taskId } = started.body
    expect((await api.send('GET', '/queues/dead/redrive')).body.redrives).toMatchObject([{ taskId }])
    expect((await api.send('GET', `/queues/dead/redrive/${taskId}`)).body).toMatchObject({ taskId, state: 'running' })
    expect(await api.send('POST', '/queues/dead/redrive', {})).toMatchObject({
      status: 409,
      body: { code: 'OperationInProgress' },
    })
    const cancelled = await api.send('DELETE', `/queues/dead/redrive/${taskId}`)
    expect(cancelled).toMatchObject({ status: 200, body: { state: 'cancelled' } })
    expect((await api.send('DELETE', `/queues/dead/redrive/${taskId}`)).status).toBe(400)
    expect((await api.send('GET', '/queues/dead/redrive/unknown')).body).toMatchObject({ code: 'RedriveNotFound' })
  })
})
