import { beforeEach, expect, test } from 'vitest'
import { type Client, createClient } from '../../../lib/client.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { settled } from '../../support/manual-clock.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'
import { testFrontDoor } from './test-front-door.ts'

/** Time stands still here: a poll that waits is answered only when something ends its wait. */
let engine: TestEngine
let requests: string[]
let client: Client
/** What happens to each request before it reaches the server. */
let before: (method: string) => Promise<void>

beforeEach(async () => {
  engine = testEngine()
  requests = []
  before = async () => {}
  await createQueue(engine, 'jobs')
  const door = testFrontDoor(engine)
  const url = 'http://127.0.0.1:9324'
  const send: typeof fetch = async (input, init) => {
    const { pathname } = new URL(String(input))
    const method = init?.method ?? 'GET'
    await before(method)
    requests.push(`${method} ${pathname.replace(/[0-9a-f-]{36}/, 'ID')}`)
    const headers = { ...(init?.headers as Record<string, string>), host: '127.0.0.1:9324' }
    const request = new Request(input as URL, { ...init, headers })
    return door(request, { target: pathname, signal: new AbortController().signal })
  }
  client = createClient({ url, fetch: send })
})

const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await settled()
}
const quiet = { stopOnSigterm: false, onError: () => {} } as const

test('the long poll of a worker that stops is ended, and not waited for', async () => {
  const worker = client.queue<number>('jobs').consume(() => {}, quiet)
  await turns()
  await worker.stop()
  expect(requests).toEqual(['GET /queues/jobs', 'POST /queues/jobs/poll', 'DELETE /polls/ID'])
})

test('what a poll had leased when it was ended is given back, and its receive does not count', async () => {
  const seen: number[] = []
  const worker = client.queue<number>('jobs').consume(({ body }) => void seen.push(body), quiet)
  await turns()
  before = async (method) => {
    if (method !== 'DELETE') return
    await createClient({ engine }).queue<number>('jobs').publish(1)
    await turns()
  }
  await worker.stop()
  expect(seen).toEqual([])
  const [message] = await createClient({ engine }).queue<number>('jobs').poll()
  expect(message).toMatchObject({ body: 1, receiveCount: 1 })
})

test('a poll that arrives after the request to end it is ended all the same', async () => {
  let arrive = () => {}
  const late = new Promise<void>((resolve) => {
    arrive = resolve
  })
  let tries = 0
  before = async (method) => {
    if (method === 'POST') await late
    if (method === 'DELETE' && ++tries === 2) arrive()
  }
  const worker = client.queue<number>('jobs').consume(() => {}, quiet)
  await turns()
  await worker.stop()
  expect(requests).toContain('POST /queues/jobs/poll')
  expect(tries).toBeGreaterThanOrEqual(2)
})
