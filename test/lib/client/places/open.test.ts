import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import { openPlace, signFor } from '../../../../lib/client/places/open.ts'
import { monotonicClock, systemClock } from '../../../../lib/clock.ts'
import { createEngine } from '../../../../lib/engine.ts'
import { memoryStore } from '../../../../lib/store/keyed/memory-store.ts'
import { manualClock } from '../../../support/manual-clock.ts'

describe('a place', () => {
  test('over HTTP has the address of its server, with the port of the scheme by default, and no engine', () => {
    expect(openPlace({ url: 'http://127.0.0.1:9324/base' })).toMatchObject({
      server: { address: '127.0.0.1', port: 9324 },
      clock: systemClock,
      monotonic: monotonicClock,
    })
    const deployed = openPlace({ url: 'https://api.example.com' })
    expect([deployed.server, deployed.engine]).toEqual([{ address: 'api.example.com', port: 443 }, undefined])
  })

  test('in this process keeps the leases of its workers by the monotonic clock, and by the clock of a test where there is one', () => {
    const clock = manualClock()
    const tested = openPlace({ store: memoryStore({ clock }), clock })
    expect([tested.clock, tested.monotonic]).toEqual([clock, clock])
    const real = openPlace({ store: memoryStore() })
    expect([real.clock, real.monotonic]).toEqual([systemClock, monotonicClock])
  })

  test('on an engine uses that engine', () => {
    const engine = createEngine({ store: memoryStore() })
    expect(openPlace({ engine }).engine).toBe(engine)
  })

  test("on a table judges leases by the database's clock, which is not known before the first response", async () => {
    const dynamodb = new DynamoDBClient({ region: 'us-east-1', endpoint: 'http://127.0.0.1:1' })
    const { clock, engine } = openPlace({ table: 'holdfast', dynamodb })
    expect([clock.doubtMs?.(), engine?.clock]).toEqual([Number.POSITIVE_INFINITY, clock])
    dynamodb.destroy()
  })
})

describe('requests to an API', () => {
  const credentials = { accessKeyId: 'AKID', secretAccessKey: 'secret' }
  const authorization = async (address: string, given?: typeof credentials): Promise<string | undefined> => {
    const url = new URL(address)
    const request = { method: 'GET', url, headers: {}, body: undefined, at: new Date(0) }
    return (await signFor(url, given)(request)).authorization
  }

  test('are not signed on this machine, unless credentials are given', async () => {
    expect(await authorization('http://localhost:9324')).toBeUndefined()
    expect(await authorization('https://abc.execute-api.eu-west-1.amazonaws.com', credentials)).toContain(
      'Credential=AKID/19700101/eu-west-1/execute-api/aws4_request',
    )
  })
})
