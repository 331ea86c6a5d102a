import { beforeEach, describe, expect, test } from 'vitest'
import { awaiting } from '../../../lib/client/awaiting.ts'
import { type Publishing, publishing } from '../../../lib/client/publishing.ts'
import { jsonCodec } from '../../../lib/codecs/json.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { noTelemetry } from '../../../lib/telemetry/telemetry.ts'
import { httpTransport } from '../../../lib/transport/http-transport.ts'
import { unsigned } from '../../../lib/transport/signer.ts'
import { engineWithQueue, type TestEngine } from '../../support/test-engine.ts'
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

  test('fails when every try is lost, and says that it is not known', async () => {
    losses = Array(4).fill('answer')
    await expect(orders.publish({ id: 1 })).rejects.toMatchObject({
      code: 'StoreUnavailable',
      retryable: true,
    })
    expect(requests).toBe(4)
    expect(await acked()).toEqual([{ id: 1 }])
  })
})
