import { afterEach, describe, expect, test, vi } from 'vitest'
import { createApp } from '../../../functions/http/app.ts'
import { decodedPath } from '../../../functions/http/plain-path.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import type { IssuedKey } from '../../../functions/sqs/keys.ts'
import { sigv4Authenticator } from '../../../functions/sqs/sigv4.ts'
import type { UrlOptions } from '../../../lib/client/places/options.ts'
import { type Client, createClient } from '../../../lib/client.ts'
import { ERROR_CODES, HoldfastError } from '../../../lib/model/errors.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { testEngine } from '../../support/test-engine.ts'

const URL_OF_API = 'https://a1b2c3.execute-api.eu-west-1.amazonaws.com/prod'
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }

describe('an error over HTTP', () => {
  /** A client of an API whose every operation fails with this error. */
  const failingWith = (error: HoldfastError): Client => {
    const fails = () => Promise.reject(error)
    const app = createApp({
      operations: { getQueue: fails, ackMessages: fails },
      engine: () => testEngine(),
      log: silentLog,
    })
    return createClient({
      url: 'http://localhost:9324',
      fetch: async (input, init) => {
        const answer = await app.fetch(new Request(input as URL, init), {
          path: decodedPath(new URL(input as URL).pathname),
        })
        // Seconds that nobody is to wait for here.
        const headers = new Headers(answer.headers)
        if (headers.has('retry-after')) headers.set('retry-after', '3600')
        return new Response(answer.body, { status: answer.status, headers })
      },
    })
  }
  const HIDDEN = new Set(['AccessDenied', 'Internal'])

  test.each(ERROR_CODES.filter((code) => !HIDDEN.has(code)))('%s is the error that it was', async (code) => {
    const fields = { field: 'messages[0].body', value: 7, queue: 'q' }
    const error = new HoldfastError(
      code,
      'the reason',
      code === 'Throttled' ? { ...fields, reason: 'key-range' } : fields,
    )
    const thrown = await failingWith(error)
      .queue('q')
      .settings()
      .catch((caught: unknown) => caught)
    expect(thrown).toBeInstanceOf(HoldfastError)
    expect(thrown).toMatchObject({
      code,
      message: 'the reason',
      fields: error.fields,
      retryable: error.retryable,
    })
  })

  test.each([...HIDDEN])('%s of the service itself contains no internals', async (code) => {
    const error = new HoldfastError(code as 'Internal', 'a secret of the house', { value: 'secret' })
    await expect(failingWith(error).queue('q').settings()).rejects.toMatchObject({
      code: 'Internal',
      message: 'the request failed because of an error in the service',
      fields: {},
      retryable: false,
    })
  })
})

describe('a client of an address', () => {
  test.each([
    ['localhost:9324', 'must be an address such as'],
    ['api.example.com', 'must be an address such as'],
    ['', 'must be an address such as'],
    ['ftp://example.com', 'must be an address such as'],
    [undefined, 'exactly one of the options table, url, store, engine, but was given none of them'],
    [7, 'must be an address such as'],
    ['https://me:secret@example.com', 'must hold no user and password'],
    ['https://example.com/?stage=prod', 'must have no query and no fragment'],
    ['https://example.com/#prod', 'must have no query and no fragment'],
  ])('%j is refused', (url, requirement) => {
    const refusal = () => createClient({ url: url as never })
    expect(refusal).toThrow(HoldfastError)
    expect(refusal).toThrow(requirement)
    expect(refusal).not.toThrow('secret@')
  })

  test('a second place is refused, and one that is undefined is no place', async () => {
    const both = () => createClient({ url: 'http://localhost:9324', table: 'holdfast' } as never)
    expect(both).toThrow('but was given table and url')
    const fetch = async () => Response.json({ queues: [] })
    const client = createClient({ table: undefined, url: 'http://localhost:9324', fetch } as never)
    expect(await client.listQueues()).toEqual({ queues: [] })
  })

  const requestsOf = async (url: string, options: Partial<UrlOptions> = {}) => {
    const requests: Request[] = []
    const client = createClient({
      url,
      ...options,
      fetch: async (input, init) => {
        requests.push(new Request(input as URL, init))
        return Response.json({ queues: [] })
      },
    })
    await client.listQueues({ prefix: 'a b', limit: 5 })
    return requests
  }

  test.each([
    ['http://localhost:9324', 'http://localhost:9324/queues'],
    ['http://localhost:9324/', 'http://localhost:9324/queues'],
    ['http://[::1]:9324', 'http://[::1]:9324/queues'],
    ['http://127.0.0.1/stage', 'http://127.0.0.1/stage/queues'],
    ['http://127.0.0.1/a/b//', 'http://127.0.0.1/a/b/queues'],
  ])('%s keeps its path, with or without a slash at its end', async (url, expected) => {
    const [request] = await requestsOf(url)
    expect(request?.url).toBe(`${expected}?prefix=a+b&limit=5`)
  })

  test.each([
    'http://localhost:9324',
    'http://orders.localhost',
    'http://127.8.9.1:80',
    'http://[::1]:9324',
    'http://[::ffff:127.0.0.1]:9324',
    'http://localhost./base',
  ])('%s is on this machine, and is not signed for without credentials', async (url) => {
    const [request] = await requestsOf(url)
    expect(request?.headers.get('authorization')).toBeNull()
    const [signed] = await requestsOf(url, { credentials: CREDENTIALS, region: 'eu-west-1' })
    expect(signed?.headers.get('authorization')).toMatch(/^AWS4-HMAC-SHA256 /)
  })

  test.each(['http://localhost.example.com', 'http://127.0.0.1.nip.io', 'http://10.0.0.1', 'http://[::2]', URL_OF_API])(
    '%s is elsewhere, and is signed for',
    async (url) => {
      let asked = 0
      const credentials = async () => {
        asked++
        return CREDENTIALS
      }
      const [request] = await requestsOf(url, { credentials, region: 'eu-west-1' })
      expect(request?.headers.get('authorization')).toContain('/eu-west-1/execute-api/aws4_request')
      expect(asked).toBe(1)
    },
  )

  test('takes the region from the address of an API Gateway', async () => {
    for (const [url, region] of [
      [URL_OF_API, 'eu-west-1'],
      ['https://a1b2c3.execute-api.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
      ['https://a1-vpce-0a1b.execute-api.us-east-2.amazonaws.com', 'us-east-2'],
    ] as const) {
      const [request] = await requestsOf(url, { credentials: CREDENTIALS })
      expect(request?.headers.get('authorization')).toContain(`/${region}/execute-api/`)
    }
  })

  const refusal = (options: { credentials: () => Promise<never> | Promise<typeof CREDENTIALS> }, url = URL_OF_API) => {
    const fetch = () => Promise.reject(new Error('nothing is to be sent'))
    return createClient({ url, fetch, ...options })
      .listQueues()
      .catch((error) => error)
  }

  test('fails at once without credentials or a region, as a client of a table does, and sends nothing', async () => {
    for (const [says, advice] of [
      [
        'Could not load credentials from any providers',
        'set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
      ],
      ['Region is missing', 'set AWS_REGION'],
    ] as const) {
      let tries = 0
      const credentials = () => {
        tries++
        return Promise.reject(new Error(says))
      }
      expect(await refusal({ credentials })).toMatchObject({
        code: 'StoreUnavailable',
        message: expect.stringContaining(advice),
        cause: expect.objectContaining({ message: says }),
      })
      expect(tries).toBe(1)
    }
  })

  test('fails for any other reason of the source of credentials with that reason', async () => {
    const credentials = () => Promise.reject(new Error('The SSO session has expired'))
    expect(await refusal({ credentials })).toMatchObject({
      code: 'AccessDenied',
      message: 'the request could not be signed: The SSO session has expired',
    })
  })

  test('fails with credentials that lack a part, and says which', async () => {
    const unset = { secretAccessKey: undefined } as unknown as Pick<typeof CREDENTIALS, 'secretAccessKey'>
    expect(await refusal({ credentials: async () => ({ ...CREDENTIALS, ...unset }) })).toMatchObject({
      code: 'AccessDenied',
      message: 'the credentials of the client have no secretAccessKey',
    })
  })
})

describe('the signature of the HTTP transport', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  const key: IssuedKey = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' } as IssuedKey
  const verify = sigv4Authenticator({
    keys: { find: async (id: string) => (id === key.accessKeyId ? key : undefined) } as never,
    service: 'execute-api',
  })

  /** Verifies each request as it would arrive, and answers what the call is told. */
  const verified = (credentials: UrlOptions['credentials'], change: (request: Request) => Request = (same) => same) => {
    const outcomes: unknown[] = []
    const client = createClient({
      url: URL_OF_API,
      ...(credentials && { credentials }),
      fetch: async (input, init) => {
        const request = change(new Request(input as URL, init))
        const url = new URL(request.url)
        const body = new Uint8Array(await request.arrayBuffer())
        const header = (name: string) => (name === 'host' ? url.host : (request.headers.get(name) ?? undefined))
        outcomes.push(
          await verify({ method: request.method, url: () => url, header }, body).then(
            ({ region }) => region,
            (error: Error) => error.message,
          ),
        )
        const isDone = request.method === 'DELETE' || url.pathname.endsWith('/purge')
        return isDone ? new Response(null, { status: 204 }) : Response.json({ queues: [], messages: [], results: [] })
      },
    })
    return { client, outcomes }
  }

  test('is one that a verifier of the service execute-api accepts, for each kind of request', async () => {
    const { client, outcomes } = verified(CREDENTIALS)
    await client.listQueues({ prefix: 'a b/ü+*', limit: 3, cursor: 'x=&y' })
    const orders = client.queue('orders.fifo')
    await orders.poll()
    await orders.browse({ cursor: "a'(b)!" })
    await orders.publish('ü €', { groupId: 'g' }).catch(() => {})
    await orders.purge()
    await orders.cancel('019ca945-0a00-8000-801b-ff0fd396070b')
    await client.deleteQueue('orders.fifo')
    expect(outcomes).toEqual(Array(7).fill('eu-west-1'))
  })

  test('covers the body, the query, the path and the idempotency key', async () => {
    const refused = expect.stringContaining('The request signature we calculated does not match')
    const hash = expect.stringContaining('x-amz-content-sha256')
    const changes: [(request: Request) => Request, unknown][] = [
      [(request) => new Request(request, { body: '{"messages":[]}' }), hash],
      [(request) => new Request(request.url.replace('orders', 'others'), request), refused],
      [(request) => new Request(`${request.url}?a=1`, request), refused],
      [(request) => new Request(request, { headers: { ...headersOf(request), 'idempotency-key': 'other' } }), refused],
    ]
    for (const [change, outcome] of changes) {
      const { client, outcomes } = verified(CREDENTIALS, change)
      await client
        .queue('orders')
        .publish(1)
        .catch(() => {})
      expect(outcomes).toEqual([outcome])
    }
  })

  test('is made with the credentials of the moment, which may be renewed', async () => {
    let given = { ...CREDENTIALS, secretAccessKey: 'outdated' }
    const { client, outcomes } = verified(async () => given)
    await client.listQueues()
    given = CREDENTIALS
    await client.listQueues()
    expect(outcomes).toEqual([expect.stringContaining('does not match'), 'eu-west-1'])
  })

  test('goes by the time of the server where this clock is wrong, once it was refused for that', async () => {
    for (const wrongMs of [-3_600_000, 86_400_000]) {
      const realNow = Date.now.bind(Date)
      let asked = 0
      const answers: string[] = []
      const server = sigv4Authenticator({
        keys: { find: async () => key } as never,
        service: 'execute-api',
        clock: { now: () => realNow(), sleep: async () => {} },
      })
      vi.spyOn(Date, 'now').mockImplementation(() => realNow() + wrongMs)
      const client = createClient({
        url: URL_OF_API,
        credentials: CREDENTIALS,
        fetch: async (input, init) => {
          asked++
          const request = new Request(input as URL, init)
          const url = new URL(request.url)
          const header = (name: string) => (name === 'host' ? url.host : (request.headers.get(name) ?? undefined))
          const date = new Date(realNow()).toUTCString()
          return server({ method: request.method, url: () => url, header }, new Uint8Array()).then(
            () => Response.json({ queues: [] }, { headers: { date } }),
            ({ message }: Error) => {
              answers.push(message)
              return Response.json({ message }, { status: 403, headers: { date } })
            },
          )
        },
      })
      expect((await client.listQueues()).queues).toEqual([])
      expect((await client.listQueues()).queues).toEqual([])
      expect(asked).toBe(3)
      expect(answers).toEqual([expect.stringMatching(/^Signature (expired|not yet current)/)])
      vi.restoreAllMocks()
    }
  })

  test('is refused for good where the time is right', async () => {
    let asked = 0
    const client = createClient({
      url: URL_OF_API,
      credentials: CREDENTIALS,
      fetch: async () => {
        asked++
        return Response.json({ message: 'Forbidden' }, { status: 403, headers: { date: new Date().toUTCString() } })
      },
    })
    await expect(client.listQueues()).rejects.toMatchObject({ code: 'AccessDenied' })
    expect(asked).toBe(1)
  })

  test('is refused by a verifier of another service', async () => {
    const { client } = verified(CREDENTIALS)
    const sqs = sigv4Authenticator({ keys: { find: async () => key } as never })
    let outcome: unknown
    const signed = createClient({
      url: URL_OF_API,
      credentials: CREDENTIALS,
      fetch: async (input, init) => {
        const request = new Request(input as URL, init)
        const url = new URL(request.url)
        const header = (name: string) => (name === 'host' ? url.host : (request.headers.get(name) ?? undefined))
        outcome = await sqs({ method: 'GET', url: () => url, header }, new Uint8Array()).catch(
          (error: Error) => error.message,
        )
        return Response.json({ queues: [] })
      },
    })
    await signed.listQueues()
    expect(outcome).toBe("Credential should be scoped to correct service: 'sqs'.")
    await client.close()
  })
})

const headersOf = (request: Request): Record<string, string> => Object.fromEntries(request.headers)

describe('a client of any place', () => {
  test('waits for a result less than one long poll', async () => {
    const fetch = async () => Response.json({ status: { state: 'done', at: '2026-11-30T00:00:00.000Z' }, result: 7 })
    const orders = createClient({ url: 'http://localhost:9324', fetch }).queue('orders')
    expect(await orders.result('01a229d4-93e8-8000-822c-ac4a1e158c0f', { timeoutSeconds: 5 })).toBe(7)
  })

  test('gives the same client for a queue that is asked for again, so that publishes share calls', async () => {
    const client = createClient({ store: memoryStore() })
    const codec = { name: 'own', encode: String, decode: String } as never
    expect(client.queue('a')).toBe(client.queue('a'))
    expect(client.queue('a', { codec })).toBe(client.queue('a', { codec }))
    expect(client.queue('a', { codec })).not.toBe(client.queue('a'))
    expect(client.queue('b')).not.toBe(client.queue('a'))
  })

  test.each(['', '..', 'a b', 'x'.repeat(81), 'a.b', undefined as never, 7 as never])(
    'refuses the queue name %j at once',
    async (name) => {
      const client = createClient({ store: memoryStore() })
      expect(() => client.queue(name)).toThrow(/^queue must be 1 to 80 letters/)
      await expect(client.createQueue(name)).rejects.toMatchObject({ code: 'InvalidRequest' })
      await expect(client.deleteQueue(name)).rejects.toMatchObject({ code: 'InvalidRequest' })
    },
  )
})
