import { expect, test } from 'vitest'
import { bodyText } from '../../../lib/model/message.ts'
import { DEFAULT_FIFO, type SettingsChange } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import type { InvokeOutcome, Invoker } from '../../../lib/triggers/invoker.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { setTrigger } from '../../../lib/triggers/trigger.ts'
import { tick } from '../../../lib/triggers/wake.ts'
import { anotherProcess, type TestEngine, testEngine } from '../../support/test-engine.ts'

const SUCCEEDED: InvokeOutcome = { kind: 'answered', failed: new Set() }

const run = (engine: TestEngine, queue: string, invoke: Invoker['invoke'], lifeMs = 900_000) =>
  dispatch(engine, {
    queue,
    invoker: {
      fitting: async (_, messages) => messages.length,
      records: async (_, messages) => messages.map(({ body }) => ({ body: bodyText(body) })),
      invoke,
    },
    endsAt: engine.clock.now() + lifeMs,
    startRun: async () => {},
  })

test.each<[string, string, SettingsChange]>([
  ['of a FIFO queue', 'orders.fifo', { fifo: DEFAULT_FIFO }],
  ['with a limit to what is in flight', 'orders', { maxInFlightPerGroup: 1 }],
])(
  'a group %s goes on with a tick when its head is acked by a run that has handed over',
  async (_, queue, settings) => {
    const engine = testEngine()
    await createQueue(engine, queue, { settings })
    await setTrigger(engine, { queue, functionName: 'handler', functionTimeoutSeconds: 10, batchSize: 1 })
    await engine.clock.advance(1_000_000)
    for (const body of ['a', 'b']) await publish(engine, queue, [{ body, groupId: 'g', deduplicationId: body }])
    const delivered: unknown[] = []
    let succeed: () => void = () => {}
    const first = run(
      engine,
      queue,
      (_trigger, messages) => {
        delivered.push(...messages.map(({ body }) => body))
        return new Promise((resolve) => {
          succeed = () => resolve(SUCCEEDED)
        })
      },
      60_000,
    )
    await engine.clock.advance(6_000)
    const second = run(anotherProcess(engine), queue, async (_trigger, messages) => {
      delivered.push(...messages.map(({ body }) => body))
      return SUCCEEDED
    })
    await engine.clock.advance(4_000)
    expect(await second).toBe('idle')
    succeed()
    expect(await first).toBe('handed-over')
    expect(delivered).toEqual(['a'])
    const started: string[] = []
    await tick(engine, { startRun: async (name) => void started.push(name) })
    expect(started).toEqual([queue])
  },
)
