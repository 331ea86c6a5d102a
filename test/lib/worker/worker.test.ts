import { afterEach, describe, expect, test } from 'vitest'
import type { QueueClient } from '../../../lib/client/queue.ts'
import { queueClient } from '../../../lib/client/queue.ts'
import { type Client, createClient } from '../../../lib/client.ts'
import type { Clock } from '../../../lib/clock.ts'
import { jsonCodec } from '../../../lib/codecs/json.ts'
import type { StandardSchema } from '../../../lib/codecs/schema.ts'
import { HoldfastError } from '../../../lib/model/errors.ts'
import type { GivenSettings } from '../../../lib/model/given-settings.ts'
import type { Message } from '../../../lib/model/message.ts'
import { noTelemetry } from '../../../lib/telemetry/telemetry.ts'
import { engineTransport } from '../../../lib/transport/engine-transport.ts'
import type { Transport } from '../../../lib/transport/port.ts'
import type { ErrorContext } from '../../../lib/worker/handler.ts'
import { Reject, RetryLater } from '../../../lib/worker/verdicts.ts'
import { consume, type Worker } from '../../../lib/worker/worker.ts'
import { type ManualClock, manualClock, settled } from '../../support/manual-clock.ts'
import { anotherProcess, type TestEngine, testEngine } from '../../support/test-engine.ts'

interface Rig {
  readonly engine: TestEngine
  readonly client: Client
  readonly queue: QueueClient<number>
  readonly transport: Transport
  /** What the worker's transport was asked for, by verb. */
  readonly calls: { readonly verb: string; readonly asked: unknown }[]
  /** What its polls brought. */
  readonly received: Message[]
  readonly errors: { readonly error: unknown; readonly context: ErrorContext }[]
  /** Options for `consume`: errors are collected, signals of the process left alone. */
  readonly quiet: { readonly onError: (error: unknown, context: ErrorContext) => void; readonly stopOnSigterm: false }
  /** The clock that the worker judges its leases by: the engine's, unless the process is to be paused. */
  readonly clock: ManualClock
}

const workers: Worker[] = []
afterEach(async () => {
  for (const worker of workers.splice(0)) void worker.stop({ drainSeconds: 0 })
  await settled()
})
const kept = (worker: Worker): Worker => {
  workers.push(worker)
  return worker
}

const rig = async (
  settings: GivenSettings = {},
  {
    name = 'jobs',
    pausedMs = { value: 0 },
    change = (transport: Transport) => transport,
    schema,
    wall,
  }: {
    name?: string
    /** How far time has gone on without this process, whose timers are late by as much. */
    pausedMs?: { value: number }
    change?: (transport: Transport) => Transport
    schema?: StandardSchema<number>
    /** The process's clock that someone can set. @default the monotonic one */
    wall?: Clock
  } = {},
): Promise<Rig> => {
  const engine = testEngine()
  const clock: ManualClock = { ...engine.clock, now: () => engine.clock.now() + pausedMs.value }
  const calls: Rig['calls'] = []
  const errors: Rig['errors'] = []
  const received: Message[] = []
  const inner = change(engineTransport(engine))
  const watched = (verb: 'ack' | 'nack' | 'extend' | 'unreceive') =>
    ((queue: string, asked: never, options: never) => {
      calls.push({ verb, asked })
      return (inner[verb] as (...given: unknown[]) => unknown)(queue, asked, options)
    }) as never
  const transport: Transport = {
    ...inner,
    poll: async (queue_, options) => {
      calls.push({ verb: 'poll', asked: options })
      const messages = await inner.poll(queue_, options)
      received.push(...messages)
      return messages
    },
    ack: watched('ack'),
    nack: watched('nack'),
    extend: watched('extend'),
    unreceive: watched('unreceive'),
  }
  const client = createClient({ engine })
  const dead = name.endsWith('.fifo') ? 'dead.fifo' : 'dead'
  if (settings.deadLetter) await client.createQueue(dead)
  await client.createQueue(name, { visibilityTimeoutSeconds: 30, ...settings })
  const queue = queueClient<number, number>({
    transport,
    name,
    codec: jsonCodec(),
    schema,
    telemetry: noTelemetry,
    lingerMs: 0,
    clock: wall ?? clock,
    monotonic: clock,
    onInvalid: () => {},
  })
  const quiet = {
    onError: (error: unknown, context: ErrorContext) => void errors.push({ error, context }),
    stopOnSigterm: false as const,
  }
  return { engine, client, queue, transport, calls, received, errors, quiet, clock }
}

const asked = ({ calls }: Rig, verb: string): unknown[] =>
  calls.filter((call) => call.verb === verb).map((call) => call.asked)

/** A promise that the test settles. */
const gate = () => {
  let open: () => void = () => {}
  let fail: (error: unknown) => void = () => {}
  const promise = new Promise<void>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}

const STEP_MS = 250

/** Time passes in steps, and all that follows at once from each is done: what is settled together takes some turns. */
const pass = async ({ clock }: Pick<Rig, 'clock'>, ms: number): Promise<void> => {
  for (let left = ms; ; left -= STEP_MS) {
    for (let turn = 0; turn < 8; turn++) await settled()
    if (left <= 0) return
    await clock.advance(Math.min(STEP_MS, left))
  }
}

const publishAll = async (queue: QueueClient<number>, bodies: readonly number[], groupId?: string): Promise<void> => {
  const outcomes = await queue.publishBatch(
    bodies.map((body) => ({ body, ...(groupId !== undefined && { groupId, deduplicationId: `d${body}` }) })),
  )
  expect(outcomes.filter(({ ok }) => !ok)).toEqual([])
}

describe('a message', () => {
  test('is acked when its handler returns', async () => {
    const it = await rig()
    await publishAll(it.queue, [1, 2, 3])
    const seen: number[] = []
    kept(it.queue.consume(({ body }) => void seen.push(body), it.quiet))
    await pass(it, 100)
    expect(seen.toSorted()).toEqual([1, 2, 3])
    expect(await it.queue.counts()).toMatchObject({ ready: 0, leased: 0 })
    expect(it.errors).toEqual([])
  })

  test('comes back by the retry policy of its queue when its handler throws, and the error is reported', async () => {
    const it = await rig({ retryPolicy: { initialSeconds: 10, factor: 1, jitter: 'none' } })
    await publishAll(it.queue, [1])
    const counts: number[] = []
    const broken = new Error('out of paper')
    kept(
      it.queue.consume(({ receiveCount }) => {
        counts.push(receiveCount)
        if (receiveCount === 1) throw broken
      }, it.quiet),
    )
    await pass(it, 9_000)
    expect(counts).toEqual([1])
    await pass(it, 2_000)
    expect(counts).toEqual([1, 2])
    expect(it.errors).toEqual([
      { error: broken, context: { queue: 'jobs', during: 'handle', message: expect.objectContaining({ body: 1 }) } },
    ])
  })

  test('comes back after the time that its handler asks for', async () => {
    const it = await rig({ retryPolicy: { initialSeconds: 1_000, jitter: 'none' } })
    await publishAll(it.queue, [1])
    const at: number[] = []
    const started = it.clock.now()
    kept(
      it.queue.consume(({ receiveCount }) => {
        at.push(it.clock.now() - started)
        if (receiveCount === 1) throw new RetryLater(5)
      }, it.quiet),
    )
    await pass(it, 7_000)
    expect(at).toHaveLength(2)
    expect(at[1]).toBeGreaterThanOrEqual(5_000)
  })

  test('goes to the dead-letter queue at once when its handler rejects it', async () => {
    const it = await rig({ deadLetter: { queue: 'dead', maxReceives: 10 } })
    await publishAll(it.queue, [1])
    kept(
      it.queue.consume(() => {
        throw new Reject('no such account')
      }, it.quiet),
    )
    await pass(it, 100)
    const { messages } = await it.client.queue('dead').browse()
    expect(messages).toMatchObject([{ body: 1, deadLetter: { reason: 'no such account', receiveCount: 1 } }])
  })

  test('stays where it is when it is rejected and there is no dead-letter queue, which is reported', async () => {
    const it = await rig()
    await publishAll(it.queue, [1])
    let runs = 0
    kept(
      it.queue.consume(() => {
        runs++
        throw new Reject('no such account')
      }, it.quiet),
    )
    await pass(it, 20_000)
    expect(it.errors.map(({ context: { during } }) => during)).toEqual(['handle', 'nack'])
    expect(it.errors[1]?.error).toMatchObject({ code: 'InvalidRequest' })
    expect(runs).toBe(1)
    await pass(it, 15_000)
    expect(runs).toBe(2)
  })

  test.each<[string, () => never, GivenSettings, string[]]>([
    [
      'comes back',
      () => {
        throw new Error('failed')
      },
      {},
      ['jobs'],
    ],
    [
      'goes to the dead-letter queue',
      () => {
        throw new Reject('bad')
      },
      { deadLetter: { queue: 'dead', maxReceives: 3 } },
      ['dead'],
    ],
  ])('%s once where the answer to its nack is lost, and that is no failure', async (_, handler, settings, found) => {
    let lost = false
    const loses = (transport: Transport): Transport => ({
      ...transport,
      nack: async (queue, entries) => {
        const results = await transport.nack(queue, entries)
        if (lost) return results
        lost = true
        // Another consumer receives it before the worker asks again.
        if (found[0] === 'jobs') expect(await transport.poll('jobs', {})).toHaveLength(1)
        throw new HoldfastError('StoreUnavailable', 'the answer is lost')
      },
    })
    const it = await rig(settings, { change: loses })
    await publishAll(it.queue, [1])
    const stop = new AbortController()
    const work = () => {
      stop.abort()
      handler()
    }
    const worker = kept(it.queue.consume(work, { ...it.quiet, signal: stop.signal }))
    await pass(it, 1_000)
    await worker.stopped
    expect(asked(it, 'nack')).toHaveLength(2)
    expect(it.errors.map(({ context }) => context.during)).toEqual(['handle'])
    if (found[0] === 'dead') expect(await it.client.queue<number>('dead').counts()).toMatchObject({ ready: 1 })
  })

  test('that can not be checked for the moment is tried again, and does not count as invalid', async () => {
    let broken = true
    const schema: StandardSchema<number> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => {
          if (broken) throw new Error('the catalogue can not be reached')
          return { value: value as number }
        },
      },
    }
    const it = await rig({ deadLetter: { queue: 'dead', maxReceives: 10 } }, { schema })
    await it.client.queue<number>('jobs').publish(1)
    const seen: number[] = []
    kept(it.queue.consume(({ body }) => void seen.push(body), it.quiet))
    await settled()
    broken = false
    await pass(it, 1_000)
    expect(seen).toEqual([1])
    expect(String(it.errors[0]?.error)).toContain('the catalogue can not be reached')
    expect(await it.client.queue('dead').counts()).toMatchObject({ ready: 0 })
  })

  test('that does not fit the schema goes to the dead-letter queue unhandled, with the reason', async () => {
    const schema: StandardSchema<number> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => (typeof value === 'number' ? { value } : { issues: [{ message: 'not a number' }] }),
      },
    }
    const it = await rig({ deadLetter: { queue: 'dead', maxReceives: 10 } }, { schema })
    await it.client.queue<string>('jobs').publish('one')
    const seen: number[] = []
    kept(it.queue.consume(({ body }) => void seen.push(body), it.quiet))
    await pass(it, 100)
    expect(seen).toEqual([])
    expect(it.errors.map(({ context: { during } }) => during)).toEqual(['decode'])
    expect((await it.client.queue('dead').browse()).messages).toMatchObject([
      { body: 'one', deadLetter: { reason: 'the body does not fit the schema: not a number' } },
    ])
  })
})

describe('a worker', () => {
  test('runs as many handlers at once as it may, and receives no more than it can start', async () => {
    const it = await rig()
    await publishAll(
      it.queue,
      Array.from({ length: 10 }, (_, n) => n),
    )
    const gates: ReturnType<typeof gate>[] = []
    const worker = kept(
      it.queue.consume(
        () => {
          const one = gate()
          gates.push(one)
          return one.promise
        },
        { ...it.quiet, concurrency: 4 },
      ),
    )
    await pass(it, 1_000)
    expect(worker.running).toBe(4)
    expect(await it.queue.counts()).toMatchObject({ ready: 6, leased: 4 })
    gates[0]?.open()
    await pass(it, 1_000)
    expect(worker.running).toBe(4)
    expect(gates).toHaveLength(5)
    expect(await it.queue.counts()).toMatchObject({ ready: 5, leased: 4 })
  })

  test('acks what ends together in one call', async () => {
    const it = await rig()
    await publishAll(
      it.queue,
      Array.from({ length: 20 }, (_, n) => n),
    )
    kept(it.queue.consume(() => {}, { ...it.quiet, concurrency: 20 }))
    await pass(it, 100)
    expect(asked(it, 'ack')).toHaveLength(1)
    expect(asked(it, 'ack')[0]).toHaveLength(20)
  })

  test('polls while its acks are under way, but not past as many of them as it has handlers', async () => {
    const acks = gate()
    const slow = (transport: Transport): Transport => ({
      ...transport,
      ack: async (...given) => {
        await acks.promise
        return transport.ack(...given)
      },
    })
    const it = await rig({}, { change: slow })
    await publishAll(it.queue, [1, 2, 3, 4, 5, 6])
    const seen: number[] = []
    const worker = kept(it.queue.consume(({ body }) => void seen.push(body), { ...it.quiet, concurrency: 2 }))
    await pass(it, 1_000)
    expect(seen.toSorted()).toEqual([1, 2, 3, 4])
    expect(worker.running).toBe(0)
    const stopped = worker.stop()
    let over = false
    void stopped.then(() => {
      over = true
    })
    await pass(it, 1_000)
    expect(over).toBe(false)
    acks.open()
    await pass(it, 100)
    await stopped
    expect(await it.queue.counts()).toMatchObject({ ready: 2, leased: 0 })
  })

  test('goes on when polls fail, waits longer between them, and reports each', async () => {
    let broken = true
    const it = await rig(
      {},
      {
        change: (transport) => ({
          ...transport,
          poll: (queue, options) =>
            broken
              ? Promise.reject(new HoldfastError('StoreUnavailable', 'no network'))
              : transport.poll(queue, options),
        }),
      },
    )
    await publishAll(it.queue, [1])
    const seen: number[] = []
    kept(it.queue.consume(({ body }) => void seen.push(body), it.quiet))
    await pass(it, 60_000)
    const polls = asked(it, 'poll').length
    expect(it.errors).toHaveLength(polls)
    expect(it.errors[0]).toMatchObject({ error: { code: 'StoreUnavailable' }, context: { during: 'poll' } })
    // At full jitter below 5 s each, a minute has some two dozen: neither a loop nor a silence.
    expect(polls).toBeGreaterThan(12)
    expect(polls).toBeLessThan(200)
    broken = false
    await pass(it, 5_000)
    expect(seen).toEqual([1])
  })

  test('waits between polls that fail for a random part of a time that doubles up to five seconds', async () => {
    const it = await rig()
    const at: number[] = []
    const startedAt = it.clock.now()
    const transport: Transport = {
      ...it.transport,
      poll: () => {
        at.push(it.clock.now() - startedAt)
        return Promise.reject(new HoldfastError('Throttled', 'too much'))
      },
    }
    const parts = { transport, telemetry: noTelemetry, name: 'jobs', codec: jsonCodec(), onInvalid: () => {} }
    kept(consume({ ...parts, clock: it.clock, fraction: () => 0.5 }, () => {}, it.quiet))
    await it.clock.advance(10_000)
    expect(at).toEqual([0, 50, 150, 350, 750, 1_550, 3_150, 5_650, 8_150])
  })

  test('aborts a handler whose queue is deleted, and its ack surfaces', async () => {
    const it = await rig()
    await publishAll(it.queue, [1])
    const done = gate()
    const reasons: unknown[] = []
    kept(
      it.queue.consume((_, { signal }) => {
        signal.addEventListener('abort', () => reasons.push(signal.reason))
        return done.promise
      }, it.quiet),
    )
    await pass(it, 1_000)
    await it.client.deleteQueue('jobs')
    await pass(it, 15_000)
    expect(reasons).toMatchObject([{ code: 'LeaseLost', cause: { code: 'QueueNotFound' } }])
    done.open()
    await pass(it, 10)
    expect(it.errors.filter(({ context: { during } }) => during === 'ack')).toMatchObject([
      { error: { code: 'LeaseLost' } },
    ])
  })

  test('judges leases by a clock that nobody can set', async () => {
    let jumpedMs = 0
    const engineClock = { now: () => 0 }
    const wall: Clock = { now: () => engineClock.now() + jumpedMs, sleep: () => Promise.resolve() }
    const it = await rig({}, { wall })
    engineClock.now = () => it.engine.clock.now()
    await publishAll(it.queue, [1])
    const done = gate()
    const signals: AbortSignal[] = []
    kept(
      it.queue.consume((_, { signal }) => {
        signals.push(signal)
        return done.promise
      }, it.quiet),
    )
    await pass(it, 1_000)
    for (const jump of [86_400_000, -172_800_000]) {
      jumpedMs += jump
      await pass(it, 6_000)
      expect(asked(it, 'extend')).toEqual([])
    }
    await pass(it, 20_000)
    expect(asked(it, 'extend')).toHaveLength(2)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false])
    done.open()
    await pass(it, 10)
    expect(it.errors).toEqual([])
    expect(await it.queue.counts()).toMatchObject({ ready: 0, leased: 0 })
  })

  test('goes on when its queue is deleted and created again', async () => {
    const it = await rig()
    const seen: number[] = []
    kept(it.queue.consume(({ body }) => void seen.push(body), it.quiet))
    await pass(it, 1_000)
    await it.client.deleteQueue('jobs')
    await pass(it, 20_000)
    expect(it.errors[0]).toMatchObject({ error: { code: 'QueueNotFound' }, context: { during: 'poll' } })
    await it.client.createQueue('jobs')
    await it.queue.publish(1)
    await pass(it, 10_000)
    expect(seen).toEqual([1])
  })

  test.each<[string, object]>([
    ['concurrency', { concurrency: 0 }],
    ['pollers', { pollers: 1.5 }],
    ['batchSize', { batchSize: 26 }],
    ['visibilityTimeoutSeconds', { visibilityTimeoutSeconds: 0 }],
    ['drainSeconds', { drainSeconds: -1 }],
    ['onError', { onError: 'log' }],
    ['signal', { signal: {} }],
    ['concurency', { concurency: 10 }],
  ])('refuses a wrong %s at once', async (field, options) => {
    const { queue } = await rig()
    expect(() => queue.consume(() => {}, options)).toThrow(
      expect.objectContaining({ code: 'InvalidRequest', fields: expect.objectContaining({ field }) }),
    )
  })
})

describe('leases in hand', () => {
  test('are extended at half their time for as long as handlers run, those due together in one call', async () => {
    const it = await rig()
    await publishAll(it.queue, [1, 2, 3])
    const done = gate()
    kept(it.queue.consume(() => done.promise, { ...it.quiet, concurrency: 3 }))
    await pass(it, 14_900)
    expect(asked(it, 'extend')).toEqual([])
    await pass(it, 200)
    expect(asked(it, 'extend').map((entries) => (entries as unknown[]).length)).toEqual([3])
    await pass(it, 600_000)
    expect(await it.queue.counts()).toMatchObject({ ready: 0, leased: 3 })
    const other = createClient({ engine: anotherProcess(it.engine) }).queue<number>('jobs')
    expect(await other.poll()).toEqual([])
    done.open()
    await pass(it, 100)
    expect(await it.queue.counts()).toMatchObject({ ready: 0, leased: 0 })
    expect(it.errors).toEqual([])
    const extensions = asked(it, 'extend').length
    await pass(it, 600_000)
    expect(asked(it, 'extend')).toHaveLength(extensions)
  })

  test('are extended for messages that wait behind others of their group, too', async () => {
    const it = await rig({}, { name: 'jobs.fifo' })
    await publishAll(it.queue, [1, 2, 3], 'g')
    const done = gate()
    kept(it.queue.consume(() => done.promise, { ...it.quiet, concurrency: 3 }))
    await pass(it, 15_100)
    expect(asked(it, 'extend').map((entries) => (entries as unknown[]).length)).toEqual([3])
  })

  test('of messages that come late in a long poll last beyond it, however short they are', async () => {
    const it = await rig({ visibilityTimeoutSeconds: 4 })
    const done = gate()
    const signals: AbortSignal[] = []
    kept(
      it.queue.consume((_, { signal }) => {
        signals.push(signal)
        return done.promise
      }, it.quiet),
    )
    await pass(it, 19_250)
    await publishAll(it.queue, [1])
    await pass(it, 30_000)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false])
    done.open()
    await pass(it, 10)
    expect(it.errors).toEqual([])
    expect(await it.queue.counts()).toMatchObject({ ready: 0, leased: 0 })
  })

  test('that is lost while its message waits its turn keeps that message, and all behind it, from being begun', async () => {
    const it = await rig(
      {},
      {
        name: 'jobs.fifo',
        change: (transport) => ({
          ...transport,
          extend: async (queue, entries, options) => {
            const results = await transport.extend(queue, entries, options)
            return results.map((result, index) =>
              index === 1 ? { ok: false, error: new HoldfastError('LeaseLost', 'another has it') } : result,
            )
          },
        }),
      },
    )
    await publishAll(it.queue, [1, 2, 3], 'g')
    const done = gate()
    const seen: number[] = []
    kept(
      it.queue.consume(
        ({ body }) => {
          seen.push(body)
          return done.promise
        },
        { ...it.quiet, concurrency: 3 },
      ),
    )
    await pass(it, 16_000)
    expect(it.errors).toEqual([])
    done.open()
    await pass(it, 10)
    expect(seen).toEqual([1])
    expect(it.errors).toMatchObject([
      { error: { code: 'LeaseLost' }, context: { during: 'extend', message: { body: 2 } } },
    ])
    expect(asked(it, 'unreceive')).toEqual([[it.received.find(({ body }) => body === 3)?.receiptHandle]])
    await pass(it, 31_000)
    expect(seen).toEqual([1, 2, 3])
  })

  test('that can not be extended abort the signal when they end, and the ack surfaces as LeaseLost', async () => {
    const it = await rig(
      {},
      {
        change: (transport) => ({
          ...transport,
          extend: () => Promise.reject(new HoldfastError('StoreUnavailable', 'no network')),
        }),
      },
    )
    await publishAll(it.queue, [1])
    const done = gate()
    let abortedAt: number | undefined
    const startedAt = it.clock.now()
    kept(
      it.queue.consume((_, { signal }) => {
        signal.addEventListener('abort', () => {
          abortedAt = it.clock.now() - startedAt
        })
        return done.promise
      }, it.quiet),
    )
    await pass(it, 29_999)
    expect(abortedAt).toBeUndefined()
    await pass(it, 1)
    expect(abortedAt).toBe(30_000)
    done.open()
    await pass(it, 10)
    expect(it.errors.at(-1)).toMatchObject({ error: { code: 'LeaseLost' }, context: { during: 'ack' } })
    expect(asked(it, 'ack').flat()).not.toContain(it.received[0]?.receiptHandle)
  })

  test('that another consumer has abort the signal as soon as an extension fails', async () => {
    const it = await rig()
    await publishAll(it.queue, [1])
    const done = gate()
    const reasons: unknown[] = []
    kept(
      it.queue.consume((_, { signal }) => {
        signal.addEventListener('abort', () => reasons.push(signal.reason))
        return done.promise
      }, it.quiet),
    )
    await pass(it, 1_000)
    // Somebody ends the lease behind the worker's back, and another consumer receives the message.
    const other = createClient({ engine: anotherProcess(it.engine) }).queue<number>('jobs')
    await other.extend(it.received, { visibilityTimeoutSeconds: 0 })
    expect(await other.poll()).toHaveLength(1)
    await pass(it, 15_000)
    expect(reasons).toMatchObject([{ code: 'LeaseLost' }])
    done.open()
    await pass(it, 10)
    expect(it.errors.at(-1)).toMatchObject({ error: { code: 'LeaseLost' }, context: { during: 'ack' } })
  })
})

describe('a process that was paused for longer than its leases', () => {
  test('does not start a message that it received before, and reports LeaseLost', async () => {
    const pausedMs = { value: 0 }
    const it = await rig(
      {},
      {
        pausedMs,
        change: (transport) => ({
          ...transport,
          poll: async (queue, options) => {
            const messages = await transport.poll(queue, options)
            if (messages.length > 0 && pausedMs.value === 0) pausedMs.value = 60_000
            return messages
          },
        }),
      },
    )
    await publishAll(it.queue, [1])
    const seen: number[] = []
    kept(it.queue.consume(({ receiveCount }) => void seen.push(receiveCount), it.quiet))
    await pass(it, 10)
    expect(seen).toEqual([])
    expect(it.errors).toMatchObject([{ error: { code: 'LeaseLost' }, context: { during: 'extend' } }])
    await pass(it, 31_000)
    expect(seen).toEqual([2])
  })

  test('does not ack a message that another consumer has acked meanwhile, and reports LeaseLost', async () => {
    const pausedMs = { value: 0 }
    const it = await rig({}, { pausedMs })
    await publishAll(it.queue, [1])
    const done = gate()
    kept(it.queue.consume(() => done.promise, it.quiet))
    await pass(it, 10)
    // Twice the lease passes for everybody, and no timer of this process fires.
    pausedMs.value = 60_000
    const others = manualClock(it.engine.clock.now() + 60_000)
    const other = createClient({ engine: testEngine({ clock: others, store: it.engine.store }) }).queue<number>('jobs')
    const [again] = await other.poll()
    expect(again?.receiveCount).toBe(2)
    await other.ack(again as never)
    // The handler ends in the very turn in which the process goes on.
    done.open()
    await pass(it, 0)
    expect(it.errors.at(-1)).toMatchObject({ error: { code: 'LeaseLost' }, context: { during: 'ack' } })
    expect(asked(it, 'ack')).toEqual([])
  })

  test('acks all the same what nobody else has received', async () => {
    const it = await rig(
      {},
      {
        change: (transport) => ({
          ...transport,
          extend: (queue, entries, options) =>
            options?.revive
              ? transport.extend(queue, entries, options)
              : Promise.reject(new HoldfastError('StoreUnavailable', 'no network')),
        }),
      },
    )
    await publishAll(it.queue, [1])
    const done = gate()
    const worker = kept(it.queue.consume(() => done.promise, it.quiet))
    await settled()
    await settled()
    void worker.stop({ drainSeconds: 3_600 })
    await pass(it, 60_000)
    done.open()
    await pass(it, 10)
    expect(asked(it, 'ack')).toHaveLength(1)
    expect(await it.queue.counts()).toMatchObject({ ready: 0, leased: 0 })
  })
})

describe('a worker that stops', () => {
  test('ends its long poll at once and receives nothing more', async () => {
    const it = await rig()
    const worker = kept(it.queue.consume(() => {}, it.quiet))
    await pass(it, 1_000)
    const before = it.clock.now()
    await worker.stop()
    expect(it.clock.now()).toBe(before)
    await it.queue.publish(1)
    await pass(it, 60_000)
    expect(await it.queue.counts()).toMatchObject({ ready: 1, leased: 0 })
    expect(asked(it, 'poll')).toHaveLength(1)
  })

  test('lets handlers finish, and acks what they did', async () => {
    const it = await rig()
    await publishAll(it.queue, [1])
    const done = gate()
    const signals: AbortSignal[] = []
    const worker = kept(
      it.queue.consume((_, { signal }) => {
        signals.push(signal)
        return done.promise
      }, it.quiet),
    )
    await pass(it, 100)
    const stopped = worker.stop({ drainSeconds: 60 })
    await pass(it, 59_000)
    done.open()
    await stopped
    await worker.stopped
    expect(signals[0]?.aborted).toBe(false)
    expect(await it.queue.counts()).toMatchObject({ ready: 0, leased: 0 })
  })

  test('aborts the signals of handlers that go on beyond the drain time; what they were on comes back', async () => {
    const it = await rig()
    await publishAll(it.queue, [1])
    const worker = kept(
      it.queue.consume(
        (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        it.quiet,
      ),
    )
    await pass(it, 100)
    const stopped = worker.stop({ drainSeconds: 10 })
    await pass(it, 9_999)
    expect(worker.running).toBe(1)
    await pass(it, 1)
    await stopped
    expect(worker.running).toBe(0)
    const [again] = await it.client.queue<number>('jobs').poll()
    expect(again).toMatchObject({ body: 1, receiveCount: 2 })
  })

  test('does not wait for ever for a handler that never settles', async () => {
    const it = await rig()
    await publishAll(it.queue, [1])
    const worker = kept(it.queue.consume(() => new Promise(() => {}), it.quiet))
    await pass(it, 100)
    let over = false
    void worker.stop({ drainSeconds: 10 }).then(() => {
      over = true
    })
    await pass(it, 14_999)
    expect(over).toBe(false)
    await pass(it, 1)
    expect(over).toBe(true)
    // Nobody extends its lease any more: another consumer gets the message.
    await pass(it, 31_000)
    const [again] = await it.client.queue<number>('jobs').poll()
    expect(again).toMatchObject({ body: 1, receiveCount: 2 })
    expect(it.clock.sleeping()).toBe(0)
  })

  test('gives back what waits behind others of its group, without counting the receive', async () => {
    const it = await rig({}, { name: 'jobs.fifo' })
    await publishAll(it.queue, [1, 2, 3], 'g')
    const done = gate()
    const seen: number[] = []
    const worker = kept(
      it.queue.consume(
        ({ body }) => {
          seen.push(body)
          return done.promise
        },
        { ...it.quiet, concurrency: 3 },
      ),
    )
    await pass(it, 100)
    const stopped = worker.stop()
    await pass(it, 10)
    expect(asked(it, 'unreceive').flat()).toHaveLength(2)
    done.open()
    await stopped
    expect(seen).toEqual([1])
    await pass(it, 31_000)
    const rest = await it.client.queue<number>('jobs.fifo').poll()
    expect(rest.map(({ body, receiveCount }) => ({ body, receiveCount }))).toEqual([
      { body: 2, receiveCount: 1 },
      { body: 3, receiveCount: 1 },
    ])
  })

  test('lets a poll that can not be called off come to its end, and gives back what it brings', async () => {
    const it = await rig(
      {},
      {
        change: (transport) => ({
          ...transport,
          poll: (queue, { ending: _, ...options }) => transport.poll(queue, options),
          workerWaitSeconds: 5,
        }),
      },
    )
    const seen: number[] = []
    const worker = kept(it.queue.consume(({ body }) => void seen.push(body), it.quiet))
    await pass(it, 1_000)
    const stopped = worker.stop()
    await pass(it, 100)
    await it.queue.publish(1)
    await pass(it, 5_000)
    await stopped
    expect(seen).toEqual([])
    const [message] = await it.client.queue<number>('jobs').poll()
    expect(message).toMatchObject({ body: 1, receiveCount: 1 })
  })

  test('stops by its signal as well, and once for all', async () => {
    const it = await rig()
    const caller = new AbortController()
    const worker = kept(it.queue.consume(() => {}, { ...it.quiet, signal: caller.signal }))
    await pass(it, 100)
    caller.abort()
    await worker.stopped
    await worker.stop()
    const late = it.queue.consume(() => {}, { ...it.quiet, signal: caller.signal })
    await late.stopped
  })

  test('sends nothing to the dead-letter queue in a rolling restart, even where one receive is all there is', async () => {
    const it = await rig({ deadLetter: { queue: 'dead.fifo', maxReceives: 1 } }, { name: 'jobs.fifo' })
    await publishAll(
      it.queue,
      Array.from({ length: 20 }, (_, n) => n),
      'g',
    )
    const seen: number[] = []
    for (let restart = 0; restart < 10; restart++) {
      const done = gate()
      const worker = kept(
        it.queue.consume(
          ({ body }) => {
            seen.push(body)
            return done.promise
          },
          { ...it.quiet, concurrency: 10 },
        ),
      )
      await pass(it, 100)
      const stopped = worker.stop()
      await pass(it, 10)
      done.open()
      await stopped
    }
    expect(seen).toEqual(Array.from({ length: 10 }, (_, n) => n))
    expect(await it.client.queue('dead.fifo').counts()).toMatchObject({ ready: 0 })
    expect(await it.queue.counts()).toMatchObject({ ready: 10 })
  })
})

describe('messages of a FIFO queue', () => {
  test('are worked on one at a time and in order within a group, and groups at the same time', async () => {
    const it = await rig({}, { name: 'jobs.fifo' })
    await publishAll(it.queue, [1, 2, 3], 'a')
    await publishAll(it.queue, [11, 12], 'b')
    const order: string[] = []
    let atOnce = 0
    let most = 0
    kept(
      it.queue.consume(
        async ({ body, groupId }) => {
          most = Math.max(most, ++atOnce)
          await settled()
          order.push(`${groupId}${body}`)
          atOnce--
        },
        { ...it.quiet, concurrency: 10 },
      ),
    )
    await pass(it, 2_000)
    expect(order.filter((one) => one.startsWith('a'))).toEqual(['a1', 'a2', 'a3'])
    expect(order.filter((one) => one.startsWith('b'))).toEqual(['b11', 'b12'])
    expect(most).toBe(2)
  })

  test('go back behind the one that failed, without counting a receive', async () => {
    const it = await rig({ retryPolicy: { initialSeconds: 5, factor: 1, jitter: 'none' } }, { name: 'jobs.fifo' })
    await publishAll(it.queue, [1, 2, 3], 'a')
    const seen: string[] = []
    kept(
      it.queue.consume(
        ({ body, receiveCount }) => {
          seen.push(`${body}/${receiveCount}`)
          if (body === 2 && receiveCount === 1) throw new Error('again')
        },
        { ...it.quiet, concurrency: 3 },
      ),
    )
    await pass(it, 4_000)
    expect(seen).toEqual(['1/1', '2/1'])
    await pass(it, 4_000)
    expect(seen).toEqual(['1/1', '2/1', '2/2', '3/1'])
  })
})

describe('a batch handler', () => {
  test('gets up to its number of messages at once, and acks them together', async () => {
    const it = await rig()
    await publishAll(
      it.queue,
      Array.from({ length: 7 }, (_, n) => n),
    )
    const sizes: number[] = []
    kept(it.queue.consume((messages) => void sizes.push(messages.length), { ...it.quiet, batchSize: 5 }))
    await pass(it, 1_000)
    expect(sizes.toSorted()).toEqual([2, 5])
    expect(await it.queue.counts()).toMatchObject({ ready: 0, leased: 0 })
  })

  test('gives back the messages that it marks as failed, or all when it throws', async () => {
    const it = await rig({ retryPolicy: { initialSeconds: 60, jitter: 'none' } })
    await publishAll(it.queue, [1, 2, 3])
    kept(
      it.queue.consume(
        (messages, { fail }) => {
          for (const message of messages) if (message.body === 2) fail(message, new Error('two'))
          if (messages.some(({ body }) => body === 9)) throw new Error('all')
        },
        { ...it.quiet, batchSize: 5 },
      ),
    )
    await pass(it, 1_000)
    expect(await it.queue.counts()).toMatchObject({ ready: 0, delayed: 1, leased: 0 })
    await publishAll(it.queue, [9, 10])
    await pass(it, 1_000)
    expect(it.errors.map(({ error }) => (error as Error).message).toSorted()).toEqual(['all', 'all', 'two'])
    expect(await it.queue.counts()).toMatchObject({ ready: 0, delayed: 3, leased: 0 })
  })

  test('of a FIFO queue gets messages of one group, and what is behind a failed one goes back with it', async () => {
    const it = await rig({ retryPolicy: { initialSeconds: 5, factor: 1, jitter: 'none' } }, { name: 'jobs.fifo' })
    await publishAll(it.queue, [1, 2, 3, 4, 5], 'a')
    await publishAll(it.queue, [11], 'b')
    const batches: string[] = []
    kept(
      it.queue.consume(
        (messages, { fail }) => {
          batches.push(messages.map(({ groupId, body, receiveCount }) => `${groupId}${body}/${receiveCount}`).join(' '))
          for (const message of messages)
            if (message.body === 2 && message.receiveCount === 1) fail(message, new Error('two'))
        },
        { ...it.quiet, batchSize: 3, concurrency: 2 },
      ),
    )
    await pass(it, 8_000)
    expect(batches.filter((batch) => batch.startsWith('a'))).toEqual(['a1/1 a2/1 a3/1', 'a2/2 a3/1 a4/1', 'a5/1'])
    expect(batches.filter((batch) => batch.startsWith('b'))).toEqual(['b11/1'])
  })
})
