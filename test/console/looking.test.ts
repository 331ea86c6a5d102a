import { describe, expect, test } from 'vitest'
import { PAGES } from '../../console/routes.ts'
import { createEngine } from '../../lib/engine.ts'
import { isHoldfastError } from '../../lib/model/errors.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { runRedrive, startRedrive } from '../../lib/redrive/redrive.ts'
import { ack } from '../../lib/settle/ack.ts'
import { nack } from '../../lib/settle/nack.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../lib/store/port.ts'
import { setTrigger } from '../../lib/triggers/trigger.ts'
import { hastyClock, manualClock } from '../support/manual-clock.ts'
import fc from '../support/properties.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type TestEngine, testEngine } from '../support/test-engine.ts'
import { type TestConsole, testConsole } from './test-console.ts'

const READS: ReadonlySet<string> = new Set(['headers', 'read', 'tickets', 'getDocument', 'listDocuments'])

/** A store that counts what is not a read. */
const watched = (store: Store): { readonly store: Store; readonly writes: string[] } => {
  const writes: string[] = []
  const seen = new Proxy(store, {
    get: (target, name: keyof Store & string) => {
      const method = target[name] as (...given: unknown[]) => unknown
      if (typeof method !== 'function') return method
      return (...given: unknown[]) => {
        if (!READS.has(name)) writes.push(name)
        return method.apply(target, given)
      }
    },
  })
  return { store: seen, writes }
}

type Step = 'publish' | 'delayed' | 'grouped' | 'poll' | 'ack' | 'nack' | 'wait' | 'redrive'
const STEPS: readonly Step[] = ['publish', 'delayed', 'grouped', 'poll', 'poll', 'ack', 'nack', 'wait', 'redrive']

const QUEUES = ['orders', 'orders-failed', 'line.fifo']

interface World {
  readonly engine: TestEngine
  readonly view: TestConsole
  readonly writes: string[]
  readonly ids: Map<string, string>
  /** Ids of redrives of `orders-failed`. */
  readonly redrives: string[]
  handles: { readonly queue: string; readonly receiptHandle: string }[]
}

const newWorld = async (): Promise<World> => {
  const clock = manualClock()
  const { store, writes } = watched(memoryStore({ clock }))
  const engine = testEngine({ clock, store })
  await createQueue(engine, 'orders-failed')
  await createQueue(engine, 'orders', { settings: { deadLetter: { queue: 'orders-failed', maxReceives: 2 } } })
  await createQueue(engine, 'line.fifo', {
    settings: { fifo: { contentBasedDeduplication: false, deduplicationScope: 'queue', throughputLimit: 'perQueue' } },
  })
  await setTrigger(engine, { queue: 'orders', functionName: 'handler', functionTimeoutSeconds: 10 })
  return { engine, view: testConsole(engine), writes, ids: new Map(), redrives: [], handles: [] }
}

const play = async ({ engine, ids, ...world }: World, step: Step, number: number): Promise<void> => {
  const queue = QUEUES[number % QUEUES.length] ?? 'orders'
  const send = async (more: object) => {
    const ordered = queue.endsWith('.fifo') ? { groupId: 'g', deduplicationId: `d${ids.size}` } : {}
    const [sent] = await publish(engine, queue, [{ body: { number }, ...ordered, ...more }])
    if (sent?.ok) ids.set(sent.messageId, queue)
  }
  const settled = (queueName: string) =>
    world.handles.filter(({ queue: one }) => one === queueName).map(({ receiptHandle }) => receiptHandle)
  if (step === 'publish') await send({})
  else if (step === 'delayed') await send(queue.endsWith('.fifo') ? {} : { delaySeconds: 40 })
  else if (step === 'grouped') await send({ groupId: `g${number % 2}` })
  else if (step === 'poll') {
    for (const { receiptHandle } of await poll(engine, queue, { maxMessages: 2 }))
      world.handles.push({ queue, receiptHandle })
  } else if (step === 'wait') await engine.clock.advance(31_000)
  else if (step === 'redrive') {
    const { taskId } = await startRedrive(engine, 'orders-failed', {})
    world.redrives.push(taskId)
    if (number % 2 === 0) await runRedrive(engine, 'orders-failed', taskId)
  } else {
    const held = settled(queue)
    if (held.length === 0) return
    if (step === 'ack') await ack(engine, queue, held.slice(0, 2))
    else
      await nack(
        engine,
        queue,
        held.slice(0, 2).map((receiptHandle) => ({ receiptHandle })),
      )
  }
}

const addresses = ({ ids, redrives }: World): string[] =>
  Object.keys(PAGES).flatMap((path) => {
    const queues = path.includes(':queue') ? QUEUES : ['']
    return queues.flatMap((queue) => {
      const at = path.replace(':queue', queue)
      if (at.includes(':taskId')) return redrives.map((id) => at.replace(':taskId', id))
      if (!at.includes(':messageId')) return [at, `${at}?state=leased`, `${at}?state=attemptsUsedUp`]
      return [...ids].filter(([, home]) => home === queue).map(([id]) => at.replace(':messageId', id))
    })
  })

/** Segments and contents that a store was asked for. */
const measured = (store: Store): { readonly store: Store; readonly asked: { headers: number; contents: number } } => {
  const asked = { headers: 0, contents: 0 }
  const headers: Store['headers'] = async (range) => {
    const page = await store.headers(range)
    asked.headers += page.segments.length
    return page
  }
  const read: Store['read'] = async (keys) => {
    asked.contents += keys.length
    return store.read(keys)
  }
  return { store: { ...store, headers, read }, asked }
}

describe('looking', () => {
  test('reads no more of a large queue than of one a tenth as large', async () => {
    const clock = hastyClock()
    const { store, asked } = measured(memoryStore({ clock }))
    const engine = createEngine({ store, clock, random: seededRandom(1) })
    await createQueue(engine, 'large')
    for (let body = 0; body < 12_000; body++) {
      clock.advance(1)
      await publish(engine, 'large', [{ body }])
    }
    const view = testConsole(engine)
    for (const address of ['/queues/large', '/queues/large/groups', '/queues/large/dead', '']) {
      Object.assign(asked, { headers: 0, contents: 0 })
      const { html, status } = await view.see(address)
      expect(status).toBe(200)
      // 10,000 headers are counted one by one, 17 probes read 25 each, and at most 1,000 messages are looked at.
      expect(asked.headers).toBeLessThan(12_000)
      expect(asked.contents).toBeLessThanOrEqual(1_000)
      if (address === '/queues/large') expect(html).toMatch(/≈1[12],\d{3}/)
    }
  })

  test('writes nothing, whatever happened before, on any screen: so no receive count changes', async () => {
    const steps = fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.nat(5)), { minLength: 3, maxLength: 14 })
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const world = await newWorld()
        for (const [step, number] of given) {
          await play(world, step, number).catch((error: unknown) => {
            // A redrive that runs already, a handle whose lease has ended.
            if (!isHoldfastError(error)) throw error
          })
        }
        world.writes.length = 0
        for (const address of addresses(world)) {
          // A redrive that runs has no undo yet.
          expect([200, 404, 409]).toContain((await world.view.see(address)).status)
          expect({ address, writes: world.writes }).toEqual({ address, writes: [] })
        }
        expect(world.view.calls.filter((call) => !/^(get|list|browse|preview)/.test(call))).toEqual([])
      }),
      { numRuns: 12 },
    )
  })
})
