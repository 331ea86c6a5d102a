import type { APIGatewayProxyEventV2, Context } from 'aws-lambda'
import { describe, expect, test } from 'vitest'
import { lambdaHandler } from '../../../functions/http/lambda.ts'

const context = (remainingMs = 29_000) =>
  ({ awsRequestId: 'aws', getRemainingTimeInMillis: () => remainingMs }) as Context
const event = (change: Partial<APIGatewayProxyEventV2> & { method?: string }): APIGatewayProxyEventV2 =>
  ({
    rawPath: '/a',
    rawQueryString: '',
    headers: {},
    isBase64Encoded: false,
    ...change,
    requestContext: { requestId: 'gateway', domainName: 'api.example.com', http: { method: change.method ?? 'POST' } },
  }) as APIGatewayProxyEventV2

/** Answers with what it was given. */
const echo = lambdaHandler(async (request, { requestId, path }) =>
  Response.json({
    requestId,
    path,
    method: request.method,
    url: request.url,
    headers: Object.fromEntries(request.headers),
    body: Buffer.from(await request.arrayBuffer()).toString('base64'),
  }),
)
const echoed = async (change: Parameters<typeof event>[0]) =>
  JSON.parse((await echo(event(change), context())).body ?? '')

describe('the Lambda handler', () => {
  test('passes the request on as it was sent', async () => {
    expect(
      await echoed({
        rawPath: '/queues/a b',
        rawQueryString: 'x=1&x=2&y=%2F',
        headers: { 'x-one': '1', host: 'other' },
        cookies: ['a=b', 'c=d'],
        body: 'häi',
      }),
    ).toEqual({
      requestId: 'gateway',
      path: '/queues/a b',
      method: 'POST',
      url: 'https://api.example.com/queues/a%20b?x=1&x=2&y=%2F',
      headers: { 'x-one': '1', host: 'other', cookie: 'a=b; c=d', 'content-length': '4' },
      body: Buffer.from('häi').toString('base64'),
    })
  })

  test('takes the path from the route and its parameters', async () => {
    const routeKey = 'GET /queues/{queue}/messages/{messageId}'
    const pathParameters = { queue: 'orders', messageId: 'a' }
    for (const rawPath of ['/queues/orders/messages/a', '/base/queues/orders/messages/a']) {
      expect(await echoed({ routeKey, pathParameters, rawPath })).toMatchObject({ path: '/queues/orders/messages/a' })
    }
  })

  test('has no path where the route, its parameters and what came in disagree', async () => {
    const routeKey = 'GET /queues/{queue}/messages/{messageId}'
    for (const [messageId, rawPath] of [
      ['a', '/queues/orders/messages/b'],
      ['a', '/queues/orders/messages/a/'],
      ['..', '/queues/orders/messages/..'],
      ['..\\..\\other', '/queues/orders/messages/..\\..\\other'],
      ['../../other', '/queues/orders/messages/../../other'],
      ['a%2Fb', '/queues/orders/messages/a%2Fb'],
      ['', '/queues/orders/messages/'],
      ['a', '/queues/orders/messages/a%00'],
    ] as const) {
      const got = await echo(event({ routeKey, rawPath, pathParameters: { queue: 'orders', messageId } }), context())
      expect(got, rawPath).toMatchObject({ statusCode: 404, body: expect.stringContaining('RouteNotFound') })
    }
    const unnamed = await echo(event({ routeKey, rawPath: '/queues/orders/messages/a' }), context())
    expect(unnamed).toMatchObject({ statusCode: 404 })
  })

  test('takes a decoded path for a path, whatever is in it', async () => {
    expect(await echoed({ rawPath: '/a?Action=x#y%zz', rawQueryString: 'b=1' })).toMatchObject({
      path: '/a?Action=x#y%zz',
      url: 'https://api.example.com/a%3FAction=x%23y%25zz?b=1',
    })
  })

  test('decodes a body that came as base64', async () => {
    expect(await echoed({ body: 'AAH/', isBase64Encoded: true })).toMatchObject({ body: 'AAH/' })
  })

  test('lets pass headers beyond ASCII, as bytes', async () => {
    const { headers } = await echoed({ headers: { 'x-name': 'Ünï 日本' } })
    expect(Buffer.from(headers['x-name'], 'latin1').toString()).toBe('Ünï 日本')
  })

  test('ignores the body of a GET', async () => {
    expect(await echoed({ method: 'GET', body: 'x' })).toMatchObject({ method: 'GET', body: '' })
  })

  test('refuses an event that makes no request', async () => {
    for (const change of [{ headers: { 'bad name': 'x' } }, { headers: { 'x-line': 'a\nb' } }, { method: 'CONNECT' }]) {
      const refused = await echo(event(change), context())
      expect(refused).toMatchObject({ statusCode: 404, headers: { 'content-type': 'application/problem+json' } })
    }
  })

  test('aborts a request before Lambda ends the function', async () => {
    let aborted = false
    const handler = lambdaHandler(
      (_request, { signal }) =>
        new Promise((resolve) => {
          signal?.addEventListener('abort', () => {
            aborted = true
            resolve(new Response('in time'))
          })
        }),
    )
    expect(await handler(event({}), context(1_001))).toMatchObject({ statusCode: 200, body: 'in time' })
    expect(aborted).toBe(true)
  })

  test('flushes what was measured even when it fails', async () => {
    let flushed = 0
    const handler = lambdaHandler(
      () => {
        throw new Error('broken')
      },
      () => {
        flushed++
      },
    )
    await expect(handler(event({}), context())).rejects.toThrow('broken')
    expect(flushed).toBe(1)
  })
})

test.each<[string, unknown]>([
  ['null', null],
  ['an empty object', {}],
  ['a request of a REST API', { httpMethod: 'GET', path: '/queues', requestContext: { requestId: 'gateway' } }],
  ['no headers that are an object', event({ headers: 'a: b' as never })],
  ['a header that is a number', event({ headers: { a: 7 as never } })],
  ['a parameter that is a number', event({ pathParameters: { queue: 7 as never } })],
  ['a body that is a number', event({ body: 7 as never })],
  ['cookies that are a text', event({ cookies: 'a=b' as never })],
  ['a path that is a number', event({ rawPath: 7 as never })],
])('an event that is %s is answered with what the function takes', async (_, given) => {
  const { statusCode, body = '' } = await echo(given as APIGatewayProxyEventV2, context())
  expect(statusCode).toBe(404)
  expect(JSON.parse(body)).toMatchObject({ code: 'RouteNotFound', hint: expect.stringContaining('payload format 2.0') })
})

test.each([['\ufffd'], [7], [''], [undefined]])(
  'an event with the request id %j has that of the invocation',
  async (requestId) => {
    const { requestContext } = event({})
    const given = { ...event({}), requestContext: { ...requestContext, requestId: requestId as string } }
    expect(JSON.parse((await echo(given, context())).body ?? '')).toMatchObject({ requestId: 'aws' })
  },
)

test('an event without headers is a request without headers', async () => {
  expect(await echoed({ headers: undefined as never })).toMatchObject({ path: '/a', headers: {} })
})
