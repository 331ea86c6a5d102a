import { afterEach, describe, expect, test } from 'vitest'
import { createEngine } from '../../../lib/engine.ts'
import type { NewMessage, PublishResult } from '../../../lib/model/message.ts'
import { DEFAULT_FIFO, type SettingsChange } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import type { Consumption } from '../../../lib/store/dynamodb/consumption.ts'
import { dynamodbStore } from '../../../lib/store/dynamodb/dynamodb-store.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { type EmbeddedTable, embeddedTable, noEmbedded } from '../../support/embedded.ts'
import { type Fate, faultyStore, scripted } from '../../support/faulty-store.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { anotherProcess, type TestEngine, testEngine } from '../../support/test-engine.ts'

const tables: EmbeddedTable[] = []
afterEach(() => {
  for (const table of tables.splice(0)) table.close()
})

const STORES: readonly (readonly [string, (clock: ReturnType<typeof manualClock>) => Promise<Store>])[] = [
  ['in memory', async (clock) => memoryStore({ clock })],
  [
    'in DynamoDB',
    async (clock) => {
      const table = await embeddedTable()
      tables.push(table)
      return dynamodbStore({ ...table, clock })
    },
  ],
]

interface Kind {
  readonly queue: string
  readonly settings: SettingsChange
  readonly messages: readonly NewMessage[]
}

const fifo = (given: Partial<typeof DEFAULT_FIFO> = {}): SettingsChange => ({ fifo: { ...DEFAULT_FIFO, ...given } })
/** Random enough that it needs body items of its own. */
const LARGE = Buffer.from(seededRandom(7).bytes(30_000)).toString('base64')

const KINDS: Readonly<Record<string, Kind>> = {
  'one message': { queue: 'q', settings: {}, messages: [{ body: { id: 1 } }] },
  'messages of several segments': {
    queue: 'q',
    settings: { priorities: 3, shards: 4 },
    messages: [
      { body: 'a' },
      { body: 'b', priority: 2 },
      { body: 'c', timeToLiveSeconds: 600 },
      { body: Uint8Array.of(1, 255), attributes: { n: { dataType: 'Number', value: '7' } } },
      { body: 'e', priority: 2 },
    ],
  },
  '25 messages': { queue: 'q', settings: {}, messages: Array.from({ length: 25 }, (_, body) => ({ body })) },
  'large bodies': {
    queue: 'q',
    settings: {},
    messages: [{ body: LARGE }, { body: `${LARGE}2`, timeToLiveSeconds: 900 }],
  },
  'groups of a standard queue': {
    queue: 'q',
    settings: {},
    messages: [
      { body: 1, groupId: 'a' },
      { body: 2, groupId: 'b' },
      { body: 3, groupId: 'a' },
      { body: 4, groupId: 'a', timeToLiveSeconds: 600 },
      { body: 5 },
    ],
  },
  'groups of a FIFO queue': {
    queue: 'q.fifo',
    settings: fifo(),
    messages: ['a', 'b', 'a', 'c', 'a'].map((groupId, id) => ({ body: { id }, groupId })),
  },
  'deduplication ids, two of them alike': {
    queue: 'q',
    settings: {},
    messages: [{ body: 1, deduplicationId: 'x' }, { body: 2, deduplicationId: 'x' }, { body: 3 }],
  },
  'deduplication by content': {
    queue: 'q.fifo',
    settings: fifo({ contentBasedDeduplication: true }),
    messages: [
      { body: 'same', groupId: 'a' },
      { body: 'same', groupId: 'a' },
      { body: 'other', groupId: 'b' },
    ],
  },
  'ids that are unique while pending': {
    queue: 'q',
    settings: { deduplicationMode: 'pending' },
    messages: [{ body: 1, deduplicationId: 'x' }],
  },
}

const worldOf = async (kind: Kind, open = STORES[0]?.[1] as (typeof STORES)[number][1]) => {
  const clock = manualClock()
  const engine = testEngine({ clock, store: await open(clock) })
  await createQueue(engine, kind.queue, { settings: kind.settings })
  // That a standard queue has groups is noted with the first message of one.
  if (!kind.settings.fifo) {
    await publish(engine, kind.queue, [{ body: 'before', groupId: 'before' }])
    await drained(engine, kind.queue)
  }
  let seed = 100
  const attempt = (process = anotherProcess(engine, seed++), messages = kind.messages, idempotencyKey = 'key-1') =>
    publish(process, kind.queue, messages, { idempotencyKey })
  return { engine, attempt, failing: failingProcess(engine) }
}

const failingProcess =
  (engine: TestEngine) =>
  (...script: (readonly [keyof Store, Fate])[]): TestEngine =>
    testEngine({ clock: engine.clock, store: faultyStore(engine.store, scripted(...script)), seed: 55 })

/** Receives and acks until nothing comes; answers the message ids in the order received. */
const drained = async (engine: TestEngine, queue: string): Promise<string[]> => {
  const process = anotherProcess(engine, 77)
  const ids: string[] = []
  for (let empty = 0; empty < 3; ) {
    const messages = await poll(process, queue, { maxMessages: 25 })
    empty = messages.length === 0 ? empty + 1 : 0
    ids.push(...messages.map(({ messageId }) => messageId))
    if (messages.length > 0) {
      const handles = messages.map(({ receiptHandle }) => receiptHandle)
      for (const result of await ack(process, queue, handles)) expect(result).toEqual({ ok: true })
    }
    await engine.clock.advance(5)
  }
  return ids
}

const idsOf = (results: readonly PublishResult[]): string[] => [
  ...new Set(results.map((result) => (result.ok ? result.messageId : 'failed'))),
]

describe.each(STORES)('an idempotent publish %s', (name, open) => {
  if (name === 'in DynamoDB' && noEmbedded()) return

  describe.each(Object.entries(KINDS))('of %s', (_, kind) => {
    test('stores what a plain publish does', async () => {
      const { engine, attempt } = await worldOf(kind, open)
      const results = await attempt()
      expect(results).toHaveLength(kind.messages.length)
      for (const result of results) {
        expect(result).toEqual({
          ok: true,
          messageId: expect.any(String),
          ...(kind.settings.fifo && { sequenceNumber: expect.stringMatching(/^\d{20}$/) }),
          ...('duplicate' in result && { duplicate: true }),
        })
      }
      const plain = await worldOf(kind, open)
      const expected = await publish(plain.engine, kind.queue, kind.messages)
      const duplicates = (of: readonly PublishResult[]) => of.map((result) => result.ok && result.duplicate === true)
      expect(duplicates(results)).toEqual(duplicates(expected))
      expect((await drained(engine, kind.queue)).sort()).toEqual(idsOf(results).sort())
    })

    test('answers a repeat as it answered the first try, and stores nothing more', async () => {
      const { engine, attempt } = await worldOf(kind, open)
      const first = await attempt()
      await engine.clock.advance(1_500)
      expect(await attempt()).toEqual(first)
      expect((await drained(engine, kind.queue)).sort()).toEqual(idsOf(first).sort())
    })

    test('is not stored again once its messages were received and acked', async () => {
      const { engine, attempt } = await worldOf(kind, open)
      const first = await attempt()
      expect(await drained(engine, kind.queue)).toHaveLength(idsOf(first).length)
      expect(await attempt()).toEqual(first)
      expect(await drained(engine, kind.queue)).toEqual([])
    })

    test('is not stored again once its messages were purged', async () => {
      const { engine, attempt } = await worldOf(kind, open)
      const first = await attempt()
      await engine.clock.advance(1)
      await purgeQueue(engine, kind.queue)
      await engine.clock.advance(1)
      expect(await attempt()).toEqual(first)
      expect(await drained(engine, kind.queue)).toEqual([])
    })

    test('finds its first try when shards, delay and deduplication were changed in between', async () => {
      const { engine, attempt } = await worldOf(kind, open)
      const first = await attempt()
      await updateQueue(engine, kind.queue, ({ settings }) => ({
        settings: {
          ...settings,
          delaySeconds: 1,
          ...(!settings.fifo && { shards: 9 }),
          ...(settings.fifo && { fifo: { ...settings.fifo, contentBasedDeduplication: false } }),
        },
      }))
      expect(await attempt()).toEqual(first)
      await engine.clock.advance(1_000)
      expect((await drained(engine, kind.queue)).sort()).toEqual(idsOf(first).sort())
    })

    test('is stored once when several tries arrive at the same time', async () => {
      const { engine, attempt } = await worldOf(kind, open)
      const answers = await Promise.all(Array.from({ length: 5 }, () => attempt()))
      for (const answer of answers) expect(answer).toEqual(answers[0])
      expect((await drained(engine, kind.queue)).sort()).toEqual(idsOf(answers[0] ?? []).sort())
    })
  })
})

describe.each(Object.entries(KINDS))('the answer to an idempotent publish of %s', (_, kind) => {
  test.each<[Fate, string]>([
    ['unanswered', 'StoreUnavailable'],
    ['unreachable', 'StoreUnavailable'],
    ['refused', 'Throttled'],
  ])('that was %s fails whole, and the repeat stores one copy', async (fate, code) => {
    const { engine, attempt, failing } = await worldOf(kind)
    const process = failing(['transact', fate])
    const results = await attempt(process)
    expect(results).toEqual(kind.messages.map(() => ({ ok: false, error: expect.objectContaining({ code }) })))
    const acked = fate === 'unanswered' ? await drained(engine, kind.queue) : []
    const again = await attempt(process)
    expect(again.every(({ ok }) => ok)).toBe(true)
    expect([...acked, ...(await drained(engine, kind.queue))].sort()).toEqual(idsOf(again).sort())
  })
})

describe('an idempotency key', () => {
  const one = KINDS['one message'] as Kind

  test.each([
    ['another body', [{ body: { id: 2 } }]],
    ['another option', [{ body: { id: 1 }, delaySeconds: 1 }]],
    ['another attribute', [{ body: { id: 1 }, attributes: { a: { dataType: 'String', value: 'b' } } }]],
    ['the same text that is not JSON', [{ body: '{"id":1}' }]],
    ['the same message twice', [{ body: { id: 1 } }, { body: { id: 1 } }]],
  ])('is refused with %s', async (_, messages) => {
    const { engine, attempt } = await worldOf(one)
    await attempt()
    await expect(attempt(anotherProcess(engine), messages)).rejects.toMatchObject({
      code: 'InvalidRequest',
      fields: { field: 'idempotencyKey', value: 'key-1', queue: 'q' },
    })
    expect(await drained(engine, 'q')).toHaveLength(1)
  })

  test.each(['', 'a b', 'ä', 'a\n', 'x'.repeat(129), 7 as never, null as never])(
    'is refused when it is %j',
    async (id) => {
      const { engine, attempt } = await worldOf(one)
      await expect(attempt(engine, one.messages, id)).rejects.toMatchObject({
        code: 'InvalidRequest',
        message: expect.stringContaining('idempotencyKey must have 1 to 128 printable ASCII characters'),
        fields: { field: 'idempotencyKey' },
      })
    },
  )

  test('stands for its request for ten minutes', async () => {
    const { engine, attempt } = await worldOf(one)
    const first = await attempt()
    await engine.clock.advance(599_000)
    expect(await attempt()).toEqual(first)
    await engine.clock.advance(1_000)
    expect(await attempt()).not.toEqual(first)
    expect(await drained(engine, 'q')).toHaveLength(2)
  })

  test('is of one queue, and of one life of it', async () => {
    const { engine, attempt } = await worldOf(one)
    await attempt()
    await createQueue(engine, 'other', { settings: {} })
    await publish(engine, 'other', one.messages, { idempotencyKey: 'key-1' })
    expect(await drained(engine, 'other')).toHaveLength(1)
    await deleteQueue(engine, 'q')
    await engine.clock.advance(61_000)
    await createQueue(engine, 'q', { settings: {} })
    await attempt(anotherProcess(engine, 3))
    expect(await drained(engine, 'q')).toHaveLength(1)
  })

  test('may be as long as 128 characters, of any that are printable', async () => {
    const { attempt } = await worldOf(one)
    const id = `"!~/${'x'.repeat(124)}`
    const first = await attempt(undefined, one.messages, id)
    expect(await attempt(undefined, one.messages, id)).toEqual(first)
  })

  test('is refused where a message is, before anything is written', async () => {
    const { engine, attempt } = await worldOf(one)
    await expect(attempt(engine, [{ body: 1 }, { body: 2, priority: 1 }])).rejects.toMatchObject({
      code: 'InvalidRequest',
      fields: { field: 'messages[1].priority' },
    })
    expect(await drained(engine, 'q')).toEqual([])
    expect((await attempt()).every(({ ok }) => ok)).toBe(true)
  })

  test('keeps the messages of a FIFO group in order while others publish to the group', async () => {
    const { engine, attempt } = await worldOf(KINDS['groups of a FIFO queue'] as Kind)
    const others = anotherProcess(engine, 8)
    const [named, ...rest] = await Promise.all([
      attempt(),
      ...[1, 2, 3, 4].map((n) => publish(others, 'q.fifo', [{ body: `other ${n}`, groupId: 'a' }])),
    ])
    expect(rest.flat().every(({ ok }) => ok)).toBe(true)
    const numbers = named.map((result) => (result.ok ? result.sequenceNumber : ''))
    expect([numbers[0], numbers[2], numbers[4]]).toEqual([numbers[0], numbers[2], numbers[4]].toSorted())
    expect(await attempt()).toEqual(named)
    expect(await drained(engine, 'q.fifo')).toHaveLength(9)
  })
})

describe('messages with a deduplication id in a group of a standard queue', () => {
  test.each([{}, { idempotencyKey: 'r' }])(
    'have no sequence number, which FIFO queues alone give (%j)',
    async (options) => {
      const { engine } = await worldOf(KINDS['one message'] as Kind)
      const message = { body: 1, groupId: 'a', deduplicationId: 'd' }
      expect(await publish(engine, 'q', [message], options)).toEqual([{ ok: true, messageId: expect.any(String) }])
      expect(await publish(engine, 'q', [message])).toEqual([
        { ok: true, messageId: expect.any(String), duplicate: true },
      ])
    },
  )
})

test('of many idempotent publishes, tried at random times by processes that fail, each one is delivered once or not at all', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const random = seededRandom(seed)
    const clock = manualClock()
    const engine = testEngine({ clock, store: memoryStore({ clock }), seed })
    await createQueue(engine, 'q', { settings: { shards: 2 } })
    await createQueue(engine, 'q.fifo', { settings: fifo() })
    await publish(engine, 'q', [{ body: 'notes that the queue has groups', groupId: 'g' }])
    const fates: readonly Fate[] = ['done', 'done', 'refused', 'unreachable', 'unanswered', 'repeated']
    const store = faultyStore(engine.store, {
      fateOf: ({ operation }) => (operation === 'transact' ? random.oneOf(fates) : 'done'),
      answering: () => Promise.resolve(),
    })
    const succeeded = new Map<string, string>()
    const delivered = new Map<string, number>()
    const tries = Array.from({ length: 240 }, () => random.whole(0, 39))
    const receive = async (queue: string) => {
      for (const message of await poll(anotherProcess(engine, random.whole(1, 999)), queue, { maxMessages: 10 })) {
        const body = message.body as string
        delivered.set(body, (delivered.get(body) ?? 0) + 1)
        expect(await ack(engine, queue, [message.receiptHandle])).toEqual([{ ok: true }])
      }
    }
    const tried = Promise.all(
      tries.map(async (request) => {
        await clock.sleep(random.whole(0, 20_000))
        const ordered = request % 3 === 0
        const queue = ordered ? 'q.fifo' : 'q'
        const messages = Array.from({ length: 1 + (request % 4) }, (_, at) => ({
          body: `${request}.${at}`,
          ...((ordered || request % 3 === 1) && { groupId: `g${(request + at) % 3}` }),
        }))
        const process = createEngine({ store, clock, random })
        const results = await publish(process, queue, messages, { idempotencyKey: `r${request}` })
        if (!results.every(({ ok }) => ok)) return
        const ids = idsOf(results).join()
        expect(succeeded.get(`${request}`) ?? ids).toBe(ids)
        succeeded.set(`${request}`, ids)
      }),
    )
    for (let round = 0; round < 60; round++) {
      await receive('q')
      await receive('q.fifo')
      await clock.advance(1_000)
    }
    await tried
    for (const [body, times] of delivered) expect([body, times]).toEqual([body, 1])
    for (const request of succeeded.keys()) {
      for (let at = 0; at <= Number(request) % 4; at++)
        expect([request, delivered.get(`${request}.${at}`)]).toEqual([request, 1])
    }
    expect(succeeded.size).toBeGreaterThan(30)
  }
})

describe.skipIf(noEmbedded())('units of an idempotent publish', () => {
  const unitsOf = async (
    messages: readonly NewMessage[],
    idempotencyKey?: string,
    fifoOnly = false,
  ): Promise<number> => {
    const clock = manualClock()
    const table = await embeddedTable()
    tables.push(table)
    let units = 0
    const consumed = ({ kind, units: used }: Consumption) => {
      if (kind === 'write') units += used
    }
    const engine = testEngine({ clock, store: dynamodbStore({ ...table, clock, consumed }) })
    const queue = fifoOnly ? 'q.fifo' : 'q'
    await createQueue(engine, queue, { settings: fifoOnly ? fifo() : {} })
    units = 0
    await publish(engine, queue, messages, idempotencyKey === undefined ? {} : { idempotencyKey })
    return units
  }
  const small = (count: number): NewMessage[] =>
    Array.from({ length: count }, (_, id) => ({ body: { id, note: 'x'.repeat(100) } }))

  test('are those of a transaction and two for the request, however many messages', async () => {
    expect(await unitsOf(small(1))).toBe(1)
    expect(await unitsOf(small(1), 'r')).toBe(4)
    expect(await unitsOf(small(10))).toBe(1)
    expect(await unitsOf(small(10), 'r')).toBe(4)
    expect(await unitsOf(small(25), 'r')).toBe(4)
    const withIds = (count: number) => small(count).map((message, id) => ({ ...message, deduplicationId: `${id}` }))
    expect(await unitsOf(withIds(1))).toBe(4)
    expect(await unitsOf(withIds(10))).toBe(22)
    expect(await unitsOf(withIds(25))).toBe(52)
    const grouped = (messages: NewMessage[]) => messages.map((message) => ({ ...message, groupId: 'g' }))
    expect(await unitsOf(grouped(small(10)), undefined, true)).toBe(4)
    expect(await unitsOf(grouped(small(10)), 'r', true)).toBe(6)
    expect(await unitsOf(grouped(withIds(10)), undefined, true)).toBe(24)
    // A body of its own is written outside of the transaction.
    expect(await unitsOf([{ body: LARGE.slice(0, 3_600) }])).toBe(1 + 3)
    expect(await unitsOf([{ body: LARGE.slice(0, 3_600) }], 'r')).toBe(2 + 2 + 3)
  })
})

describe.each([
  ['orders', {}],
  ['orders.fifo', { groupId: 'g' }],
])('a publish of duplicates alone with a key, to %s', (queue, grouped) => {
  test('stores nothing when it is repeated after their ids are free', async () => {
    const engine = testEngine()
    await createQueue(engine, queue, { settings: queue.endsWith('.fifo') ? { fifo: DEFAULT_FIFO } : {} })
    const message = { body: 'a', deduplicationId: 'd', ...grouped }
    await publish(engine, queue, [message])
    const attempt = () => publish(engine, queue, [message], { idempotencyKey: 'key' })
    const first = await attempt()
    expect(first).toMatchObject([{ ok: true, duplicate: true }])
    await engine.clock.advance(1)
    await purgeQueue(engine, queue)
    await engine.clock.advance(1)
    expect(await attempt()).toEqual(first)
    expect(await drained(engine, queue)).toEqual([])
  })
})
