import { describe, expect, test } from 'vitest'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { bodyText, type Message } from '../../../lib/model/message.ts'
import { sortKey } from '../../../lib/model/segment-key.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
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
    records: async (_: unknown, messages: readonly Message[]) =>
      messages.map(({ body, attributes }) => ({ body: bodyText(body), messageAttributes: attributes })),
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
  /** A run that is told when it has claimed a batch. */
  const runWith = (of: TestEngine, claimed: () => void) =>
    dispatch(of, {
      queue,
      invoker: {
        ...invoker,
        fitting: async (_: unknown, messages: readonly Message[]) => {
          claimed()
          return messages.length
        },
      },
      endsAt: engine.clock.now() + LIFE_MS,
      startRun: async () => {},
    })
  return { engine, queue, run, runWith, invocations, events, started, most: () => most }
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

  test('does not send a batch that it was paused with: it goes back without a receive', async () => {
    const { engine, queue, invocations, runWith } = await rig()
    await publish(engine, queue, [{ body: 'a' }])
    let pausedMs = 0
    const paused = { ...anotherProcess(engine), clock: { ...engine.clock, now: () => engine.clock.now() + pausedMs } }
    const running = runWith(paused, () => {
      pausedMs = 45_000
    })
    await engine.clock.advance(10_000)
    expect(await running).toBe('mark-lost')
    expect(invocations).toEqual([])
    await engine.clock.advance(60_000)
    const successor = runWith(anotherProcess(engine, 3), () => {})
    await engine.clock.advance(30_000)
    expect(invocations.map(({ messages }) => messages[0]?.receiveCount)).toEqual([1])
    await invocations[0]?.answer()
    await engine.clock.advance(10_000)
    expect(await successor).toBe('idle')
  })

  test('settles its batch though the store refuses for a moment, what failed and what did not', async () => {
    const { engine, queue, run, invocations } = await rig({ batchSize: 2 })
    await publish(engine, queue, [{ body: 'a' }, { body: 'b' }])
    let refusals = 0
    const { get } = engine.queues
    const queues = {
      ...engine.queues,
      get: (name: string) => (refusals-- > 0 ? Promise.reject(new HoldfastError('Throttled', 'slow down')) : get(name)),
    }
    const running = run({ ...engine, queues })
    await engine.clock.advance(1_000)
    const [, failed] = invocations[0]?.messages ?? []
    refusals = 4
    await invocations[0]?.answer({ kind: 'answered', failed: new Set([failed?.messageId ?? '']) })
    await engine.clock.advance(20_000)
    expect(await counts(engine, queue)).toMatchObject({ ready: 0, leased: 0, delayed: 1 })
    expect(await running).toBe('idle')
    await engine.clock.advance(30_000)
    const again = run(anotherProcess(engine))
    await engine.clock.advance(2_000)
    expect(invocations.at(-1)?.messages.map(({ body, receiveCount }) => [body, receiveCount])).toEqual([['b', 2]])
    await invocations.at(-1)?.answer()
    await engine.clock.advance(10_000)
    expect(await again).toBe('idle')
  })

  test('claims each segment once, though its last invocation ends during a claim', async () => {
    const { engine, queue, run, invocations } = await rig({ batchSize: 2 }, { answering: ANSWERED })
    for (let n = 0; n < 5; n++) await publish(engine, queue, [{ body: 'a' }, { body: 'b' }])
    let claims = 0
    const claim: typeof engine.store.claim = async (claimed) => {
      claims += claimed.length
      await engine.clock.sleep(20)
      return engine.store.claim(claimed)
    }
    const running = run({ ...engine, store: { ...engine.store, claim } })
    await engine.clock.advance(10_000)
    expect(await running).toBe('idle')
    expect(invocations.flatMap(({ messages }) => messages)).toHaveLength(10)
    expect(claims).toBe(5)
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

/** A segment's key as the stream brings it. */
const published = (engine: TestEngine, inMs = 0, queue = 'orders') => ({
  partition: { queue, generation: 'x', shard: 0 },
  sort: sortKey({ priority: 0, dueAt: engine.clock.now() + inMs, unique: '0'.repeat(14) }),
})

/** Starts of runs that a wake or a tick asks for. */
const starts = () => {
  const queues: string[] = []
  return { queues, startRun: async (queue: string) => void queues.push(queue) }
}

describe('a wake', () => {
  test('starts a run where none has the mark, and none where one has', async () => {
    const { engine, run } = await rig()
    const { queues, startRun } = starts()
    await wake(engine, [published(engine), published(engine)], { startRun })
    expect(queues).toEqual(['orders'])
    const running = run()
    await settled()
    await wake(engine, [published(engine)], { startRun })
    expect(queues).toEqual(['orders'])
    await engine.clock.advance(10_000)
    await running
    await wake(engine, [published(engine)], { startRun })
    expect(queues).toEqual(['orders', 'orders'])
  })

  test('starts no run for a queue without a trigger, or whose trigger is disabled', async () => {
    const { engine } = await rig({ enabled: false })
    const { queues, startRun } = starts()
    await wake(engine, [published(engine), published(engine, 0, 'others')], { startRun })
    expect(queues).toEqual([])
  })

  test('has a tick start a run when what is due later is due', async () => {
    const { engine, run } = await rig()
    const { queues, startRun } = starts()
    const running = run()
    await engine.clock.advance(10_000)
    expect(await running).toBe('idle')
    await wake(engine, [published(engine, 300_000)], { startRun })
    await tick(engine, { startRun })
    expect(queues).toEqual([])
    await engine.clock.advance(300_000)
    await tick(engine, { startRun })
    expect(queues).toEqual(['orders'])
  })

  test('whose start is refused reports it, and leaves the queue to the next tick', async () => {
    const { engine, run } = await rig()
    const running = run()
    await engine.clock.advance(10_000)
    await running
    const events: TriggerEvent[] = []
    const refused = new Error('throttled')
    await wake(engine, [published(engine)], {
      startRun: async () => {
        throw refused
      },
      observe: (event) => events.push(event),
    })
    expect(events).toEqual([{ type: 'start-failed', queue: 'orders', error: refused }])
    const { queues, startRun } = starts()
    await tick(engine, { startRun })
    expect(queues).toEqual(['orders'])
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
    // Nothing of it goes on: its clock stands still.
    const dead = anotherProcess(engine, 3)
    void run({ ...dead, clock: { ...engine.clock, sleep: () => new Promise(() => {}) } })
    await engine.clock.advance(1_000)
    expect(invocations).toHaveLength(1)
    const { queues, startRun } = starts()
    await tick(engine, { startRun })
    expect(queues).toEqual([])
    await engine.clock.advance(60_000)
    await tick(engine, { startRun })
    expect(queues).toEqual(['orders'])
    const successor = run(anotherProcess(engine))
    await engine.clock.advance(20_000)
    expect(invocations.map(bodies)).toEqual([['a'], ['a']])
    await invocations[1]?.answer()
    await engine.clock.advance(10_000)
    expect(await successor).toBe('idle')
  })

  test('that is killed while it invokes brings the batches again that were under way, and no others, after their leases', async () => {
    const { engine, queue, run, invocations } = await rig({ maxConcurrency: 2, batchSize: 2 })
    for (let n = 0; n < 10; n++) await publish(engine, queue, [{ body: `message ${n}` }])
    // Nothing of it goes on: its clock stands still.
    const dead = anotherProcess(engine, 3)
    void run({ ...dead, clock: { ...engine.clock, sleep: () => new Promise(() => {}) } })
    await engine.clock.advance(1_000)
    const underWay = invocations.splice(0).flatMap(({ messages }) => messages)
    expect(underWay).toHaveLength(4)
    await engine.clock.advance(60_000)
    const successor = run(anotherProcess(engine))
    for (let second = 0; second < 120; second++) {
      await engine.clock.advance(1_000)
      for (const invocation of invocations) await invocation.answer()
    }
    expect(await successor).toBe('idle')
    const again = invocations.flatMap(({ messages, at }) => messages.map((message) => ({ message, at })))
    expect(again).toHaveLength(10)
    const receivedTwice = again.filter(({ message }) => message.receiveCount > 1)
    expect(receivedTwice.map(({ message }) => message.messageId).sort()).toEqual(
      underWay.map(({ messageId }) => messageId).sort(),
    )
    for (const { message, at } of receivedTwice) {
      const before = underWay.find(({ messageId }) => messageId === message.messageId)
      expect(at).toBeGreaterThanOrEqual(before?.leasedUntil ?? Number.POSITIVE_INFINITY)
    }
  })

  test('with a sweep starts runs for queues in which something was left, and for no others', async () => {
    const { engine, queue, run } = await rig()
    await engine.clock.advance(900_000)
    const running = run()
    await engine.clock.advance(10_000)
    await running
    const { queues, startRun } = starts()
    await tick(engine, { startRun, sweep: true })
    expect(queues).toEqual([])
    await publish(engine, queue, [{ body: 'a' }])
    await poll(engine, queue, { visibilityTimeoutSeconds: 3_600 })
    const again = run()
    await engine.clock.advance(10_000)
    expect(await again).toBe('idle')
    await tick(engine, { startRun })
    expect(queues).toEqual([])
    await tick(engine, { startRun, sweep: true })
    expect(queues).toEqual(['orders'])
  })

  test('with a sweep reads a queue whose trigger is new: the filter of the stream may lack it', async () => {
    const { engine, run } = await rig()
    const { queues, startRun } = starts()
    const first = run()
    await engine.clock.advance(10_000)
    await first
    await engine.clock.advance(600_000)
    await tick(engine, { startRun, sweep: true })
    expect(queues).toEqual(['orders'])
    await engine.clock.advance(300_000)
    const second = run()
    await engine.clock.advance(10_000)
    await second
    await tick(engine, { startRun, sweep: true })
    expect(queues).toEqual(['orders'])
  })

  test('after lost wakes starts a run for every queue, whatever is known of it', async () => {
    const { engine, run } = await rig()
    await engine.clock.advance(900_000)
    const running = run()
    await engine.clock.advance(10_000)
    await running
    const { queues, startRun } = starts()
    expect(await tick(engine, { startRun, sweep: true })).toBe(0)
    expect(await tick(engine, { startRun, all: true })).toBe(1)
    expect(queues).toEqual(['orders'])
  })
})
