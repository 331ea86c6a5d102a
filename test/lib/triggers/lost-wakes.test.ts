import { describe, expect, test } from 'vitest'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { bodyText, type Message } from '../../../lib/model/message.ts'
import type { SettingsChange } from '../../../lib/model/queue-settings.ts'
import { sortKey } from '../../../lib/model/segment-key.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { dueKey } from '../../../lib/store/keys.ts'
import type { Store, Write } from '../../../lib/store/port.ts'
import { type Due, noteDue, readDue } from '../../../lib/triggers/due-index.ts'
import type { InvokeOutcome, Invoker } from '../../../lib/triggers/invoker.ts'
import { isMarked } from '../../../lib/triggers/mark.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { readTrigger, setTrigger } from '../../../lib/triggers/trigger.ts'
import { tick, wake } from '../../../lib/triggers/wake.ts'
import { settled } from '../../support/manual-clock.ts'
import { anotherProcess, type TestEngine, testEngine } from '../../support/test-engine.ts'

const QUEUE = 'orders'
const TRIGGER = { queue: QUEUE, functionName: 'handler', functionTimeoutSeconds: 10 }
const LIFE_MS = 900_000

/** A queue with a trigger that no sweep looks at any more because it is new. */
const rig = async (settings: SettingsChange = {}): Promise<TestEngine> => {
  const engine = testEngine()
  await createQueue(engine, QUEUE, { settings })
  await setTrigger(engine, TRIGGER)
  await engine.clock.advance(1_000_000)
  return engine
}

const answering = (answer: (messages: readonly Message[]) => Promise<InvokeOutcome>): Invoker => ({
  fitting: async (_, messages) => messages.length,
  records: async (_, messages) => messages.map(({ body }) => ({ body: bodyText(body) })),
  invoke: (_, messages) => answer(messages),
})
const SUCCEEDS = answering(async () => ({ kind: 'answered', failed: new Set() }))

const run = (engine: TestEngine, { invoker = SUCCEEDS, lifeMs = LIFE_MS } = {}) =>
  dispatch(engine, { queue: QUEUE, invoker, endsAt: engine.clock.now() + lifeMs, startRun: async () => {} })

/** Starts that a tick asks for, none of which takes place. */
const startsOfTick = async (engine: TestEngine, all = false): Promise<string[]> => {
  const queues: string[] = []
  await tick(engine, { startRun: async (queue) => void queues.push(queue), all })
  return queues
}

const published = (engine: TestEngine, inMs: number) => ({
  partition: { queue: QUEUE, generation: 'x', shard: 0 },
  sort: sortKey({ priority: 0, dueAt: engine.clock.now() + inMs, unique: '0'.repeat(14) }),
})
const LOST_START = { startRun: async () => {} }

/** The same process, on a store that has something done before its next matching write. */
const interruptedBefore = (
  engine: TestEngine,
  isIt: (write: Write) => boolean,
  meanwhile: () => Promise<unknown>,
): TestEngine => {
  let done = false
  const transact: Store['transact'] = async (writes) => {
    if (!done && writes.some(isIt)) {
      done = true
      await meanwhile()
    }
    return engine.store.transact(writes)
  }
  return anotherProcess({ ...engine, store: { ...engine.store, transact } }, 3)
}

/** The write by which a run that ends replaces its entry of the due index. */
const isLastNote = (write: Write): boolean =>
  write.kind === 'put' && write.key.sort === dueKey(QUEUE).sort && (write.value as unknown as Due).guard === undefined

/** A process that dies with its request number `count`: it never gets an answer, nor does its time go on. */
const dyingAt = (engine: TestEngine, count: number): TestEngine => {
  let requests = 0
  const store = Object.fromEntries(
    Object.entries(engine.store).map(([name, operation]) => [
      name,
      async (...input: unknown[]) => {
        if (++requests > count) return new Promise(() => {})
        const answer = await (operation as (...input: unknown[]) => Promise<unknown>)(...input)
        return requests >= count ? new Promise(() => {}) : answer
      },
    ]),
  ) as unknown as Store
  const process = anotherProcess({ ...engine, store }, 5)
  return { ...process, clock: { ...engine.clock, sleep: () => new Promise<void>(() => {}) } }
}

describe('while a run ends', () => {
  test.each([
    ['due now, whose start is lost,', 0],
    ['due later', 300],
  ])('a message %s is not forgotten with what was noted before it', async (_, delaySeconds) => {
    const engine = await rig()
    const delivered: unknown[] = []
    const invoker = answering(async (messages) => {
      delivered.push(...messages.map(({ body }) => body))
      return { kind: 'answered', failed: new Set() }
    })
    const ending = interruptedBefore(engine, isLastNote, async () => {
      await publish(engine, QUEUE, [{ body: 'a', delaySeconds }])
      await wake(engine, [published(engine, delaySeconds * 1_000)], LOST_START)
    })
    const running = run(ending, { invoker })
    await engine.clock.advance(1_000)
    // A second wake for what this run delivers.
    await noteDue(engine, QUEUE, engine.clock.now())
    await engine.clock.advance(15_000)
    expect(await running).toBe('idle')
    await engine.clock.advance(delaySeconds * 1_000)
    const starts = await startsOfTick(engine)
    expect([...delivered, ...starts]).toEqual([delaySeconds === 0 ? 'a' : QUEUE])
  })

  test('the guard of the next run stays', async () => {
    const engine = await rig()
    const ending = interruptedBefore(engine, isLastNote, async () => {
      void run(dyingAt(engine, 4))
      await settled()
      expect(await isMarked(engine, QUEUE)).toBe(true)
    })
    const running = run(ending)
    await engine.clock.advance(10_000)
    expect(await running).toBe('idle')
    const started: string[] = []
    await wake(engine, [published(engine, 0)], { startRun: async (queue) => void started.push(queue) })
    expect(started).toEqual([])
    await engine.clock.advance(60_000)
    expect(await startsOfTick(engine)).toEqual([QUEUE])
  })
})

test('a run that dies at any of its first requests leaves no mark without a guard', async () => {
  const marked: boolean[] = []
  for (let requests = 1; requests <= 8; requests++) {
    const engine = await rig()
    expect(await run(engine, { lifeMs: 0 })).toBe('handed-over')
    void run(dyingAt(engine, requests))
    await settled()
    marked.push(await isMarked(engine, QUEUE))
    if (marked.at(-1)) expect((await readDue(engine, QUEUE)).due.guard).toBeGreaterThan(engine.clock.now())
  }
  expect(marked).toEqual([false, false, true, true, true, true, true, true])
})

test('a message that fails when its run has handed over, and the next one has ended, comes again with a tick', async () => {
  const engine = await rig({ retryPolicy: { initialSeconds: 1, factor: 2, maximumSeconds: 60, jitter: 'none' } })
  await publish(engine, QUEUE, [{ body: 'a' }])
  let fail: () => void = () => {}
  const invoker = answering(
    () =>
      new Promise((resolve) => {
        fail = () => resolve({ kind: 'failed', error: 'no' })
      }),
  )
  const first = run(engine, { invoker, lifeMs: 60_000 })
  await engine.clock.advance(6_000)
  const second = run(anotherProcess(engine))
  await engine.clock.advance(4_000)
  expect(await second).toBe('idle')
  expect(await startsOfTick(engine)).toEqual([])
  fail()
  expect(await first).toBe('handed-over')
  expect(await startsOfTick(engine)).toEqual([QUEUE])
})

describe('a trigger that is declared', () => {
  test('is stored together with its entry of the due index, whatever fails', async () => {
    for (let failing = 1; failing <= 2; failing++) {
      const engine = testEngine()
      await createQueue(engine, QUEUE, {})
      let writes = 0
      const transact: Store['transact'] = async (all) => {
        if (++writes === failing) throw new HoldfastError('StoreUnavailable', 'the answer was lost')
        return engine.store.transact(all)
      }
      const declaring = setTrigger({ ...engine, store: { ...engine.store, transact } }, TRIGGER)
      if (failing === 1) await expect(declaring).rejects.toMatchObject({ code: 'StoreUnavailable' })
      else await declaring
      const isStored = (await readTrigger(engine, QUEUE)) !== undefined
      expect(isStored).toBe(failing > 1)
      expect(await startsOfTick(engine)).toEqual(isStored ? [QUEUE] : [])
    }
  })

  test('while messages wait, and a run without a trigger ends, has them delivered', async () => {
    const engine = testEngine()
    await createQueue(engine, QUEUE, {})
    await publish(engine, QUEUE, [{ body: 'a' }])
    const ending = interruptedBefore(engine, isLastNote, () => setTrigger(engine, TRIGGER))
    const running = run(ending)
    await engine.clock.advance(10_000)
    expect(await running).toBe('idle')
    expect(await counts(engine, QUEUE)).toMatchObject({ ready: 0, leased: 0 })
  })

  test('while messages wait, and no run is under way, has the next tick start one', async () => {
    const engine = testEngine()
    await createQueue(engine, QUEUE, {})
    await publish(engine, QUEUE, [{ body: 'a' }])
    await setTrigger(engine, TRIGGER)
    expect(await startsOfTick(engine)).toEqual([QUEUE])
  })
})

describe('a wake', () => {
  test('that can not note what is due fails, and starts nothing: the stream brings its records again', async () => {
    const engine = await rig()
    await run(engine, { lifeMs: 0 })
    const transact: Store['transact'] = () => Promise.reject(new HoldfastError('Throttled', 'slow down'))
    const started: string[] = []
    const startRun = async (queue: string) => void started.push(queue)
    const waking = wake({ ...engine, store: { ...engine.store, transact } }, [published(engine, 0)], { startRun })
    await expect(waking).rejects.toMatchObject({ code: 'Throttled' })
    expect(started).toEqual([])
  })

  test('for records that were given up starts a run for every queue until one has begun', async () => {
    const engine = await rig()
    const running = run(engine)
    await engine.clock.advance(10_000)
    await running
    expect(await startsOfTick(engine, true)).toEqual([QUEUE])
    expect(await startsOfTick(engine)).toEqual([QUEUE])
    const again = run(engine)
    await engine.clock.advance(10_000)
    await again
    expect(await startsOfTick(engine)).toEqual([])
  })
})
