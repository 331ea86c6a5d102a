import { beforeEach, describe, expect, test } from 'vitest'
import { groupHash, groupPartition, sequenceAt } from '../../../lib/model/group.ts'
import { partitionOf } from '../../../lib/model/queue-record.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { ticketPages } from '../../../lib/receive/ticket-pages.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import {
  bodies,
  type Counted,
  countingStore,
  FIFO,
  fifoEngine,
  handles,
  send,
  take,
} from '../../support/fifo-engine.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { anotherProcess, type TestEngine } from '../../support/test-engine.ts'

const BUSY = 10_000
const HOUR_MS = 3_600_000
const LONG = { visibilityTimeoutSeconds: 3_600 }

/** Tickets as groups have them whose messages are in flight. */
const addBusy = async (
  engine: TestEngine,
  count: number,
  lockedUntil = engine.clock.now() + HOUR_MS,
  name = 'busy',
) => {
  const queue = await engine.queues.get(FIFO)
  const sequence = sequenceAt(engine.clock.now())
  for (let n = 0; n < count; n++) {
    const group = groupHash(`${name}-${n}`)
    const key = { partition: groupPartition(queue, group), group }
    const expiresAt = engine.clock.now() + 100 * HOUR_MS
    await engine.store.transact([
      { kind: 'advance', key, from: sequence, to: sequence, expiresAt, lockedUntil, turn: sequence },
    ])
  }
}

let engine: TestEngine
let spent: Counted['spent']

beforeEach(async () => {
  const clock = manualClock()
  const counted = countingStore(memoryStore({ clock }))
  engine = await fifoEngine({}, { clock, store: counted.store })
  spent = counted.spent
})

const ticketsRead = async (work: () => Promise<unknown>): Promise<number> => {
  spent()
  await work()
  return spent().tickets
}

describe('where ten thousand groups are all busy', () => {
  beforeEach(() => addBusy(engine, BUSY))

  test('the first poll of a process goes through all of them, and finds the only free one', async () => {
    await send(engine, 'free', 'x')
    expect(bodies(await take(anotherProcess(engine)))).toEqual(['x'])
  })

  test('a purge frees them, however much this process has looked at them before', async () => {
    for (let n = 0; n < 3; n++) await take(engine)
    spent()
    await purgeQueue(engine, FIFO)
    expect(spent().requests).toEqual({ getDocument: 1, transact: 1 })
    await send(anotherProcess(engine), 'busy-7', 'new')
    expect(bodies(await take(anotherProcess(engine, 3)))).toEqual(['new'])
  })

  test('further polls read a small part of them, whether they come at once or after a second', async () => {
    // The allowance of a new process is larger than one pass.
    for (let n = 0; n < 3; n++) await take(engine)
    for (let n = 0; n < 50; n++) expect(await ticketsRead(() => take(engine))).toBeLessThanOrEqual(2 * 25)
    await engine.clock.advance(1_000)
    expect(await ticketsRead(() => take(engine))).toBeLessThanOrEqual(2 * 25 + 250)
    expect(await ticketsRead(() => take(engine))).toBeLessThanOrEqual(2 * 25)
  })

  test('a poll that waits asks little more for its wait', async () => {
    for (let n = 0; n < 3; n++) await take(engine)
    const read = await ticketsRead(async () => {
      const waiting = take(engine, { waitTimeSeconds: 20 })
      await engine.clock.advance(20_000)
      await waiting
    })
    expect(read).toBeLessThanOrEqual(20 * 250 + 40 * 2 * 25)
  })

  test('a group that another process freed is found when the pass comes round, by polls in a row', async () => {
    for (let n = 0; n < 3; n++) await take(engine)
    const other = anotherProcess(engine)
    await send(other, 'free', 'x')
    let polls = 0
    for (let found: unknown[] = []; found.length === 0; polls++) found = await take(engine)
    expect(polls).toBeLessThanOrEqual(BUSY / 25 + 1)
  })

  test('and by one that waits, within as long as the allowance takes to grow by their number', async () => {
    for (let n = 0; n < 3; n++) await take(engine)
    await send(anotherProcess(engine), 'free', 'x')
    const startedAt = engine.clock.now()
    let found: unknown[] = []
    while (found.length === 0) {
      const waiting = take(engine, { waitTimeSeconds: 20 })
      for (let second = 0; second < 20; second++) await engine.clock.advance(1_000)
      found = await waiting
    }
    expect(engine.clock.now() - startedAt).toBeLessThanOrEqual(60_000)
  })

  describe('a group that this process let go is found by its next poll, with no pass,', () => {
    const taken = async () => {
      await send(engine, 'a', '1', '2')
      const [message] = await take(engine, { ...LONG, maxMessages: 1 })
      for (let n = 0; n < 50; n++) await take(engine)
      return message?.receiptHandle as string
    }
    const expectNext = async (expected: string[]) => {
      spent()
      expect(bodies(await take(engine))).toEqual(expected)
      expect(spent().tickets).toBeLessThanOrEqual(2 * 25 + 5)
    }

    test('by an ack', async () => {
      await ack(engine, FIFO, [await taken()])
      await expectNext(['2'])
    })

    test('by a nack', async () => {
      await nack(engine, FIFO, [{ receiptHandle: await taken() }])
      await expectNext(['1', '2'])
    })

    test('by a lease cut short, when it ends', async () => {
      await extend(engine, FIFO, [{ receiptHandle: await taken(), visibilityTimeoutSeconds: 5 }])
      await engine.clock.advance(4_999)
      expect(await take(engine)).toEqual([])
      await engine.clock.advance(1)
      await expectNext(['1', '2'])
    })

    test('by a publish', async () => {
      await taken()
      await send(engine, 'b', '3')
      await expectNext(['3'])
    })
  })

  test('one that is freed while it is read is known to be free', async () => {
    await send(engine, 'a', '1', '2')
    const taken = handles(await take(engine, { ...LONG, maxMessages: 1 }))
    for (let n = 0; n < 3; n++) await take(engine)
    const { tickets } = engine.store
    let acked = false
    const slow: Store = {
      ...engine.store,
      tickets: async (range) => {
        const page = await tickets(range)
        // All that was read is on its way while the ack is done.
        if (!acked && page.tickets.some(({ group }) => group === groupHash('a'))) {
          acked = true
          await ack(engine, FIFO, taken)
        }
        return page
      },
    }
    for (let n = 0; n < 2 && !acked; n++) {
      await engine.clock.advance(60_000)
      expect(await take({ ...engine, store: slow })).toEqual([])
    }
    expect(acked).toBe(true)
    spent()
    // More than one would be looked for as far as the allowance goes.
    expect(bodies(await take(engine, { maxMessages: 1 }))).toEqual(['2'])
    expect(spent().tickets).toBeLessThanOrEqual(25 + 100 + 1)
  })

  test('one whose lease was seen to end is found right after its end', async () => {
    await send(engine, 'a', '1')
    await take(anotherProcess(engine), { visibilityTimeoutSeconds: 10 })
    // Its ticket is seen busy in the pass of the first poll.
    const watcher = anotherProcess(engine, 3)
    for (let n = 0; n < 3; n++) await take(watcher)
    const waiting = take(watcher, { waitTimeSeconds: 20 })
    await engine.clock.advance(9_999)
    await engine.clock.advance(1)
    expect(bodies(await waiting)).toEqual(['1'])
  })

  test('one that never runs dry starves no other that is free', async () => {
    for (let n = 0; n < 3; n++) await take(engine)
    const other = anotherProcess(engine)
    await send(engine, 'endless', 'e')
    await send(other, 'seldom', 's')
    let polls = 0
    for (;;) {
      polls++
      const taken = await take(engine, { maxMessages: 1 })
      if (bodies(taken).includes('s')) break
      await ack(engine, FIFO, handles(taken))
      await send(engine, 'endless', 'e')
      if (polls > BUSY) throw new Error('it starves')
    }
    expect(polls).toBeLessThanOrEqual(BUSY / 25 + 50)
  })
})

describe('which tickets a look comes to', () => {
  const firstSeen = async () => {
    for await (const [ticket] of ticketPages(engine, await engine.queues.get(FIFO))) return ticket?.group
    return undefined
  }

  test('each comes first about as often as any other, be there a page of them or a few more', async () => {
    for (const groups of [20, 40]) {
      await createQueue(engine, `${groups}.fifo`, { settings: (await engine.queues.get(FIFO)).settings })
      const queue = await engine.queues.get(`${groups}.fifo`)
      await publish(
        engine,
        `${groups}.fifo`,
        Array.from({ length: 20 }, (_, n) => ({ groupId: `g${n}`, body: n })),
      )
      if (groups > 20)
        await publish(
          engine,
          `${groups}.fifo`,
          Array.from({ length: 20 }, (_, n) => ({ groupId: `h${n}`, body: n })),
        )
      const times = new Map<unknown, number>()
      for (let n = 0; n < 2_000; n++) {
        await engine.clock.advance(1)
        const [message] = await take(engine, { maxMessages: 1, visibilityTimeoutSeconds: 0 }, queue.name)
        times.set(message?.groupId, (times.get(message?.groupId) ?? 0) + 1)
      }
      expect(times.size).toBe(groups)
      // Of a page that starts between two neighbours far apart some come oftener; none is left out.
      expect(Math.min(...times.values())).toBeGreaterThan(2_000 / groups / 4)
    }
  })

  test('all of them come, each once, in one look of a new process', async () => {
    await addBusy(engine, 3_000, 0)
    const seen: string[] = []
    for await (const page of ticketPages(engine, await engine.queues.get(FIFO)))
      seen.push(...page.map(({ group }) => group))
    expect([seen.length, new Set(seen).size]).toEqual([3_000, 3_000])
  })

  test('once few are left, all are in the first page again', async () => {
    const queue = await engine.queues.get(FIFO)
    await addBusy(engine, 30, 0)
    await firstSeen()
    const memory = engine.polls.tickets(partitionOf(queue, 0))
    expect(memory.crowded).toBe(true)
    for (let n = 0; n < 20; n++) {
      const group = groupHash(`busy-${n}`)
      await engine.store.dropTicket({ partition: groupPartition(queue, group), group }, sequenceAt(engine.clock.now()))
    }
    await firstSeen()
    expect(memory.crowded).toBe(false)
    for await (const page of ticketPages(engine, queue)) expect(page).toHaveLength(10)
  })
})
