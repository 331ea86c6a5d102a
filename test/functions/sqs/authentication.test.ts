import { describe, expect, test } from 'vitest'
import type { IssuedKey } from '../../../functions/sqs/keys.ts'
import { sigv4Authenticator } from '../../../functions/sqs/sigv4.ts'
import { testEngine } from '../../support/test-engine.ts'
import { sqsHarness } from './harness.ts'
import { KEY, presigned, signed, signedJson } from './signing.ts'

const BASE = 'http://localhost:9324'

const guarded = (keys: readonly IssuedKey[] = [KEY]) => {
  const engine = testEngine()
  const ring = { find: async (id: string) => keys.find(({ accessKeyId }) => accessKeyId === id) }
  return sqsHarness({ authenticate: sigv4Authenticator({ keys: ring, clock: engine.clock }) }, engine)
}
const outcome = async (response: Response) => {
  const body = (await response.json()) as { __type?: string; message?: string }
  return { status: response.status, shape: body.__type?.replace('com.amazonaws.sqs#', ''), message: body.message }
}
const altered = async (request: Request, change: (headers: Headers) => void, body?: string): Promise<Request> => {
  const headers = new Headers(request.headers)
  change(headers)
  return new Request(request.url, { method: 'POST', headers, body: body ?? (await request.text()) })
}

describe('a signature in the headers', () => {
  test('lets a request in, in both protocols', async () => {
    const sqs = guarded()
    expect((await sqs.fetch(await signedJson('CreateQueue', { QueueName: 'orders' }))).status).toBe(200)
    const form = {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'Action=ListQueues&Version=2012-11-05',
    }
    expect(await (await sqs.fetch(await signed(`${BASE}/`, form))).text()).toContain('/000000000000/orders')
    const get = await signed(`${BASE}/?Action=ListQueues&QueueNamePrefix=a%20%2B~*`, { method: 'GET' })
    expect((await sqs.fetch(get)).status).toBe(200)
  })

  test('counts for its path as sent', async () => {
    const sqs = guarded()
    for (const path of ['/000000000000/orders', '/a%20b/c', '//x/']) {
      const request = await signedJson('ListQueues', {}, {}, `${BASE}${path}`)
      expect((await sqs.fetch(request)).status).toBe(200)
    }
  })

  test('is distinguished from the sender that it stands for', async () => {
    const sqs = guarded([{ ...KEY, accountId: '111122223333' }])
    const created = await sqs.fetch(await signedJson('CreateQueue', { QueueName: 'orders' }, { region: 'eu-west-1' }))
    const { QueueUrl } = (await created.json()) as { QueueUrl: string }
    expect(QueueUrl).toBe(`${BASE}/111122223333/orders`)
    await sqs.fetch(await signedJson('SendMessage', { QueueUrl, MessageBody: 'x' }, { region: 'eu-west-1' }))
    const received = await sqs.fetch(
      await signedJson('ReceiveMessage', { QueueUrl, AttributeNames: ['SenderId'] }, { region: 'eu-west-1' }),
    )
    expect(await received.json()).toMatchObject({ Messages: [{ Attributes: { SenderId: KEY.accessKeyId } }] })
  })

  test('missing, is asked for', async () => {
    const sqs = guarded()
    const request = new Request(BASE, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.ListQueues' },
      body: '{}',
    })
    expect(await outcome(await sqs.fetch(request))).toEqual({
      status: 403,
      shape: 'MissingAuthenticationToken',
      message: 'Request is missing Authentication Token',
    })
  })

  test('of an unknown key, or with another secret, is refused', async () => {
    const sqs = guarded()
    const unknown = await signedJson('ListQueues', {}, { key: { ...KEY, accessKeyId: 'HFOTHER' } })
    expect(await outcome(await sqs.fetch(unknown))).toEqual({
      status: 403,
      shape: 'InvalidClientTokenId',
      message: 'The security token included in the request is invalid.',
    })
    const wrong = await signedJson('ListQueues', {}, { key: { ...KEY, secretAccessKey: 'another-secret-entirely' } })
    expect(await outcome(await sqs.fetch(wrong))).toMatchObject({ status: 403, shape: 'SignatureDoesNotMatch' })
  })

  test('does not cover another body, action, host or header value', async () => {
    const sqs = guarded()
    const make = () => signedJson('ListQueues', { QueueNamePrefix: 'a' })
    const attempts = [
      await altered(await make(), () => {}, '{"QueueNamePrefix":"b"}'),
      await altered(await make(), (headers) => headers.delete('x-amz-content-sha256'), '{"QueueNamePrefix":"b"}'),
      await altered(await make(), (headers) => headers.set('x-amz-content-sha256', 'UNSIGNED-PAYLOAD')),
      await altered(await make(), (headers) => headers.set('x-amz-target', 'AmazonSQS.CreateQueue')),
      await altered(await make(), (headers) => headers.set('host', 'elsewhere')),
      await altered(await make(), (headers) =>
        headers.set(
          'authorization',
          String(headers.get('authorization')).replace(/.$/, (last) => (last === '0' ? '1' : '0')),
        ),
      ),
    ]
    for (const request of attempts) {
      expect(await outcome(await sqs.fetch(request))).toMatchObject({ status: 403, shape: 'SignatureDoesNotMatch' })
    }
  })

  test('must cover what the server acts on', async () => {
    const sqs = guarded()
    const request = await signed(`${BASE}/`, { body: '{}', headers: { 'content-type': 'application/x-amz-json-1.0' } })
    const added = await altered(request, (headers) => headers.set('x-amz-target', 'AmazonSQS.ListQueues'))
    expect(await outcome(await sqs.fetch(added))).toEqual({
      status: 403,
      shape: 'SignatureDoesNotMatch',
      message: "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.",
    })
  })

  test.each(['host;x-absent', ';constructor', 'host;;x-amz-date'])('can not name headers like %s', async (names) => {
    const sqs = guarded()
    const request = await altered(await signedJson('ListQueues', {}), (headers) => {
      const was = String(headers.get('authorization'))
      headers.set('authorization', was.replace(/SignedHeaders=[^,]*/, `SignedHeaders=${names};x-amz-date;x-amz-target`))
    })
    const { status, shape } = await outcome(await sqs.fetch(request))
    expect([status, shape]).toEqual(
      names.includes('x-absent') ? [403, 'SignatureDoesNotMatch'] : [400, 'IncompleteSignature'],
    )
  })

  test('is not looked for in a form of more parameters than any action takes', async () => {
    const sqs = guarded()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const request = new Request(BASE, { method: 'POST', headers, body: 'Action=ListQueues&a=1'.padEnd(9_000, '&a=1') })
    const response = await sqs.fetch(request)
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining('more than 2000 parameters'),
    ])
  })

  test('is not disturbed by headers that proxies add', async () => {
    const sqs = guarded()
    const request = await altered(await signedJson('ListQueues', {}), (headers) => {
      headers.set('x-forwarded-for', '192.0.2.1')
      headers.set('x-amz-cf-id', 'abc')
      headers.set('via', '1.1 proxy')
    })
    expect((await sqs.fetch(request)).status).toBe(200)
  })

  test('is good for fifteen minutes either way', async () => {
    const sqs = guarded()
    const request = async (minutes: number) =>
      outcome(await sqs.fetch(await signedJson('ListQueues', {}, { at: sqs.engine.clock.now() + minutes * 60_000 })))
    expect(await request(-15)).toMatchObject({ status: 200 })
    expect(await request(15)).toMatchObject({ status: 200 })
    expect((await request(-16)).message).toMatch(
      /^Signature expired: 20260301T114400Z is now earlier than 20260301T114500Z/,
    )
    expect((await request(16)).message).toMatch(/^Signature not yet current: /)
  })

  test('for another service or another day is refused', async () => {
    const sqs = guarded()
    expect((await outcome(await sqs.fetch(await signedJson('ListQueues', {}, { service: 'sns' })))).message).toBe(
      "Credential should be scoped to correct service: 'sqs'.",
    )
    const request = await altered(await signedJson('ListQueues', {}), (headers) =>
      headers.set('authorization', String(headers.get('authorization')).replace('/20260301/', '/20260228/')),
    )
    expect((await outcome(await sqs.fetch(request))).message).toContain('Date in Credential scope')
  })

  test('with a session token is refused clearly', async () => {
    const sqs = guarded()
    const request = await signedJson('ListQueues', {}, { key: { ...KEY, sessionToken: 'token' } })
    expect(await outcome(await sqs.fetch(request))).toMatchObject({
      status: 403,
      shape: 'InvalidClientTokenId',
      message: expect.stringContaining('Session tokens are not accepted'),
    })
  })

  test.each([
    ['Basic YTpi', 'must use the algorithm'],
    ['AWS4-HMAC-SHA256 nonsense', 'must consist of Credential, SignedHeaders, Signature'],
    ['AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x', "'Signature'"],
    [`AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=${'0'.repeat(64)}`, 'must be of the form'],
    ['AWS4-HMAC-SHA256 Credential=HFEXAMPLEKEY/20260301/us-east-1/sqs/aws4_request, Signature=00', "'SignedHeaders'"],
    [
      `AWS4-HMAC-SHA256 Credential=HFEXAMPLEKEY/20260301/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
      'X-Amz-Date',
    ],
  ])('that is incomplete is refused: %s', async (authorization, message) => {
    const sqs = guarded()
    const request = await altered(await signedJson('ListQueues', {}), (headers) => {
      headers.set('authorization', authorization)
      headers.delete('x-amz-date')
    })
    expect(await outcome(await sqs.fetch(request))).toMatchObject({
      status: 400,
      shape: 'IncompleteSignature',
      message: expect.stringContaining(message),
    })
  })
})

describe('a presigned URL', () => {
  test('lets its request in until it expires', async () => {
    const sqs = guarded()
    await sqs.fetch(await signedJson('CreateQueue', { QueueName: 'orders' }))
    const url = await presigned(
      `${BASE}/000000000000/orders?Action=SendMessage&MessageBody=a%20b%2Bc&Version=2012-11-05`,
      { expiresIn: 60 },
    )
    expect((await sqs.fetch(new Request(url))).status).toBe(200)
    await sqs.engine.clock.advance(60_000)
    expect((await sqs.fetch(new Request(url))).status).toBe(200)
    await sqs.engine.clock.advance(1_000)
    const late = await sqs.fetch(new Request(url))
    expect(late.status).toBe(403)
    expect(await late.text()).toContain('<Code>SignatureDoesNotMatch</Code><Message>Signature expired')
  })

  test('does not cover anything else', async () => {
    const sqs = guarded()
    const url = await presigned(`${BASE}/?Action=ListQueues&QueueNamePrefix=a`)
    for (const other of [
      url.replace('QueueNamePrefix=a', 'QueueNamePrefix=b'),
      `${url}&QueueName=c`,
      url.replace('Expires=300', 'Expires=301'),
    ]) {
      expect(await (await sqs.fetch(new Request(other))).text()).toContain('<Code>SignatureDoesNotMatch</Code>')
    }
  })

  test('must have its duration and its algorithm', async () => {
    const sqs = guarded()
    const url = await presigned(`${BASE}/?Action=ListQueues`)
    for (const other of [
      url.replace('Expires=300', 'Expires=0'),
      url.replace('Expires=300', 'Expires=604801'),
      url.replace('AWS4-HMAC', 'AWS5-HMAC'),
    ]) {
      expect(await (await sqs.fetch(new Request(other))).text()).toContain('<Code>IncompleteSignature</Code>')
    }
  })
})
