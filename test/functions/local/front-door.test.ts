import { beforeEach, describe, expect, test } from 'vitest'
import type { FrontDoor } from '../../../functions/local/front-door.ts'
import { ACTION_NAMES } from '../../../functions/sqs/model.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { listQueueNames } from '../../../lib/queues/list-queues.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'
import { testFrontDoor } from './test-front-door.ts'

const BASE = 'http://127.0.0.1:9324'
const SIGNED = {
  authorization: 'AWS4-HMAC-SHA256 Credential=x/20260301/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0',
}
const PRESIGNED = '&X-Amz-Credential=x%2F20260301%2Fus-east-1%2Fsqs%2Faws4_request&X-Amz-Signature=0'
const READS = [
  'GetQueueAttributes',
  'GetQueueUrl',
  'ListDeadLetterSourceQueues',
  'ListMessageMoveTasks',
  'ListQueueTags',
  'ListQueues',
]

let engine: TestEngine
beforeEach(async () => {
  engine = testEngine()
  await createQueue(engine, 'v')
})

const send = async (door: FrontDoor, target: string, init: RequestInit = {}) => {
  const headers = { host: '127.0.0.1:9324', ...(init.headers as Record<string, string>) }
  const request = new Request(BASE + target, { ...init, headers })
  const response = await door(request, { target, signal: new AbortController().signal })
  return { status: response.status, text: await response.text() }
}

const queues = async (): Promise<readonly string[]> => (await listQueueNames(engine, { scope: '', limit: 10 })).names

describe('a GET of the query protocol, without --auth', () => {
  test.each(ACTION_NAMES.filter((action) => !READS.includes(action)))('is refused for %s', async (action) => {
    const target = `/?Action=${action}&QueueName=new&QueueUrl=${BASE}/000000000000/v`
    const { status, text } = await send(testFrontDoor(engine), target)
    expect(status).toBe(403)
    expect(text).toContain('<Code>AccessDenied</Code>')
    expect(text).toContain('send it as a POST')
    expect(await queues()).toEqual(['v'])
  })

  test.each(READS)('is answered for %s', async (action) => {
    const { status, text } = await send(testFrontDoor(engine), `/?Action=${action}&QueueUrl=${BASE}/000000000000/v`)
    expect([status, text]).not.toEqual([403, expect.anything()])
  })

  test('changes what it names when a header signs it, and not when only the URL does', async () => {
    const door = testFrontDoor(engine)
    const target = '/?Action=CreateQueue&QueueName=new'
    expect((await send(door, target + PRESIGNED)).status).toBe(403)
    expect(await queues()).toEqual(['v'])
    expect((await send(door, target, { headers: SIGNED })).status).toBe(200)
    expect(await queues()).toEqual(['new', 'v'])
  })

  test('is answered as an unknown action when it is none', async () => {
    const { status, text } = await send(testFrontDoor(engine), '/?Action=Nothing')
    expect([status, text]).toEqual([400, expect.stringContaining('<Code>InvalidAction</Code>')])
  })
})

describe('a page of another site', () => {
  const page = { referer: 'https://evil.example/' }
  test('reaches neither protocol, and is answered in the one that it speaks', async () => {
    const door = testFrontDoor(engine)
    const inQuery = await send(door, `/?Action=ListQueues`, { headers: page })
    expect([inQuery.status, inQuery.text]).toEqual([403, expect.stringContaining('<Code>AccessDenied</Code>')])
    const inJson = await send(door, '/', {
      method: 'POST',
      headers: { ...page, 'x-amz-target': 'AmazonSQS.ListQueues' },
      body: '{}',
    })
    expect([inJson.status, JSON.parse(inJson.text)]).toEqual([
      403,
      { __type: 'com.amazonaws.sqs#AccessDenied', message: 'a page of https://evil.example/ sent the request.' },
    ])
    const http = await send(door, '/queues/v', { method: 'DELETE', headers: page })
    expect([http.status, JSON.parse(http.text)]).toMatchObject([403, { code: 'CallerRefused' }])
    expect(await queues()).toEqual(['v'])
  })

  test('may read the health and the description of the API, which contain nothing of queues', async () => {
    const door = testFrontDoor(engine)
    expect(await send(door, '/health', { headers: page })).toEqual({ status: 200, text: '{"status":"ok"}' })
    const { status, text } = await send(door, '/openapi.json', { headers: page })
    expect([status, JSON.parse(text)]).toEqual([200, expect.objectContaining({ openapi: '3.1.0' })])
  })
})

describe('a browser', () => {
  const browser = { accept: 'text/html,application/xhtml+xml' }

  test('finds the console at the address that the server prints', async () => {
    const { status, text } = await send(testFrontDoor(engine), '/', { headers: browser })
    expect([status, text]).toEqual([200, expect.stringContaining('<a href="/console">')])
    const console = await send(testFrontDoor(engine), '/console', { headers: browser })
    expect([console.status, console.text]).toEqual([200, expect.stringContaining('/console/queues/v')])
  })

  test.each([
    [{ origin: 'https://evil.example' }],
    [{ referer: 'https://evil.example/page' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ host: 'evil.example' }],
  ])('gets nothing of the console for a page of another site: %j', async (headers) => {
    for (const target of ['/console', '/console/queues/v', '/console?prefix=v']) {
      const { status, text } = await send(testFrontDoor(engine), target, { headers })
      expect([status, JSON.parse(text)]).toMatchObject([403, { code: 'CallerRefused' }])
    }
    const init = { method: 'POST', headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' } }
    expect((await send(testFrontDoor(engine), '/console/queues/v/delete', init)).status).toBe(403)
    expect(await queues()).toEqual(['v'])
  })
})

describe('a form at a path of the HTTP API', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }

  test.each([
    ['POST', '/queues/v/messages', '{"messages":[{"body":1}]}'],
    ['PATCH', '/queues/v', '{"paused":true}'],
    ['PUT', '/queues/v', '{}'],
  ])('gets an error about the content type that curl -d lacks (%s)', async (method, path, body) => {
    const { status, text } = await send(testFrontDoor(engine), path, { method, headers: form, body })
    expect([status, JSON.parse(text)]).toMatchObject([
      415,
      { code: 'UnsupportedMediaType', hint: expect.stringContaining("-H 'content-type: application/json'") },
    ])
  })

  test('is one of SQS when it names an action', async () => {
    const door = testFrontDoor(engine)
    const post = (body: string) => send(door, '/queues/v', { method: 'POST', headers: form, body })
    expect((await post('Action=ListQueueTags&QueueUrl=v')).status).toBe(200)
    const gone = await post(`Action=CancelMessageMoveTask&TaskHandle=${TASK_OF_NO_QUEUE}`)
    expect([gone.status, gone.text]).toEqual([404, expect.stringContaining('<Code>ResourceNotFoundException</Code>')])
  })
})

const TASK_OF_NO_QUEUE = Buffer.from(
  JSON.stringify({ taskId: 'task', sourceArn: 'arn:aws:sqs:us-east-1:000000000000:gone' }),
).toString('base64url')

describe('where SQS clients must sign', () => {
  const authenticate = async () => {
    throw new Error('nobody is known')
  }
  const closed = () => testFrontDoor(engine, { authenticate })

  test.each([
    ['GET', '/queues'],
    ['GET', '/queues/v'],
    ['DELETE', '/queues/v'],
    ['POST', '/queues/v/poll'],
    ['GET', '/nothing'],
  ])('the HTTP API is closed to %s %s', async (method, target) => {
    const { status, text } = await send(closed(), target, { method })
    expect([status, JSON.parse(text)]).toMatchObject([
      403,
      { code: 'CallerRefused', hint: expect.stringContaining('--http-open') },
    ])
    expect(await queues()).toEqual(['v'])
  })

  test('the HTTP API can be opened, and still refuses pages of other sites', async () => {
    const door = testFrontDoor(engine, { authenticate, httpOpen: true })
    expect((await send(door, '/queues/v')).status).toBe(200)
    expect((await send(door, '/queues/v', { headers: { host: 'evil.example' } })).status).toBe(403)
  })

  test('signatures decide on SQS requests, and names in Host do not', async () => {
    const headers = { host: 'evil.example', 'x-amz-target': 'AmazonSQS.ListQueues' }
    // The authenticator's own failure: the request got as far as that.
    expect((await send(closed(), '/', { method: 'POST', headers, body: '{}' })).status).toBe(500)
  })

  test('the console is closed as the HTTP API is', async () => {
    expect((await send(closed(), '/console')).status).toBe(403)
    expect((await send(testFrontDoor(engine, { authenticate, httpOpen: true }), '/console')).status).toBe(200)
  })

  test('health and description stay open', async () => {
    expect((await send(closed(), '/health')).status).toBe(200)
    expect((await send(closed(), '/openapi.json')).status).toBe(200)
  })
})

describe('SQS clients of different accounts and regions', () => {
  const as = (account: string, region: string) => ({
    authorization: SIGNED.authorization.replace('x/20260301/us-east-1', `${account}/20260301/${region}`),
    'content-type': 'application/x-amz-json-1.0',
  })
  const call = async (door: FrontDoor, client: object, action: string, input: object) => {
    const headers = { ...client, 'x-amz-target': `AmazonSQS.${action}` }
    const { status, text } = await send(door, '/', { method: 'POST', headers, body: JSON.stringify(input) })
    return { status, body: JSON.parse(text) }
  }
  const european = as('111122223333', 'eu-west-1')
  const american = as('444455556666', 'us-west-2')

  test('meet the same queues, which are those of the HTTP API', async () => {
    const door = testFrontDoor(engine)
    await call(door, european, 'CreateQueue', { QueueName: 'orders' })
    const listed = await call(door, american, 'ListQueues', {})
    expect(listed.body.QueueUrls).toEqual([`${BASE}/444455556666/orders`, `${BASE}/444455556666/v`])
    expect((await send(door, '/queues/orders')).status).toBe(200)
  })

  test('have queues of their own with --regions', async () => {
    const door = testFrontDoor(engine, { regions: true })
    await call(door, european, 'CreateQueue', { QueueName: 'orders' })
    expect((await call(door, american, 'ListQueues', {})).body).toEqual({})
    expect((await send(door, '/queues/orders')).status).toBe(404)
  })

  test('set a policy that the HTTP API understands', async () => {
    const door = testFrontDoor(engine)
    const Attributes = {
      RedriveAllowPolicy: JSON.stringify({
        redrivePermission: 'byQueue',
        sourceQueueArns: ['arn:aws:sqs:eu-west-1:111122223333:orders'],
      }),
    }
    await call(door, european, 'SetQueueAttributes', { QueueUrl: 'v', Attributes })
    const create = (name: string) =>
      send(door, `/queues/${name}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ deadLetter: { queue: 'v', maxReceives: 3 } }),
      })
    expect((await create('orders')).status).toBe(201)
    expect((await create('others')).status).toBe(403)
  })
})

describe("SQS's sixty seconds", () => {
  const query = (door: FrontDoor, parameters: string) =>
    send(door, '/', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `QueueName=v&QueueUrl=v&${parameters}`,
    })

  test('do not apply: a name can be used again at once, and a queue purged again', async () => {
    const door = testFrontDoor(engine)
    for (const action of ['PurgeQueue', 'PurgeQueue', 'DeleteQueue', 'CreateQueue']) {
      expect([action, (await query(door, `Action=${action}`)).status]).toEqual([action, 200])
    }
  })

  test('apply with --cooldowns', async () => {
    const door = testFrontDoor(engine, { cooldowns: true })
    expect((await query(door, 'Action=PurgeQueue')).status).toBe(200)
    expect((await query(door, 'Action=PurgeQueue')).text).toContain('PurgeQueueInProgress')
    expect((await query(door, 'Action=DeleteQueue')).status).toBe(200)
    expect((await query(door, 'Action=CreateQueue')).text).toContain('QueueDeletedRecently')
    await engine.clock.advance(60_000)
    expect((await query(door, 'Action=CreateQueue')).status).toBe(200)
  })
})
