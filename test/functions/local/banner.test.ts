import { describe, expect, test } from 'vitest'
import { type BannerFacts, banner } from '../../../functions/local/banner.ts'

const shown = (facts: Partial<BannerFacts> = {}): string =>
  banner({
    host: '127.0.0.1',
    port: 9324,
    store: 'in memory',
    signed: false,
    httpOpen: true,
    exposed: false,
    ...facts,
  })

describe('the banner', () => {
  test('has commands for both protocols', () => {
    expect(shown()).toBe(`Holdfast is listening on http://127.0.0.1:9324   (in memory)
Console: http://127.0.0.1:9324/console

  curl -X PUT http://127.0.0.1:9324/queues/orders
  curl http://127.0.0.1:9324/queues/orders/messages -H 'content-type: application/json' -d '{"messages":[{"body":{"order":1}}]}'
  curl http://127.0.0.1:9324/queues/orders/poll -H 'content-type: application/json' -d '{"maxMessages":10}'
  curl http://127.0.0.1:9324/queues/orders/ack -H 'content-type: application/json' -d '{"receiptHandles":["..."]}'

  AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x aws sqs list-queues --endpoint-url http://127.0.0.1:9324 --region us-east-1

HTTP API: http://127.0.0.1:9324/openapi.json   Stop with Ctrl-C.`)
  })

  test('has the outcome of the queues of a file', () => {
    expect(shown({ queues: 'Queues of q.json: created a.' })).toContain(
      '(in memory)\nQueues of q.json: created a.\nConsole: http://127.0.0.1:9324/console\n\n',
    )
  })

  test('shows no commands for an HTTP API that is closed, and no keys where real ones are needed', () => {
    const text = shown({ signed: true, httpOpen: false })
    expect(text).not.toContain('curl')
    expect(text).not.toContain('Console')
    expect(text).not.toContain('AWS_ACCESS_KEY_ID')
    expect(text).toContain('HTTP API: closed by --auth (--http-open opens it)')
  })

  test.each([
    [{ signed: false, httpOpen: true }, 'can use the HTTP API and the SQS endpoint.'],
    [{ signed: true, httpOpen: true }, 'can use the HTTP API.'],
  ])('says what other machines can use where %j', (facts, expected) => {
    const text = shown({ ...facts, host: '0.0.0.0', exposed: true })
    expect(text).toContain(`Anyone who can reach port 9324 of 0.0.0.0 ${expected}`)
    expect(text).toContain('listening on http://127.0.0.1:9324 ')
  })

  test('does not mention other machines where all clients must sign', () => {
    expect(shown({ signed: true, httpOpen: false, host: '0.0.0.0', exposed: true })).not.toContain('Anyone')
  })

  test.each([
    ['::', 'http://[::1]:9324'],
    ['fe80::1', 'http://[fe80::1]:9324'],
    ['192.168.1.5', 'http://192.168.1.5:9324'],
    ['box.internal', 'http://box.internal:9324'],
  ])('names a URL that works for a server on %s', (host, url) => {
    expect(shown({ host })).toContain(`listening on ${url} `)
  })

  test('warns of what the store opens', () => {
    expect(shown({ warning: 'the engine is open' })).toContain('\n\nWarning: the engine is open\n\n')
  })
})
