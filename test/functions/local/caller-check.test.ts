import { describe, expect, it, test } from 'vitest'
import { callerCheck } from '../../../functions/local/caller-check.ts'
import { startServerProcess } from './server-process.ts'

describe('the local server', () => {
  const check = callerCheck({ host: '127.0.0.1', allowedHosts: ['queues'] })

  test.each([
    [{ host: 'localhost:9324' }],
    [{ host: '127.0.0.1:9324' }],
    [{ host: '[::1]:9324' }],
    [{ host: 'queues:9324' }],
    [{ host: 'localhost:9324', origin: 'http://localhost:9324', 'sec-fetch-site': 'same-origin' }],
    [{ host: 'localhost:9324', origin: 'http://127.0.0.1:5173' }],
    [{ host: 'localhost:9324', 'sec-fetch-site': 'none' }],
    [{}],
  ])('takes requests like %j', (headers) => {
    expect(check(headers)).toBeUndefined()
  })

  test.each([
    [{ host: 'evil.example' }],
    [{ host: 'localhost.evil.example:9324' }],
    [{ host: '127.0.0.1:9324', origin: 'https://evil.example' }],
    [{ host: '127.0.0.1:9324', origin: 'null' }],
    [{ host: '127.0.0.1:9324', origin: 'http://localhost@evil.example' }],
    [{ host: '127.0.0.1:9324', 'sec-fetch-site': 'cross-site' }],
    [{ host: '127.0.0.1:9324', 'sec-fetch-site': 'same-site' }],
  ])('refuses requests like %j', (headers) => {
    expect(check(headers)).toEqual(expect.any(String))
  })

  it('is known by any name where it listens for others too, but not to pages of other sites', () => {
    const open = callerCheck({ host: '0.0.0.0' })
    expect(open({ host: 'queues.internal:9324' })).toBeUndefined()
    expect(open({ host: 'queues.internal:9324', origin: 'https://evil.example' })).toEqual(expect.any(String))
  })

  it('does nothing that a web page of another site asks for, whatever the protocol', async () => {
    const { url } = await startServerProcess({ args: ['--memory'] })
    const headers = { origin: 'https://evil.example' }
    const sqs = await fetch(`${url}/?Action=CreateQueue&QueueName=q`, { headers })
    expect([sqs.status, await sqs.text()]).toEqual([403, expect.stringContaining('<Code>AccessDenied</Code>')])
    const http = await fetch(`${url}/queues/q`, { method: 'PUT', headers })
    expect([http.status, ((await http.json()) as { code: string }).code]).toEqual([403, 'CallerRefused'])
    const typeless = await fetch(`${url}/queues/q`, { method: 'PUT', body: new Uint8Array([0x7b, 0x7d]) })
    expect(typeless.status).toBe(415)
    expect((await fetch(`${url}/queues/q`)).status).toBe(404)
  })
})
