import { describe, expect, test } from 'vitest'
import { callerCheck } from '../../../functions/local/caller-check.ts'

type Names = Readonly<Record<string, string>>

describe.each(['127.0.0.1', '0.0.0.0', '::'])('a server that listens on %s', (host) => {
  const check = callerCheck({ host, allowedHosts: ['Queues', 'holdfast.internal'] })

  test.each<Names>([
    { host: 'localhost:9324' },
    { host: 'LOCALHOST' },
    { host: 'orders.localhost:9324' },
    { host: 'localhost.:9324' },
    { host: '127.0.0.1:9324' },
    { host: '[::1]:9324' },
    { host: '192.168.1.5:9324' },
    { host: '[fe80::1]:9324' },
    { host: 'queues:9324' },
    { host: 'holdfast.internal' },
    { host: 'localhost:9324', origin: 'http://localhost:9324', 'sec-fetch-site': 'same-origin' },
    { host: '192.168.1.5:9324', origin: 'http://192.168.1.5:9324', referer: 'http://192.168.1.5:9324/openapi.json' },
    { host: 'localhost:9324', origin: 'http://127.0.0.1:5173', referer: 'http://localhost:5173/' },
    { host: 'localhost:9324', referer: 'http://localhost:5173' },
    { host: 'localhost:9324', 'sec-fetch-site': 'none' },
    {},
  ])('takes requests like %j', (headers) => {
    expect(check(new Headers(headers))).toBeUndefined()
  })

  test.each<[Names, string]>([
    [
      { host: 'evil.example' },
      'evil.example is not a name of this server: start the server with --allowed-host NAME to allow it',
    ],
    [{ host: 'localhost.evil.example:9324' }, 'localhost.evil.example:9324 is not a name'],
    [{ host: 'evillocalhost' }, 'evillocalhost is not a name'],
    [{ host: '127.0.0.1.evil.example' }, '127.0.0.1.evil.example is not a name'],
    [{ host: 'user@127.0.0.1' }, 'user@127.0.0.1 is not a name'],
    [{ host: '::1' }, '::1 is not a name'],
    [{ host: '127.0.0.1:9324', origin: 'https://evil.example' }, 'a page of https://evil.example sent'],
    [{ host: '127.0.0.1:9324', origin: 'null' }, 'a page of null sent'],
    [
      { host: '127.0.0.1:9324', origin: 'http://localhost@evil.example' },
      'a page of http://localhost@evil.example sent',
    ],
    [{ host: '127.0.0.1:9324', origin: 'http://192.168.1.5:3000' }, 'a page of http://192.168.1.5:3000 sent'],
    [{ host: '127.0.0.1:9324', referer: 'https://evil.example/?http://localhost/' }, 'a page of https://evil.example'],
    [{ host: '127.0.0.1:9324', referer: 'http://localhost.evil.example/' }, 'a page of http://localhost.evil.example/'],
    [{ host: '127.0.0.1:9324', referer: 'android-app://com.example/' }, 'a page of android-app://com.example/'],
    [{ host: '127.0.0.1:9324', 'sec-fetch-site': 'cross-site' }, 'a page of another site (cross-site) sent'],
    [{ host: '127.0.0.1:9324', 'sec-fetch-site': 'same-site' }, 'a page of another site (same-site) sent'],
  ])('refuses requests like %j', (headers, reason) => {
    expect(check(new Headers(headers))).toContain(reason)
  })
})

test('a server that listens on a name is known by that name', () => {
  const check = callerCheck({ host: 'box.internal' })
  expect(check(new Headers({ host: 'box.internal:9324' }))).toBeUndefined()
  expect(check(new Headers({ host: 'other.internal:9324' }))).toContain('--allowed-host')
})

test('a refusal quotes no more than 200 characters of a header', () => {
  const check = callerCheck({ host: '127.0.0.1' })
  expect(check(new Headers({ host: 'x'.repeat(10_000) }))?.length).toBeLessThan(400)
})
