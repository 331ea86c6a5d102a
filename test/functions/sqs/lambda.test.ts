import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { KEY, signedJson } from './signing.ts'

const SECRET = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:keys-AbCdEf'
const asked: { target: string | undefined; authorization: string; body: string }[] = []
let secrets: Server
let answer: object = {}

beforeAll(async () => {
  secrets = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const { authorization = '', 'x-amz-target': target } = request.headers
      asked.push({ target: String(target), authorization, body })
      response.writeHead('SecretString' in answer ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' })
      response.end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => secrets.listen(0, '127.0.0.1', resolve))
  vi.stubEnv('AWS_ENDPOINT_URL_SECRETS_MANAGER', `http://127.0.0.1:${(secrets.address() as AddressInfo).port}`)
  vi.stubEnv('HOLDFAST_SQS_KEYS_SECRET', SECRET)
  vi.stubEnv('HOLDFAST_ACCOUNT', '111122223333')
  vi.stubEnv('AWS_REGION', 'eu-west-1')
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT')
})
afterAll(() => {
  vi.unstubAllEnvs()
  secrets.close()
  secrets.closeAllConnections()
})

/** The function as it starts in a new process, on an engine in memory. */
const newProcess = async () => {
  vi.resetModules()
  asked.length = 0
  const { createEngine } = await import('../../../lib/engine.ts')
  const { memoryStore } = await import('../../../lib/store/keyed/memory-store.ts')
  const { useEngine } = await import('../../../functions/runtime/compose.ts')
  const engine = createEngine({ store: memoryStore() })
  useEngine(engine)
  return engine
}

/** Calls the function as API Gateway does for a client of `url`, with the path that the gateway passes on. */
const call = async (action: string, input: object, url = 'https://api.example.com/', rawPath = '/') => {
  const { handler } = await import('../../../functions/sqs.ts')
  const request = await signedJson(action, input, { region: 'eu-west-1', at: Date.now() }, url)
  const event = {
    version: '2.0',
    rawPath,
    rawQueryString: '',
    headers: { ...Object.fromEntries(request.headers), host: 'api.example.com', 'x-forwarded-proto': 'https' },
    requestContext: { domainName: 'api.example.com', requestId: 'request-1', http: { method: 'POST', path: rawPath } },
    body: Buffer.from(await request.text()).toString('base64'),
    isBase64Encoded: true,
  } as unknown as APIGatewayProxyEventV2
  const context = { awsRequestId: 'a', getRemainingTimeInMillis: () => 29_000 } as Context
  const result: APIGatewayProxyStructuredResultV2 = await handler(event, context)
  return { status: result.statusCode, headers: result.headers, body: JSON.parse(String(result.body)) }
}

test('the function serves the endpoint with the keys that the operator put into the secret', async () => {
  const engine = await newProcess()
  answer = { SecretString: JSON.stringify({ keys: [KEY] }) }
  const created = await call('CreateQueue', { QueueName: 'orders' })
  expect(created).toMatchObject({
    status: 200,
    headers: { 'x-amzn-requestid': 'request-1' },
    body: { QueueUrl: 'https://api.example.com/111122223333/orders' },
  })
  expect((await engine.queues.get('orders')).name).toBe('orders')
  expect((await call('ListQueues', {})).body).toEqual({ QueueUrls: ['https://api.example.com/111122223333/orders'] })
  expect(asked).toEqual([
    {
      target: 'secretsmanager.GetSecretValue',
      authorization: expect.stringMatching(/^AWS4-HMAC-SHA256 Credential=.*\/eu-west-1\/secretsmanager\/aws4_request/),
      body: JSON.stringify({ SecretId: SECRET }),
    },
  ])
})

test.each([
  ['with the base path', '/base/', '/base/'],
  ['without the base path', '/base/', '/'],
  ['of a queue, with the base path', '/base/111122223333/orders', '/base/111122223333/orders'],
  ['of a queue, without the base path', '/base/111122223333/orders', '/111122223333/orders'],
])('behind the base path of a custom domain a path passed on %s fits its signature', async (_, path, rawPath) => {
  vi.stubEnv('HOLDFAST_SQS_PUBLIC_URL', 'https://api.example.com/base')
  await newProcess()
  answer = { SecretString: JSON.stringify({ keys: [KEY] }) }
  const at = `https://api.example.com${path}`
  const QueueUrl = 'https://api.example.com/base/111122223333/orders'
  expect(await call('CreateQueue', { QueueName: 'orders' }, at, rawPath)).toMatchObject({ body: { QueueUrl } })
  expect(await call('SendMessage', { QueueUrl, MessageBody: 'a' }, at, rawPath)).toMatchObject({ status: 200 })
  expect((await call('ReceiveMessage', { QueueUrl }, at, rawPath)).body.Messages).toMatchObject([{ Body: 'a' }])
  const elsewhere = await call('ListQueues', {}, `https://api.example.com/other${path}`, rawPath)
  expect(elsewhere.body.__type).toBe('com.amazonaws.sqs#SignatureDoesNotMatch')
  vi.stubEnv('HOLDFAST_SQS_PUBLIC_URL', '')
})

test.each([
  [{ __type: 'ResourceNotFoundException' }, 403, 'InvalidClientTokenId'],
  [{ __type: 'AccessDeniedException' }, 503, 'ServiceUnavailable'],
  [{ SecretString: 'not keys' }, 503, 'ServiceUnavailable'],
])('nobody gets in while there are no keys: %j', async (secret, status, shape) => {
  await newProcess()
  answer = secret
  expect(await call('ListQueues', {})).toMatchObject({ status, body: { __type: `com.amazonaws.sqs#${shape}` } })
})
