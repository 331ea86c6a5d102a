import type { Context } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { useEngine } from '../../../functions/runtime/compose.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

const context = (remainingMs: number) => ({ getRemainingTimeInMillis: () => remainingMs }) as Context

describe('the monitor', () => {
  let engine: TestEngine
  const lines: string[] = []

  beforeEach(() => {
    engine = testEngine()
    useEngine(engine)
    lines.length = 0
    vi.resetModules()
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false')
    vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT')
    vi.stubEnv('POWERTOOLS_SERVICE_NAME', 'mine')
    vi.stubEnv('POWERTOOLS_METRICS_NAMESPACE', 'Holdfast')
    vi.stubEnv('POWERTOOLS_DEV', 'true')
    vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line))
  })
  afterEach(() => {
    useEngine(undefined)
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
  })

  const measure = async (remainingMs = 50_000) => {
    // Loaded again, so that the function sees the environment above.
    const { handler } = await import('../../../functions/monitor.ts')
    const { useEngine: use } = await import('../../../functions/runtime/compose.ts')
    use(engine)
    await handler({}, context(remainingMs))
    return lines.map((line) => {
      const { _aws, ...metric } = JSON.parse(line)
      return { ...metric, dimensions: _aws.CloudWatchMetrics[0].Dimensions }
    })
  }

  test('writes what each queue holds, and what all of them do', async () => {
    await createQueue(engine, 'orders')
    await createQueue(engine, 'mail')
    await createQueue(engine, 'empty')
    await publish(engine, 'orders', [{ body: 1 }, { body: 2 }])
    await publish(engine, 'orders', [{ body: 3, delaySeconds: 600 }])
    await poll(engine, 'orders')
    await engine.clock.advance(10_500)
    await publish(engine, 'mail', [{ body: 1 }])
    expect(await measure()).toEqual([
      {
        service: 'mine',
        queue: 'mail',
        dimensions: [['service', 'queue']],
        MessagesReady: 1,
        MessagesDelayed: 0,
        MessagesLeased: 0,
        OldestMessageAge: 0,
      },
      {
        service: 'mine',
        queue: 'orders',
        dimensions: [['service', 'queue']],
        MessagesReady: 1,
        MessagesDelayed: 1,
        MessagesLeased: 1,
        OldestMessageAge: 10,
      },
      {
        service: 'mine',
        dimensions: [['service']],
        MessagesReady: 2,
        MessagesDelayed: 1,
        MessagesLeased: 1,
        OldestMessageAge: 10,
      },
    ])
  })

  test('writes the metrics of the other queues where a count fails, and then fails itself, naming the queue', async () => {
    await createQueue(engine, 'broken')
    await createQueue(engine, 'orders')
    await publish(engine, 'orders', [{ body: 1 }])
    const { headers } = engine.store
    engine.store.headers = (range) =>
      range.partition.queue === 'broken' ? Promise.reject(new Error('no such header')) : headers(range)
    await expect(measure()).rejects.toThrow('1 queue could not be counted; the first is broken: no such header')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { queue: 'orders', MessagesReady: 1 },
      { MessagesReady: 1 },
    ])
  })

  test('writes nothing while nothing is there', async () => {
    await createQueue(engine, 'orders')
    expect(await measure()).toEqual([])
  })

  test('writes nothing it had no time to measure', async () => {
    await createQueue(engine, 'orders')
    await publish(engine, 'orders', [{ body: 1 }])
    expect(await measure(1_000)).toEqual([])
  })
})
