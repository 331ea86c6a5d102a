import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../lib/clock.ts'
import type { HttpTransportParts } from '../../../lib/transport/http-call.ts'
import { httpTransport } from '../../../lib/transport/http-transport.ts'
import { unsigned } from '../../../lib/transport/signer.ts'

type Answer = (() => Response) | 'lost'

const problem = (status: number, code: string) => () => Response.json({ code, detail: 'refused' }, { status })
const ok = (body: object) => () => Response.json(body)
const gateway = (status: number, message: string) => () => Response.json({ message }, { status })

/** A transport whose server gives these answers in turn; waits between tries end at once. */
const answering = (...answers: Answer[]) => answeringWith({}, ...answers)
const answeringWith = (parts: Partial<HttpTransportParts>, ...answers: Answer[]) => {
  const calls: string[] = []
  const keys: (string | null)[] = []
  const clock: Clock = { now: () => 0, sleep: async () => {} }
  const transport = httpTransport({
    url: new URL('http://127.0.0.1:9324/base'),
    sign: unsigned,
    clock,
    fraction: () => 0,
    ...parts,
    fetch: async (input, init) => {
      keys.push(new Headers(init?.headers).get('idempotency-key'))
      calls.push(`${init?.method} ${new URL(String(input)).pathname}`)
      const answer = answers.shift()
      if (answer === undefined) throw new Error('more calls than answers')
      if (answer === 'lost') throw new TypeError('fetch failed')
      return answer()
    },
  })
  return { transport, calls, keys }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const stored = ok({ messages: [{ ok: true, messageId: 'm' }] })
const polled = { maxMessages: 1, waitTimeSeconds: 0 }

describe('what the HTTP transport repeats', () => {
  test.each<[string, Answer]>([
    ['a lost answer', 'lost'],
    ['503', problem(503, 'StoreUnavailable')],
    ['429', problem(429, 'Throttled')],
  ])('a poll is never repeated: %s', async (_, answer) => {
    const { transport, calls } = answering(answer)
    await expect(transport.poll('q', polled)).rejects.toMatchObject({ name: 'HoldfastError', retryable: true })
    expect(calls).toEqual(['POST /base/queues/q/poll'])
  })

  test.each<[string, Answer]>([
    ['a lost answer', 'lost'],
    ['503', problem(503, 'StoreUnavailable')],
    ['504 of a gateway', gateway(504, 'Endpoint request timed out')],
    ['500 of a gateway, whose function crashed', gateway(500, 'Internal Server Error')],
  ])('a publish that may have been stored is repeated under the same idempotency key: %s', async (_, answer) => {
    const { transport, keys } = answering(answer, answer, stored, stored)
    expect(await transport.publish('q', [{ body: 1 }])).toEqual([{ ok: true, messageId: 'm' }])
    expect(keys).toEqual(Array(3).fill(expect.stringMatching(UUID)))
    expect(new Set(keys).size).toBe(1)
    await transport.publish('q', [{ body: 1 }])
    expect(new Set(keys).size).toBe(2)
  })

  test('a publish whose repeat is refused fails with an error that says that the first try may have been stored', async () => {
    for (const refusal of [problem(400, 'InvalidRequest'), problem(404, 'QueueNotFound'), gateway(403, 'Forbidden')]) {
      const { transport } = answering('lost', refusal)
      await expect(transport.publish('q', [{ body: 1 }])).rejects.toMatchObject({
        code: 'StoreUnavailable',
        message: expect.stringContaining('an earlier try may have succeeded'),
        cause: expect.objectContaining({ name: 'HoldfastError', retryable: false }),
      })
    }
    const { transport } = answering('lost', ...Array(3).fill(problem(429, 'Throttled')))
    await expect(transport.publish('q', [{ body: 1 }])).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  test('a publish that is refused or throttled at each try fails with an error that says that nothing was stored', async () => {
    for (const [status, code, tries] of [
      [400, 'InvalidRequest', 1],
      [429, 'Throttled', 4],
    ] as const) {
      const { transport, calls } = answering(...Array(tries).fill(problem(status, code)))
      await expect(transport.publish('q', [{ body: 1 }])).rejects.toMatchObject({ code })
      expect(calls).toHaveLength(tries)
    }
  })

  test('a publish is not repeated once the server may have forgotten its key, as after the sleep of a laptop', async () => {
    let now = 0
    const sleeping: Clock = {
      now: () => now,
      sleep: async () => {
        now += 301_000
      },
    }
    const { transport, calls } = answeringWith({ clock: sleeping }, 'lost', 'lost', stored)
    await expect(transport.publish('q', [{ body: 1 }])).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(calls).toHaveLength(1)
  })

  const unkeyed = (...answers: Answer[]) => answeringWith({ idempotentPublish: false }, ...answers)

  test.each<[string, Answer]>([
    ['a lost answer', 'lost'],
    ['503', problem(503, 'StoreUnavailable')],
  ])('a publish without an idempotency key that may have been stored is not repeated: %s', async (_, answer) => {
    for (const queue of ['q', 'q.fifo']) {
      const { transport, keys } = unkeyed(answer)
      await expect(transport.publish(queue, [{ body: 1 }])).rejects.toMatchObject({ code: 'StoreUnavailable' })
      expect(keys).toEqual([null])
    }
  })

  test('one message without a deduplication id keeps the whole publish from being repeated', async () => {
    const { transport, calls } = unkeyed('lost')
    const messages = [{ body: 1, deduplicationId: 'a' }, { body: 2 }]
    await expect(transport.publish('q', messages)).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(calls).toHaveLength(1)
  })

  test('a publish with deduplication ids is repeated after a lost answer', async () => {
    const { transport, calls } = unkeyed('lost', stored)
    expect(await transport.publish('q', [{ body: 1, deduplicationId: 'a' }])).toEqual([{ ok: true, messageId: 'm' }])
    expect(calls).toHaveLength(2)
  })

  test('a throttled publish, which stored nothing, is repeated', async () => {
    const { transport, calls } = answering(problem(429, 'Throttled'), gateway(429, 'Too Many Requests'), stored)
    expect(await transport.publish('q', [{ body: 1 }])).toEqual([{ ok: true, messageId: 'm' }])
    expect(calls).toHaveLength(3)
  })

  test.each<[string, Answer]>([
    ['a lost answer', 'lost'],
    ['503', problem(503, 'StoreUnavailable')],
    ['429', problem(429, 'Throttled')],
  ])('an ack is repeated: %s', async (_, answer) => {
    const { transport, calls } = answering(answer, ok({ results: [{ ok: true }] }))
    expect(await transport.ack('q', ['h'])).toEqual([{ ok: true }])
    expect(calls).toEqual(['POST /base/queues/q/ack', 'POST /base/queues/q/ack'])
  })

  test('a deletion whose answer was lost has succeeded when the repeat finds no queue', async () => {
    const { transport } = answering('lost', problem(404, 'QueueNotFound'))
    await transport.deleteQueue('q')
  })

  test('a deletion of a queue that is not there fails, also after a throttled try', async () => {
    const { transport } = answering(problem(429, 'Throttled'), problem(404, 'QueueNotFound'))
    await expect(transport.deleteQueue('q')).rejects.toMatchObject({ code: 'QueueNotFound' })
  })

  test('four tries at most', async () => {
    const { transport, calls } = answering('lost', 'lost', 'lost', 'lost')
    await expect(transport.ack('q', ['h'])).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(calls).toHaveLength(4)
  })

  test('an aborted signal ends the tries with its reason', async () => {
    const stop = new AbortController()
    const { transport, calls } = answering(() => {
      stop.abort(new Error('enough'))
      return problem(503, 'StoreUnavailable')()
    })
    await expect(transport.ack('q', ['h'], { signal: stop.signal })).rejects.toThrow('enough')
    expect(calls).toHaveLength(1)
  })
})

test.each([
  [403, 'Forbidden', 'AccessDenied'],
  [401, 'Unauthorized', 'AccessDenied'],
  [413, 'Request Too Long', 'MessageTooLarge'],
  [429, 'Too Many Requests', 'Throttled'],
  [504, 'Endpoint request timed out', 'StoreUnavailable'],
])("API Gateway's own %i is a HoldfastError", async (status, message, code) => {
  const { transport } = answering(gateway(status, message))
  await expect(transport.poll('q', polled)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
})
