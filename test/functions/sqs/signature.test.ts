import { describe, expect, test } from 'vitest'
import type { KeyRing } from '../../../functions/sqs/keys.ts'
import { sigv4Authenticator } from '../../../functions/sqs/sigv4.ts'
import { manualClock } from '../../support/manual-clock.ts'
import fc from '../../support/properties.ts'
import { KEY, presigned, signed } from './signing.ts'

const BASE = 'http://localhost:9324'
const keys: KeyRing = { find: async (id) => (id === KEY.accessKeyId ? KEY : undefined) }
const authenticate = sigv4Authenticator({ keys, clock: manualClock() })

/** A request as the authenticator sees it. */
interface Sent {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const refusalOf = async ({ method, url, headers, body }: Sent): Promise<string | undefined> => {
  try {
    const request = { method, url: () => new URL(url), header: (name: string) => headers[name] }
    await authenticate(request, Buffer.from(body, 'utf8'))
    return undefined
  } catch (error) {
    return (error as { shape: string }).shape
  }
}
const sentOf = async (request: Request): Promise<Sent> => ({
  method: request.method,
  url: request.url,
  headers: { ...Object.fromEntries(request.headers), host: new URL(request.url).host },
  body: request.body ? await request.text() : '',
})

const text = fc.string({ unit: 'grapheme-ascii', maxLength: 12 })
const parameters = fc.dictionary(fc.stringMatching(/^[A-Za-z0-9.]{1,8}$/), text, { maxKeys: 4 })
const path = fc.constantFrom('/', '/000000000000/orders', '/a%20b/c')

/** Signed in its headers, of either protocol. */
const inHeaders = fc
  .record({ path, query: parameters, body: fc.json(), json: fc.boolean() })
  .map(async ({ path, query, body, json }) => {
    const headers = json
      ? { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' }
      : { 'content-type': 'application/x-www-form-urlencoded' }
    return sentOf(await signed(`${BASE}${path}?${new URLSearchParams(query)}`, { headers, body }))
  })
/** Signed in its URL. */
const inUrl = fc.record({ path, query: parameters }).map(async ({ path, query }) => {
  const url = await presigned(`${BASE}${path}?${new URLSearchParams({ Action: 'ListQueues', ...query })}`)
  return sentOf(new Request(url))
})

/** Another text: with a character more, less or otherwise. Spaces at the ends count for nothing in a header. */
const altered = (value: string, at: number, kind: number, character: string): string => {
  const position = at % (value.length + 1)
  const rest = value.slice(position)
  if (kind === 0 || rest === '') return value.slice(0, position) + character + rest
  return value.slice(0, position) + (kind === 1 ? '' : character) + rest.slice(1)
}
const alteration = fc.record({
  at: fc.nat(10_000),
  kind: fc.nat(2),
  character: fc.constantFrom(...'aA0fF9;,=/.~-_'),
  which: fc.nat(10_000),
  part: fc.constantFrom('method', 'path', 'query', 'header', 'without', 'body', 'host', 'authorization'),
})
type Alteration = typeof alteration extends fc.Arbitrary<infer T> ? T : never

const signedHeadersOf = ({ headers, url }: Sent): string[] => {
  const list =
    /SignedHeaders=([^,]*)/.exec(headers.authorization ?? '')?.[1] ??
    new URL(url).searchParams.get('X-Amz-SignedHeaders')
  return (list ?? '').split(';')
}
const withHeader = (sent: Sent, name: string, value: string): Sent => ({
  ...sent,
  headers: { ...sent.headers, [name]: value },
})

const alter = (sent: Sent, { at, kind, character, which, part }: Alteration): Sent => {
  const change = (value: string) => altered(value, at, kind, character)
  const url = new URL(sent.url)
  const names = signedHeadersOf(sent)
  const name = String(names[which % names.length])
  switch (part) {
    case 'method':
      return { ...sent, method: ['GET', 'POST', 'PUT', 'DELETE'][which % 4] as string }
    case 'path':
      return { ...sent, url: `${url.origin}/${change(url.pathname.slice(1))}${url.search}` }
    case 'query': {
      const pairs = [...url.searchParams]
      const [key = 'extra', value = ''] = pairs[which % Math.max(1, pairs.length)] ?? []
      url.searchParams.set(kind === 2 ? key : change(key), kind === 2 ? change(value) : value)
      return { ...sent, url: url.href }
    }
    case 'header':
      return withHeader(sent, name, change(sent.headers[name] ?? ''))
    case 'without': {
      // Where a server has no `Host` it takes it from the URL.
      const { [name]: removed, ...headers } = sent.headers
      return name === 'host' ? withHeader(sent, name, `${removed}.`) : { ...sent, headers }
    }
    case 'body':
      return { ...sent, body: change(sent.body) }
    case 'host':
      return withHeader(sent, 'host', change(sent.headers.host ?? ''))
    case 'authorization':
      return withHeader(sent, 'authorization', change(sent.headers.authorization ?? ''))
  }
}

/** What a signature covers of a request: two requests of one meaning are signed alike. Spaces after commas mean nothing. */
const meaningOf = ({ method, url, headers, body }: Sent): string => {
  const authorization = headers.authorization?.replace(/, +/g, ',')
  const { pathname, searchParams } = new URL(url)
  const pairs = [...searchParams].map((pair) => pair.join('=')).sort()
  const segments = pathname.split('/').filter((segment) => segment !== '' && segment !== '.')
  const slash = pathname.endsWith('/') && segments.length > 0
  return JSON.stringify([method, segments, slash, pairs, Object.entries({ ...headers, authorization }).sort(), body])
}

describe.each([
  ['in its headers', inHeaders],
  ['in its URL', inUrl],
] as const)('a request signed %s', (_, request) => {
  test('is let in as it was signed', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (made) => {
        expect(await refusalOf(await made)).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  test('is refused once anything of it is altered', async () => {
    await fc.assert(
      fc.asyncProperty(request, alteration, async (made, change) => {
        const sent = await made
        const other = alter(sent, change)
        fc.pre(meaningOf(other) !== meaningOf(sent))
        expect(await refusalOf(other)).toMatch(
          /^(?:SignatureDoesNotMatch|IncompleteSignature|InvalidClientTokenId|MissingAuthenticationToken)$/,
        )
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('a signature', () => {
  const sent = async () =>
    sentOf(await signed(`${BASE}/`, { body: '{}', headers: { 'content-type': 'application/x-amz-json-1.0' } }))
  const withAuthorization = async (change: (text: string) => string) => {
    const request = await sent()
    return refusalOf(withHeader(request, 'authorization', change(String(request.headers.authorization))))
  }

  test.each([
    ['names a header twice', 'host;', 'host;host;'],
    ['names its headers in another order', 'content-type;host;', 'host;content-type;'],
    ['names a header in capitals', 'host;', 'Host;'],
  ])('that %s is refused', async (_, was, becomes) => {
    expect(await withAuthorization((text) => text.replace(was, becomes))).toBe('IncompleteSignature')
  })

  test.each([
    ['a part twice', ', Signature=', ', SignedHeaders=host, Signature='],
    ['a part that is none', ', Signature=', ', Version=4, Signature='],
    ['no commas', ', Signature=', ' Signature='],
  ])('in a header with %s is refused', async (_, was, becomes) => {
    expect(await withAuthorization((text) => text.replace(was, becomes))).toBe('IncompleteSignature')
  })

  test('is taken without spaces after the commas too, as some clients write it', async () => {
    expect(await withAuthorization((text) => text.replaceAll(', ', ','))).toBeUndefined()
  })

  test.each(['X-Amz-Signature', 'x-amz-signature', 'X-AMZ-SIGNATURE'])(
    'in the headers and another in the URL as %s is refused',
    async (name) => {
      const request = await sent()
      expect(await refusalOf({ ...request, url: `${request.url}?${name}=${'0'.repeat(64)}` })).toBe(
        'IncompleteSignature',
      )
    },
  )

  test.each(['060', '+60', '1e2', '60.0', ' 60', '0', '604801'])(
    'of a URL can not expire after %j',
    async (expires) => {
      const url = new URL(await presigned(`${BASE}/?Action=ListQueues`, { expiresIn: 60 }))
      url.searchParams.set('X-Amz-Expires', expires)
      expect(await refusalOf(await sentOf(new Request(url)))).toBe('IncompleteSignature')
    },
  )

  test.each(['UNSIGNED-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'])(
    'over %s in the place of the body is refused',
    async (hash) => {
      const request = await signed(`${BASE}/`, {
        body: '{}',
        headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-content-sha256': hash },
      })
      expect(await refusalOf(await sentOf(request))).toBe('SignatureDoesNotMatch')
    },
  )
})
