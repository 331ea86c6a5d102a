import { afterEach, describe, expect, test } from 'vitest'
import type { QueueClient } from '../../../lib/client/queue.ts'
import type { Client } from '../../../lib/client.ts'
import { noEmbedded } from '../../support/embedded.ts'
import { PLACES, type Place } from './places.ts'

const places: Place[] = []
afterEach(async () => {
  for (const place of places.splice(0)) await place.close()
})

type Orders = QueueClient<{ id: number }>
const ID = '019ca945-0a00-8000-801b-ff0fd396070b'

/** Every method that takes a signal, called with one. */
const CALLS: Readonly<Record<string, (client: Client, orders: Orders, signal: AbortSignal) => Promise<unknown>>> = {
  createQueue: (client, _, signal) => client.createQueue('other', {}, { signal }),
  deleteQueue: (client, _, signal) => client.deleteQueue('orders', { signal }),
  listQueues: (client, _, signal) => client.listQueues({ signal }),
  publish: (_, orders, signal) => orders.publish({ id: 1 }, { signal }),
  publishBatch: (_, orders, signal) => orders.publishBatch([{ body: { id: 1 } }], { signal }),
  ack: (_, orders, signal) => orders.ack(['h'], { signal }),
  'ack of one': (_, orders, signal) => orders.ack('h', { signal }),
  nack: (_, orders, signal) => orders.nack(['h'], { signal }),
  extend: (_, orders, signal) => orders.extend(['h'], { visibilityTimeoutSeconds: 9, signal }),
  unreceive: (_, orders, signal) => orders.unreceive(['h'], { signal }),
  get: (_, orders, signal) => orders.get(ID, { signal }),
  browse: (_, orders, signal) => orders.browse({ signal }),
  cancel: (_, orders, signal) => orders.cancel(ID, { signal }),
  reschedule: (_, orders, signal) => orders.reschedule(ID, { delaySeconds: 1, signal }),
  settings: (_, orders, signal) => orders.settings({ signal }),
  update: (_, orders, signal) => orders.update({ delaySeconds: 9 }, { signal }),
  counts: (_, orders, signal) => orders.counts({ signal }),
  purge: (_, orders, signal) => orders.purge({ signal }),
}

describe.each(PLACES)('a call of a client %s', (name, open) => {
  if (name === 'on a table' && noEmbedded()) return

  test('that is called off before it begins does nothing, and throws the reason', async () => {
    const place = await open({})
    places.push(place)
    await place.client.createQueue('orders')
    const orders = place.client.queue<{ id: number }>('orders')
    const { messageId } = await orders.publish({ id: 7 })
    const reason = new Error('enough')
    for (const [verb, call] of Object.entries(CALLS)) {
      const outcome = await call(place.client, orders, AbortSignal.abort(reason)).catch((error: unknown) => error)
      expect([verb, outcome]).toEqual([verb, reason])
    }
    expect(await orders.poll({ signal: AbortSignal.abort(reason) })).toEqual([])
    expect((await place.client.listQueues()).queues.map((queue) => queue.name)).toEqual(['orders'])
    expect((await orders.settings()).settings.delaySeconds).toBe(0)
    expect((await orders.poll()).map((message) => message.messageId)).toEqual([messageId])
  })
})
