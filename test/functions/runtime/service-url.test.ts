import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { invokeByClient } from '../../../functions/runtime/lambda-invocation.ts'
import { serviceUrl } from '../../../functions/runtime/service-url.ts'
import { invokeBySignedPost } from '../../../functions/runtime/signed-invocation.ts'
import { secretText } from '../../../functions/sqs/secret.ts'
import { dynamodbClient } from '../../../lib/store/dynamodb/client.ts'

const LAMBDA = { id: 'LAMBDA', host: 'lambda', region: 'eu-west-1', path: '/invocations' } as const
const SECRETS = { id: 'SECRETS_MANAGER', host: 'secretsmanager', region: 'cn-north-1' } as const

describe('a service of AWS is found', () => {
  test.each([
    ['under its own name', {}, 'https://lambda.eu-west-1.amazonaws.com/invocations'],
    ['where all of AWS is', { AWS_ENDPOINT_URL: 'http://localhost:4566' }, 'http://localhost:4566/invocations'],
    [
      'where it is said to be itself',
      { AWS_ENDPOINT_URL: 'http://localhost:4566', AWS_ENDPOINT_URL_LAMBDA: 'http://localhost:3001/' },
      'http://localhost:3001/invocations',
    ],
    [
      'where all of AWS is, when nothing is said of it',
      { AWS_ENDPOINT_URL: 'http://localhost:4566', AWS_ENDPOINT_URL_LAMBDA: '' },
      'http://localhost:4566/invocations',
    ],
    ['under a path', { AWS_ENDPOINT_URL: 'http://localhost/aws/' }, 'http://localhost/aws/invocations'],
    [
      'under its own name, when what is said is to be ignored',
      { AWS_ENDPOINT_URL_LAMBDA: 'http://localhost:3001', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },
      'https://lambda.eu-west-1.amazonaws.com/invocations',
    ],
  ])('%s', (_, env, url) => {
    expect(serviceUrl(LAMBDA, env).href).toBe(url)
  })

  test('in China', () => {
    expect(serviceUrl(SECRETS, {}).href).toBe('https://secretsmanager.cn-north-1.amazonaws.com.cn/')
  })
})

describe('AWS_ENDPOINT_URL alone leads to one place', () => {
  const asked: string[] = []
  let server: Server
  beforeAll(async () => {
    server = createServer((request, response) => {
      const { 'x-amz-target': target } = request.headers
      asked.push(`${request.url} ${target ?? ''}`.trim())
      request.resume().on('end', () => {
        response.setHeader('content-type', 'application/x-amz-json-1.0')
        response.writeHead(request.url?.includes('invocations') ? 202 : 200)
        response.end(request.url?.includes('invocations') ? '' : JSON.stringify({ SecretString: 'keys' }))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    vi.stubEnv('AWS_REGION', 'eu-west-1')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'local')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local')
  })
  afterEach(() => void asked.splice(0))
  afterAll(() => {
    vi.unstubAllEnvs()
    server.close()
    server.closeAllConnections()
  })

  test('the store', async () => {
    const client = dynamodbClient()
    await client.send(new GetItemCommand({ TableName: 'holdfast', Key: { pk: { S: 'a' }, sk: { S: 'b' } } }))
    client.destroy()
    expect(asked).toEqual(['/ DynamoDB_20120810.GetItem'])
  })

  test('the secret with the access keys', async () => {
    expect(await secretText('arn:aws:secretsmanager:eu-west-1:111122223333:secret:keys-AbCdEf')()).toBe('keys')
    expect(asked).toEqual(['/ secretsmanager.GetSecretValue'])
  })

  test.each([
    ['by a signed request', invokeBySignedPost],
    ['by the client of Lambda', invokeByClient],
  ])('the function that moves messages, %s', async (_, invoke) => {
    await invoke('redrive', '{}')
    expect(asked).toEqual(['/2015-03-31/functions/redrive/invocations'])
  })
})
