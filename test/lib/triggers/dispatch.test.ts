import { describe, expect, test } from 'vitest'
import type { Message } from '../../../lib/model/message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import type { InvokeOutcome, TriggerEvent } from '../../../lib/triggers/invoker.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { type GivenTrigger, setTrigger } from '../../../lib/triggers/trigger.ts'
import { tick, wake } from '../../../lib/triggers/wake.ts'
import { settled } from '../../support/manual-clock.ts'
import { anotherProcess, type TestEngine, testEngine } from '../../support/test-engine.ts'

const ANSWERED: InvokeOutcome = { kind: 'answered', failed: new Set() }
const LIFE_MS = 900_000

interface Invocation {
  readonly messages: readonly Message[]
  readonly at: number
  answer(outcome?: InvokeOutcome): Promise<void>
}

/** A queue with a trigger, whose function the test answers for. */
const rig = async (given: Partial<GivenTrigger> = {}, { answering }: { answering?: InvokeOutcome } = {}) => {
  const engine = testEngine()
  const queue = given.queue ?? 'orders'
  await createQueue(engine, queue, {})
  await setTrigger(engine, { queue, functionName: 'handler', functionTimeoutSeconds: 10, ...given })
  const invocations: Invocation[] = []
  const events: TriggerEvent[] = []
  const started: string[] = []
  let underWay = 0
  let most = 0
  const invoker = {
    fitting: async (_: unknown, messages: readonly Message[]) => messages.length,
    invoke: async (_: unknown, messages: readonly Message[]): Promise<InvokeOutcome> => {
      underWay++
      most = Math.max(most, underWay)
      const outcome = await new Promise<InvokeOutcome>((resolve) => {
        const answer = async (outcome = ANSWERED) => {
          resolve(outcome)
          await settled()
        }
        invocations.push({ messages, at: engine.clock.now(), answer })
        if (answering) resolve(answering)
      })
      underWay--
      return outcome
    },
  }
  const run = (of: TestEngine = engine, endsAt = engine.clock.now() + LIFE_MS) =>
    dispatch(of, {
      queue,
      invoker,
      endsAt,
      startRun: async (name) => void started.push(name),
      observe: (event) => events.push(event),
    })
  return { engine, queue, run, invocations, events, started, most: () => most }
}

const bodies = (invocation: Invocation | undefined) => invocation?.messages.map(({ body }) => body)

describe('a run', () => {
  test('delivers what is there in batches, acks it, and ends when nothing is left', async () => {
    const { engine, queue, run, invocations } = await rig({ batchSize: 2 }, { answering: ANSWERED })
    await publish(engine, queue, [{ body: 'a' }, { body: 'b' }, { body: 'c' }])
    const running = run()
    await engine.clock.advance(10_000)
    expect(await running).toBe('idle')
    expect(invocations.map(bodies)).toEqual([['a', 'b'], ['c']])
    expect(await counts(engine, queue)).toMatchObject({ ready: 0, leased: 0 })
  })

  test('gives way to the one that has the mark', async () => {
    const { engine, run } = await rig()
    const first = run()
    await settled()
    expect(await run(anotherProcess(engine))).toBe('marked')
    await engine.clock.advance(10_000)
    expect(await first).toBe('idle')
  })

  test('never has more invocations under way than the trigger allows', async () => {
    const { engine, queue, run, invocations, most } = await rig({ maxConcurrency: 2, batchSize: 1 })
    await publish(engine, queue, [{ body: 'a' }, { body: 'b' }, { body: 'c' }])
    const running = run()
    await engine.clock.advance(3_000)
    expect(invocations.map(bodies)).toEqual([['a'], ['b']])
    await invocations[0]?.answer()
    await engine.clock.advance(1_000)
    expect(invocations.map(bodies)).toEqual([['a'], ['b'], ['c']])
    await invocations[1]?.answer()
    await invocations[2]?.answer()
    await engine.clock.advance(10_000)
    expect(await running).toBe('idle')
    expect(most()).toBe(2)
  })

  test('burns no receive while the function is throttled for ten minutes', async () => {
    let throttled = true
    const { engine, queue, run, invocations } = await rig()
    await publish(engine, queue, [{ body: 'a' }])
    const running = run()
    const answering = async () => {
      for (let second = 0; second < 700; second++) {
        await engine.clock.advance(1_000)
        throttled = second < 600
        const last = invocations.at(-1)
        await last?.answer(throttled ? { kind: 'not-run', reason: 'throttled', error: 'TooManyRequests' } : ANSWERED)
      }
    }
    await answering()
    expect(await running).toBe('idle')
    expect(invocations.length).toBeGreaterThan(10)
    expect(invocations.length).toBeLessThan(20)
    expect(new Set(invocations.map(({ messages }) => messages[0]?.receiveCount))).toEqual(new Set([1]))
    expect(await counts(engine, queue)).toMatchObject({ ready: 0, leased: 0 })
  })

  test('keeps slot and leases of an invocation whose answer was lost until it must have ended', async () => {
    const { engine, queue, run, invocations } = await rig({ maxConcurrency: 1 })
    await publish(engine, queue, [{ body: 'a' }])
    const running = run()
    await engine.clock.advance(1_000)
    await invocations[0]?.answer({ kind: 'unknown', error: 'socket hang up' })
    await engine.clock.advance(39_000)
    expect(invocations).toHaveLength(1)
    await engine.clock.advance(30_000)
    expect(invocations).toHaveLength(2)
    expect(invocations[1]?.messages[0]?.receiveCount).toBe(2)
    await invocations[1]?.answer()
    await engine.clock.advance(10_000)
    expect(await running).toBe('idle')
  })

  test('starts its successor when its time is over, and ends with its last invocation', async () => {
    const { engine, queue, run, invocations, started } = await rig({ batchSize: 1 })
    await publish(engine, queue, [{ body: 'a' }])
    const running = run(engine, engine.clock.now() + 80_000)
    await engine.clock.advance(40_000)
    expect(started).toEqual(['orders'])
    const successor = run(anotherProcess(engine))
    await publish(engine, queue, [{ body: 'b' }])
    await engine.clock.advance(2_000)
    expect(invocations.map(bodies)).toEqual([['a'], ['b']])
    await invocations[0]?.answer()
    expect(await running).toBe('handed-over')
    await invocations[1]?.answer()
    await engine.clock.advance(10_000)
    expect(await successor).toBe('idle')
  })
})

describe('a wake', () => {
  test('starts a run where none is marked', async () => {
    const { engine, run } = await rig()
    const key = { partition: { queue: 'orders', generation: 'x', shard: 0 }, sort: '9' }
    const woken: string[] = []
    const startRun = async (queue: string) => void woken.push(queue)
    await wake(engine, [{ ...key, sort: `9${engine.clock.now().toString(16).padStart(12, '0')}00000000000000` }], {
      startRun,
    })
    expect(woken).toEqual(['orders'])
    const running = run()
    await settled()
    await wake(engine, [{ ...key, sort: `9${engine.clock.now().toString(16).padStart(12, '0')}00000000000000` }], {
      startRun,
    })
    expect(woken).toEqual(['orders'])
    await engine.clock.advance(10_000)
    await running
  })
})

describe('a tick', () => {
  test('starts a run for what was noted as due later', async () => {
    const { engine, queue, run, invocations } = await rig({}, { answering: ANSWERED })
    const first = run()
    await engine.clock.advance(10_000)
    expect(await first).toBe('idle')
    await publish(engine, queue, [{ body: 'later', delaySeconds: 300 }])
    const second = run()
    await engine.clock.advance(10_000)
    expect(await second).toBe('idle')
    const woken: string[] = []
    const startRun = async (name: string) => void woken.push(name)
    expect(await tick(engine, { startRun })).toBe(0)
    await engine.clock.advance(300_000)
    expect(await tick(engine, { startRun })).toBe(1)
    const third = run()
    await engine.clock.advance(10_000)
    expect(await third).toBe('idle')
    expect(invocations.map(bodies)).toEqual([['later']])
  })

  test('looks after a run that died', async () => {
    const { engine, queue, run, invocations } = await rig()
    await publish(engine, queue, [{ body: 'a' }])
    void run()
    await engine.clock.advance(1_000)
    expect(invocations).toHaveLength(1)
    const woken: string[] = []
    const startRun = async (name: string) => void woken.push(name)
    await tick(anotherProcess(engine), { startRun })
    expect(woken).toEqual([])
  })
})
