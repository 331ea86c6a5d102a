import { describe, expect, test } from 'vitest'
import { httpTransport } from '../../../lib/transport/http-transport.ts'
import type { Transport } from '../../../lib/transport/port.ts'
import { unsigned } from '../../../lib/transport/signer.ts'
import {
  HANDLES_ANSWER,
  MESSAGE_ANSWER,
  PUBLISH_ANSWER,
  QUEUE_ANSWER,
  RESULT_ANSWER,
  STORED_ANSWER,
} from './api-answers.ts'

const ID = MESSAGE_ANSWER.messageId

/** A transport to something that gives one answer to every request. */
const answered = (answer: () => Response, calls: string[] = []): Transport =>
  httpTransport({
    url: new URL('http://127.0.0.1:9324'),
    sign: unsigned,
    clock: { now: () => 0, sleep: async () => {} },
    fraction: () => 0,
    fetch: async (url) => {
      calls.push(String(url))
      return answer()
    },
  })
const json = (body: unknown, status = 200) => answered(() => Response.json(body, { status }))
const poll = (transport: Transport) => transport.poll('q', { maxMessages: 1 })

describe('an answer that something else than Holdfast wrote is an error, not a success', () => {
  const GARBAGE: readonly (readonly [string, (transport: Transport) => Promise<unknown>, unknown])[] = [
    ['an ack without a verdict', (t) => t.ack('q', ['h']), { results: [{}] }],
    ['an ack whose verdict is a text', (t) => t.ack('q', ['h']), { results: [{ ok: 'false' }] }],
    ['an ack that is null', (t) => t.ack('q', ['h']), { results: [null] }],
    ['a failed ack without an error', (t) => t.ack('q', ['h']), { results: [{ ok: false }] }],
    ['a message id that is an object', (t) => t.publish('q', [{ body: 1 }]), { messages: [{ messageId: {} }] }],
    ['a publish that is null', (t) => t.publish('q', [{ body: 1 }]), { messages: [null] }],
    ['a publish without an id', (t) => t.publish('q', [{ body: 1 }]), { messages: [{ ok: true }] }],
    ['a polled null', poll, { messages: [null] }],
    ['a polled object', poll, { messages: [{}] }],
    ['a message without a handle', poll, { messages: [{ ...MESSAGE_ANSWER, receiptHandle: undefined }] }],
    ['a message without a body', poll, { messages: [{ ...MESSAGE_ANSWER, body: undefined }] }],
    ['a body in no base64', poll, { messages: [{ ...MESSAGE_ANSWER, bodyBase64: '<b>' }] }],
    ['an instant that is none', poll, { messages: [{ ...MESSAGE_ANSWER, leasedUntil: 'page 1' }] }],
    ['a count below zero', poll, { messages: [{ ...MESSAGE_ANSWER, receiveCount: -1 }] }],
    ['attributes that are null', poll, { messages: [{ ...MESSAGE_ANSWER, attributes: null }] }],
    ['an attribute that is null', poll, { messages: [{ ...MESSAGE_ANSWER, attributes: { a: null } }] }],
    ['a queue without a name', (t) => t.getQueue('q'), { ...QUEUE_ANSWER, name: undefined }],
    ['tags that are no texts', (t) => t.getQueue('q'), { ...QUEUE_ANSWER, tags: { a: 1 } }],
    ['counts that are absent', (t) => t.counts('q'), { ...QUEUE_ANSWER, counts: undefined }],
    ['a page of queues with null', (t) => t.listQueues({}), { queues: [null] }],
    ['a cursor that is a number', (t) => t.listQueues({}), { queues: [], cursor: 1 }],
    ['a message that is an empty object', (t) => t.getMessage('q', ID), {}],
    ['a status that is absent', (t) => t.messageStatus('q', ID), {}],
    ['a state that is a name of every object', (t) => t.messageStatus('q', ID), { status: { state: 'constructor' } }],
    ['a result without a status', (t) => t.awaitResult('q', ID), { result: 1 }],
    ['a failure that is a text', (t) => t.awaitResult('q', ID), { ...RESULT_ANSWER, failure: 'no' }],
    ['a deletion with a page', (t) => t.deleteQueue('q'), {}],
    ['a purge with a page', (t) => t.purgeQueue('q'), { ok: true }],
    ['a cancellation with a page', (t) => t.cancelMessage('q', ID), {}],
  ]

  test.each(GARBAGE)('%s', async (_, call, answer) => {
    await expect(call(json(answer))).rejects.toMatchObject({ name: 'HoldfastError', code: 'StoreUnavailable' })
  })

  test('and a whole answer is a success, also with members that this version does not know', async () => {
    const more = { later: [1] }
    expect(await poll(json({ messages: [{ ...MESSAGE_ANSWER, ...more }], ...more }))).toMatchObject([{ messageId: ID }])
    expect(await json({ ...STORED_ANSWER, ...more }).getMessage('q', ID)).toMatchObject({ state: 'leased' })
    expect(await json({ ...QUEUE_ANSWER, ...more }).getQueue('q')).toMatchObject({ tags: { team: 'a' } })
    expect(await json(QUEUE_ANSWER).counts('q')).toMatchObject({ ready: 1, leased: 2, exact: true })
    expect(await json({ ...RESULT_ANSWER, ...more }).awaitResult('q', ID)).toMatchObject({ result: 1 })
    expect(await json({ ...HANDLES_ANSWER, ...more }).ack('q', ['h'])).toEqual([{ ok: true }])
    expect(await json({ ...PUBLISH_ANSWER, ...more }).publish('q', [{ body: 1 }])).toEqual([
      { ok: true, messageId: ID },
    ])
  })
})

describe('an error that something else than Holdfast wrote', () => {
  const codeOf = (body: unknown, status = 400) =>
    json(body, status)
      .getQueue('q')
      .then(
        () => undefined,
        ({ code, message }: { code?: unknown; message?: unknown }) => ({ code, message }),
      )

  test('has the code of its status where its own is a name that every object has, or no text', async () => {
    for (const code of ['constructor', '__proto__', 'toString', ['Throttled'], 7])
      expect(await codeOf({ code })).toMatchObject({ code: 'InvalidRequest' })
  })

  test('has the status of its answer, whatever the status in its text', async () => {
    expect(await codeOf({ code: 'New', status: 400 }, 503)).toMatchObject({ code: 'StoreUnavailable' })
  })

  test('says that no reason was given where the reason is no text', async () => {
    expect(await codeOf({ code: 'New', detail: {} })).toMatchObject({ message: 'the API gave no reason for New' })
  })
})

describe('something that never lets a call end', () => {
  test('by dates that differ at each refusal, is asked four times at most', async () => {
    const calls: string[] = []
    let year = 2030
    const transport = answered(
      () => new Response('{}', { status: 403, headers: { date: `Tue, 01 Jan ${year++} 00:00:00 GMT` } }),
      calls,
    )
    await expect(transport.getQueue('q')).rejects.toMatchObject({ code: 'AccessDenied' })
    expect(calls).toHaveLength(4)
  })

  test('by an answer without an end, is cut off', async () => {
    let sent = 0
    const endless = () =>
      new Response(
        new ReadableStream({
          pull: (stream) => {
            sent += 1_048_576
            if (sent > 40 * 1_048_576) stream.close()
            else stream.enqueue(new Uint8Array(1_048_576).fill(0x20))
          },
        }),
      )
    await expect(poll(answered(endless))).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(sent).toBeLessThan(20 * 1_048_576)
  })
})
