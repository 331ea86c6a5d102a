import { expect, test } from 'vitest'
import { createClient } from '../../../lib/client.ts'
import { testEngine } from '../../support/test-engine.ts'

/** Longer than any test: what waits so long is sent by whatever ends the wait. */
const LINGER_MS = 3_600_000

const clients = async () => {
  const engine = testEngine()
  const other = createClient({ engine })
  await other.createQueue('orders')
  return { engine, stored: async () => (await other.queue('orders').counts()).ready }
}

test('a queue that goes out of scope has sent what was published through it', async () => {
  const { engine, stored } = await clients()
  const client = createClient({ engine, lingerMs: LINGER_MS })
  {
    await using orders = client.queue<number>('orders')
    void orders.publish(1)
    expect(await stored()).toBe(0)
  }
  expect(await stored()).toBe(1)
})

test('a client that goes out of scope has sent what was published to each of its queues', async () => {
  const { engine, stored } = await clients()
  {
    await using client = createClient({ engine, lingerMs: LINGER_MS })
    void client.queue<number>('orders').publish(1)
    expect(await stored()).toBe(0)
  }
  expect(await stored()).toBe(1)
})

test('a worker that goes out of scope has stopped', async () => {
  const { engine } = await clients()
  const client = createClient({ engine })
  let ended = false
  {
    await using worker = client.queue<number>('orders').consume(() => {}, { stopOnSigterm: false })
    void worker.stopped.then(() => {
      ended = true
    })
    expect(ended).toBe(false)
  }
  expect(ended).toBe(true)
})
