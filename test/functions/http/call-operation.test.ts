import { describe, expect, test } from 'vitest'
import { createApp } from '../../../functions/http/app.ts'
import { callOperation } from '../../../functions/http/call-operation.ts'
import { allOperations } from '../../../functions/operations/all.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import type { Engine } from '../../../lib/engine.ts'
import { engineWithQueue } from '../../support/test-engine.ts'

const appOn = (engine: Engine) =>
  createApp({ operations: allOperations(async () => {}), engine: () => engine, log: silentLog })

const POST = { method: 'POST', path: '/queues/orders/messages' }

describe('an operation called in the process', () => {
  test('answers the JSON of its route', async () => {
    const app = appOn(await engineWithQueue())
    const published = await callOperation(app, { ...POST, body: { messages: [{ body: { id: 1 } }] } })
    expect(published).toMatchObject({ ok: true, status: 201, body: { messages: [{ ok: true }] } })
    const browsed = await callOperation(app, { method: 'GET', path: '/queues/orders/messages', query: { limit: 1 } })
    expect(browsed).toMatchObject({ ok: true, status: 200, body: { messages: [{ body: { id: 1 }, state: 'ready' }] } })
  })

  test('answers no body where its route has none', async () => {
    const app = appOn(await engineWithQueue())
    const deleted = await callOperation(app, { method: 'DELETE', path: '/queues/orders' })
    expect(deleted).toEqual({ ok: true, status: 204, body: undefined })
  })

  test('leaves out members of the query that are undefined', async () => {
    const app = appOn(await engineWithQueue())
    const query = { prefix: undefined, limit: 1 }
    const answer = await callOperation(app, { method: 'GET', path: '/queues', query })
    expect(answer).toMatchObject({ ok: true, body: { queues: [{ name: 'orders' }] } })
  })

  test('carries headers: a repeat under an idempotency key stores nothing more', async () => {
    const app = appOn(await engineWithQueue())
    const call = { ...POST, body: { messages: [{ body: 'once' }] }, headers: { 'Idempotency-Key': 'k' } }
    const first = await callOperation(app, call)
    expect(await callOperation(app, call)).toEqual(first)
  })

  test('answers the problem of a refusal', async () => {
    const app = appOn(await engineWithQueue())
    const call = { method: 'GET', path: '/queues/orders/messages', query: { limit: 1_000 } }
    expect(await callOperation(app, call)).toMatchObject({
      ok: false,
      status: 400,
      problem: { code: 'InvalidRequest', field: 'limit' },
    })
    expect(await callOperation(app, { method: 'GET', path: '/queues/nothing' })).toMatchObject({
      ok: false,
      status: 404,
      problem: { code: 'QueueNotFound', queue: 'nothing' },
    })
  })

  test.each(['/queues/../health', '/queues/a b', '/queues/a%2Fb', '/queues/orders?x', '/queues/orders/'])(
    'refuses the path %s as the API does',
    async (path) => {
      const app = appOn(await engineWithQueue())
      const answer = await callOperation(app, { method: 'GET', path })
      expect(answer.ok).toBe(false)
      expect([400, 404]).toContain(answer.status)
    },
  )

  test('ends a long poll when the caller leaves', async () => {
    const app = appOn(await engineWithQueue())
    const leaving = new AbortController()
    const path = '/queues/orders/poll'
    const polling = callOperation(app, { method: 'POST', path, body: { waitTimeSeconds: 20 }, signal: leaving.signal })
    leaving.abort(new Error('the caller left'))
    await expect(polling).rejects.toThrow('the caller left')
  })

  test('is not made for a caller who has left', async () => {
    const engine = await engineWithQueue()
    const signal = AbortSignal.abort(new Error('the caller left'))
    const body = { messages: [{ body: 'unsent' }] }
    await expect(callOperation(appOn(engine), { ...POST, body, signal })).rejects.toThrow('the caller left')
    const { body: page } = (await callOperation(appOn(engine), { ...POST, method: 'GET' })) as { body: unknown }
    expect(page).toEqual({ messages: [] })
  })
})
