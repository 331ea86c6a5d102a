import { beforeEach, describe, expect, test } from 'vitest'
import { awaiting } from '../../../lib/client/awaiting.ts'
import { type Publishing, publishing } from '../../../lib/client/publishing.ts'
import { jsonCodec } from '../../../lib/codecs/json.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { noTelemetry } from '../../../lib/telemetry/telemetry.ts'
import { httpTransport } from '../../../lib/transport/http-transport.ts'
import type { Transport } from '../../../lib/transport/port.ts'
import { unsigned } from '../../../lib/transport/signer.ts'
import { engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'
import { appFetch } from './places.ts'

/** Publishes over HTTP through a network that loses requests and answers, against the real API. */
describe('a publish over HTTP', () => {
  type Loss = 'request' | 'answer' | 'none'
  let engine: TestEngine
  let losses: Loss[]
  /** What others do after a request has arrived and before its answer is lost. */
  let meanwhile: () => Promise<void>
  let requests: number
  let orders: Publishing<{ id: number }>

  beforeEach(async () => {
    engine = await engineWithQueue()
    losses = []
    requests = 0
    meanwhile = async () => {}
    const serve = appFetch(engine)
    const lossy: typeof fetch = async (input, init) => {
      requests++
      const loss = losses.shift() ?? 'none'
      if (loss === 'request') throw new TypeError('fetch failed')
      const answer = await serve(input, init)
      if (loss === 'none') return answer
      await meanwhile()
      throw new TypeError('fetch failed')
    }
    const clock = { now: () => engine.clock.now(), sleep: async () => {} }
    const transport = httpTransport({ url: new URL('http://localhost:9324'), sign: unsigned, clock, fetch: lossy })
    const parts = { codec: jsonCodec(), schema: undefined, telemetry: noTelemetry }
    const awaits = awaiting({ transport, name: 'orders', clock, codec: parts.codec })
    orders = publishing({ transport, name: 'orders', lingerMs: 0, clock, awaits, ...parts })
  })

  const acked = async (): Promise<unknown[]> => {
    const messages = await poll(engine, 'orders', { maxMessages: 25 })
    if (messages.length > 0) {
      await ack(
        engine,
        'orders',
        messages.map(({ receiptHandle }) => receiptHandle),
      )
    }
    return messages.map(({ body }) => body)
  }

  test.each<[Loss[]]>([
    [['request']],
    [['answer']],
    [['answer', 'request', 'answer']],
    [['request', 'answer', 'answer']],
  ])('that loses %j is stored once', async (lost) => {
    losses = [...lost]
    const { messageId } = await orders.publish({ id: 1 })
    expect(requests).toBe(lost.length + 1)
    const [message, ...others] = await poll(engine, 'orders', { maxMessages: 10 })
    expect([message?.messageId, message?.body, others]).toEqual([messageId, { id: 1 }, []])
  })

  test('is not stored again when its message was received and acked before the repeat', async () => {
    const bodies: unknown[] = []
    losses = ['answer', 'answer']
    meanwhile = async () => {
      bodies.push(...(await acked()))
    }
    const sent = await orders.publish({ id: 1 })
    expect(sent).toEqual({ messageId: expect.any(String) })
    expect([...bodies, ...(await acked())]).toEqual([{ id: 1 }])
  })

  test('of many messages at once is stored once each, in whatever calls they travel', async () => {
    losses = ['answer', 'request', 'answer']
    const bodies: unknown[] = []
    meanwhile = async () => {
      bodies.push(...(await acked()))
    }
    const alone = await Promise.all(Array.from({ length: 60 }, (_, id) => orders.publish({ id })))
    losses = ['answer', 'answer']
    const batch = await orders.publishBatch(Array.from({ length: 60 }, (_, id) => ({ body: { id: 60 + id } })))
    for (let more = await acked(); more.length > 0; more = await acked()) bodies.push(...more)
    const ids = (bodies as { id: number }[]).map(({ id }) => id).toSorted((a, b) => a - b)
    expect(ids).toEqual(Array.from({ length: 120 }, (_, id) => id))
    expect(batch.every(({ ok }) => ok)).toBe(true)
    expect(new Set(alone.map(({ messageId }) => messageId)).size).toBe(60)
  })

  test('fails when every answer is lost, with an error that says that it may be done', async () => {
    losses = Array(4).fill('answer')
    await expect(orders.publish({ id: 1 })).rejects.toMatchObject({
      code: 'StoreUnavailable',
      retryable: true,
    })
    expect(requests).toBe(4)
    expect(await acked()).toEqual([{ id: 1 }])
  })
})

/** Settlements over HTTP whose answer is lost, while another consumer receives what they gave back. */
describe('a settlement over HTTP whose answer is lost', () => {
  let engine: TestEngine
  let lost: number
  /** Whether a request whose answer is lost arrives. */
  let arrives: boolean
  let meanwhile: () => Promise<unknown>
  let transport: Transport

  beforeEach(async () => {
    engine = testEngine()
    await createQueue(engine, 'dead')
    await createQueue(engine, 'orders', { settings: { deadLetter: { queue: 'dead', maxReceives: 5 } } })
    lost = 0
    arrives = true
    meanwhile = async () => {}
    const serve = appFetch(engine)
    const lossy: typeof fetch = async (input, init) => {
      if (lost === 0) return serve(input, init)
      lost--
      if (arrives) await serve(input, init)
      await meanwhile()
      throw new TypeError('fetch failed')
    }
    const clock = { now: () => engine.clock.now(), sleep: async () => {} }
    transport = httpTransport({ url: new URL('http://localhost:9324'), sign: unsigned, clock, fetch: lossy })
  })

  const received = async (): Promise<string> => {
    await publish(engine, 'orders', [{ body: 1 }])
    const [message] = await poll(engine, 'orders')
    return message?.receiptHandle as string
  }
  const verbs = {
    nack: (receiptHandle: string) => transport.nack('orders', [{ receiptHandle, delaySeconds: 0 }]),
    unreceive: (receiptHandle: string) => transport.unreceive('orders', [receiptHandle]),
    'extend to nothing': (receiptHandle: string) =>
      transport.extend('orders', [{ receiptHandle, visibilityTimeoutSeconds: 0 }]),
  }

  describe.each(Object.entries(verbs))('%s', (_name, verb) => {
    test('was done, also where another consumer has the message by the repeat', async () => {
      const handle = await received()
      lost = 1
      const others: number[] = []
      meanwhile = async () => void others.push((await poll(engine, 'orders')).length)
      expect(await verb(handle)).toEqual([{ ok: true }])
      expect(others).toEqual([1])
    })

    test('was done, also where another consumer has acked the message by the repeat', async () => {
      const handle = await received()
      lost = 1
      meanwhile = async () => ack(engine, 'orders', [(await poll(engine, 'orders'))[0]?.receiptHandle as string])
      expect(await verb(handle)).toEqual([{ ok: true }])
    })

    test('without a lost answer fails with LeaseLost', async () => {
      const handle = await received()
      await engine.clock.advance(31_000)
      expect(await poll(engine, 'orders')).toHaveLength(1)
      expect(await verb(handle)).toEqual([{ ok: false, error: expect.objectContaining({ code: 'LeaseLost' }) }])
    })
  })

  test('a nack to the dead-letter queue was done where the message is gone from its queue by the repeat', async () => {
    const handle = await received()
    lost = 2
    const nacked = await transport.nack('orders', [{ receiptHandle: handle, deadLetter: true, error: 'bad' }])
    expect(nacked).toEqual([{ ok: true }])
    expect(await poll(engine, 'dead')).toHaveLength(1)
  })

  test('a nack to the dead-letter queue was not done where another consumer has the message by the repeat', async () => {
    const handle = await received()
    lost = 1
    arrives = false
    meanwhile = async () => {
      await engine.clock.advance(31_000)
      expect(await poll(engine, 'orders')).toHaveLength(1)
    }
    const nacked = await transport.nack('orders', [{ receiptHandle: handle, deadLetter: true, error: 'bad' }])
    expect(nacked).toEqual([{ ok: false, error: expect.objectContaining({ code: 'LeaseLost' }) }])
    expect(await poll(engine, 'dead')).toEqual([])
  })

  test('an extension fails with LeaseLost where another consumer has the message, whatever answers were lost', async () => {
    const handle = await received()
    await engine.clock.advance(29_000)
    lost = 1
    meanwhile = async () => {
      await engine.clock.advance(31_000)
      expect(await poll(engine, 'orders')).toHaveLength(1)
    }
    expect(await transport.extend('orders', [{ receiptHandle: handle, visibilityTimeoutSeconds: 30 }])).toEqual([
      { ok: false, error: expect.objectContaining({ code: 'LeaseLost' }) },
    ])
  })
})
