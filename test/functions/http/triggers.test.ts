import { beforeEach, describe, expect, test } from 'vitest'
import { setTrigger } from '../../../lib/triggers/trigger.ts'
import { type Api, apiOn, SURFACES } from './surfaces.ts'

describe.each(SURFACES)('triggers over HTTP, %s', (_name, surface) => {
  let api: Api
  beforeEach(async () => {
    api = apiOn(surface)
    for (const queue of ['orders', 'others']) await api.send('PUT', `/queues/${queue}`, {})
  })

  test('are listed with their settings and what their runs do', async () => {
    const given = { queue: 'orders', functionName: 'handler', functionTimeoutSeconds: 30 }
    const filter = { body: { country: ['DE'] } }
    await setTrigger(api.engine, { ...given, filter, unmatched: { queue: 'others' } }, { declaredBy: 'Shop/Trigger' })
    const { status, body } = await api.send('GET', '/triggers')
    expect(status).toBe(200)
    expect(body).toEqual({
      triggers: [
        {
          ...given,
          batchSize: 10,
          batchingWindowSeconds: 0,
          maxConcurrency: 10,
          enabled: true,
          reportBatchItemFailures: true,
          filter: [JSON.stringify(filter)],
          unmatched: { queue: 'others' },
          declaredAt: '2030-01-01T00:00:00.000Z',
          declaredBy: 'Shop/Trigger',
          paused: false,
          running: false,
          slotsTaken: 0,
          nextRunAt: '2030-01-01T00:00:00.000Z',
        },
      ],
    })
    expect((await api.send('GET', '/triggers?queue=others')).body).toEqual({ triggers: [] })
  })

  test('of a queue that is missing are refused', async () => {
    expect(await api.send('GET', '/triggers?queue=none')).toMatchObject({
      status: 404,
      body: { code: 'QueueNotFound' },
    })
  })
})
