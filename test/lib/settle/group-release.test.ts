import { describe, expect, test } from 'vitest'
import { groupHash } from '../../../lib/model/group.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import type { Store } from '../../../lib/store/port.ts'
import { faultyStore, scripted } from '../../support/faulty-store.ts'
import { bodies, FIFO, fifoEngine, handles, send, take } from '../../support/fifo-engine.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { anotherProcess, type TestEngine, testEngine } from '../../support/test-engine.ts'

const LONG = { visibilityTimeoutSeconds: 3_600 }

/** A store where marks of tickets wait until they are let go. */
const holdingMarks = (store: Store) => {
  const held: (() => void)[] = []
  const holding: Store = {
    ...store,
    markTicket: async (...input) => {
      await new Promise<void>((resolve) => held.push(resolve))
      return store.markTicket(...input)
    },
  }
  return { store: holding, release: () => held.splice(0).forEach((go) => void go()) }
}

describe('a group goes on at once, long before its leases would have ended,', () => {
  const next = async (engine: TestEngine) => bodies(await take(anotherProcess(engine)))

  test('when all that was taken is acked together', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2', '3')
    await ack(engine, FIFO, handles(await take(engine, { ...LONG, maxMessages: 2 })))
    expect(await next(engine)).toEqual(['3'])
  })

  test('when it is acked one by one at the same time, in whatever order the tickets are marked', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2', '3')
    const [one, two] = handles(await take(engine, { ...LONG, maxMessages: 2 })) as [string, string]
    const slow = holdingMarks(engine.store)
    const acking = ack(testEngine({ clock: engine.clock, store: slow.store }), FIFO, [one])
    await engine.clock.advance(0)
    await ack(engine, FIFO, [two])
    // What the first found, that something was in flight still, is said only now.
    slow.release()
    await acking
    expect(await next(engine)).toEqual(['3'])
  })

  test('when a poller that found the group locked marks its ticket only after the ack', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2')
    const taken = handles(await take(engine, { ...LONG, maxMessages: 1 }))
    await nack(engine, FIFO, [{ receiptHandle: taken[0] as string }])
    const again = handles(await take(engine, { ...LONG, maxMessages: 1 }))
    const slow = holdingMarks(engine.store)
    // As after a crash, the ticket says free while a message is in flight.
    const { group, shard } = (
      await engine.store.tickets({
        partition: { queue: FIFO, generation: (await engine.queues.get(FIFO)).generation, shard: 0 },
        from: '0',
        to: '~',
        limit: 1,
      })
    ).tickets[0] as { group: string; shard: number }
    const partition = { queue: FIFO, generation: (await engine.queues.get(FIFO)).generation, shard, group }
    await engine.store.markTicket({ partition, group }, 0)
    const looking = take(testEngine({ clock: engine.clock, store: slow.store }))
    await engine.clock.advance(0)
    await ack(engine, FIFO, again)
    slow.release()
    expect(await looking).toEqual([])
    expect(await next(engine)).toEqual(['2'])
  })

  test('when the rest is given back', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2', '3')
    const [one, two] = handles(await take(engine, { ...LONG, maxMessages: 2 })) as [string, string]
    await ack(engine, FIFO, [one])
    await nack(engine, FIFO, [{ receiptHandle: two }])
    expect(await next(engine)).toEqual(['2', '3'])
  })

  test('when leases are cut short, to nothing or to seconds', async () => {
    for (const visibilityTimeoutSeconds of [0, 5]) {
      const engine = await fifoEngine()
      await send(engine, 'a', '1', '2')
      const [receiptHandle] = handles(await take(engine, { ...LONG, maxMessages: 1 })) as [string]
      await extend(engine, FIFO, [{ receiptHandle, visibilityTimeoutSeconds }])
      await engine.clock.advance(visibilityTimeoutSeconds * 1_000)
      expect(await next(engine)).toEqual(['1', '2'])
    }
  })

  test('when it was leased for less than a look takes', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1')
    await take(engine, { visibilityTimeoutSeconds: 0 })
    expect(await next(engine)).toEqual(['1'])
    const second = await fifoEngine()
    await send(second, 'a', '1')
    await take(second, { visibilityTimeoutSeconds: 1 })
    await second.clock.advance(1_000)
    expect(await next(second)).toEqual(['1'])
  })
})

test('a group whose lease was extended is left alone until the new end', async () => {
  const engine = await fifoEngine()
  await send(engine, 'a', '1')
  const [receiptHandle] = handles(await take(engine, { visibilityTimeoutSeconds: 10 })) as [string]
  await extend(engine, FIFO, [{ receiptHandle, visibilityTimeoutSeconds: 100 }])
  await engine.clock.advance(99_000)
  expect(await take(anotherProcess(engine))).toEqual([])
  await engine.clock.advance(1_000)
  expect(bodies(await take(anotherProcess(engine)))).toEqual(['1'])
})

test('an ack is done though the group could not be freed, which its lease does then', async () => {
  for (const operation of ['headers', 'markTicket'] as const) {
    const engine = await fifoEngine({}, { clock: manualClock() })
    await send(engine, 'a', '1', '2')
    const taken = handles(await take(engine, { visibilityTimeoutSeconds: 10, maxMessages: 1 }))
    const store = faultyStore(engine.store, scripted([operation, 'refused']))
    expect(await ack(testEngine({ clock: engine.clock, store }), FIFO, taken)).toEqual([{ ok: true }])
    await engine.clock.advance(10_000)
    expect(bodies(await take(engine))).toEqual(['2'])
  }
})

test('a poller that dies holding a ticket holds the group up no longer than its own lease', async () => {
  const engine = await fifoEngine()
  await send(engine, 'a', '1')
  const store = faultyStore(engine.store, scripted(['headers', 'crashed-before']))
  void take(testEngine({ clock: engine.clock, store }), { visibilityTimeoutSeconds: 20 })
  await engine.clock.advance(19_999)
  expect(await take(engine)).toEqual([])
  await engine.clock.advance(1)
  expect(bodies(await take(engine))).toEqual(['1'])
})

/** Two messages of one segment under a lease, the first of which is acked. Returns the handle of the second. */
const lastOfSegment = async (engine: TestEngine): Promise<string> => {
  await publish(engine, FIFO, [
    { groupId: 'a', body: '1' },
    { groupId: 'a', body: '2' },
  ])
  const [one, two] = handles(await take(engine, { ...LONG, maxMessages: 2 })) as [string, string]
  await ack(engine, FIFO, [one])
  return two
}
const GROUP = groupHash('a')
const dyingAfter = (engine: TestEngine, operation: keyof Store): Store =>
  faultyStore(engine.store, scripted([operation, 'crashed-after']))
const shardOf = async (engine: TestEngine) => {
  const { generation } = await engine.queues.get(FIFO)
  return { queue: FIFO, generation, shard: 0 }
}
const ticketsLeft = async (engine: TestEngine) => {
  const page = await engine.store.tickets({ partition: await shardOf(engine), from: '0', to: '~', limit: 1 })
  return page.tickets
}
const headersLeft = async (engine: TestEngine) => {
  const page = await engine.store.headers({
    partition: { ...(await shardOf(engine)), group: GROUP },
    from: '0',
    to: '~',
    limit: 10,
    consistent: true,
  })
  return page.segments
}

describe('the header of messages that are all gone does not outlast the ticket of its group', () => {
  test('if the answer to the last ack is lost', async () => {
    const engine = await fifoEngine()
    const last = await lastOfSegment(engine)
    const repeating = faultyStore(engine.store, scripted(['change', 'repeated']))
    expect(await ack(testEngine({ clock: engine.clock, store: repeating }), FIFO, [last])).toEqual([{ ok: true }])
    expect(await headersLeft(engine)).toEqual([])
  })

  test('if the process died after the last ack, and the poll that finds the header fails to delete it', async () => {
    const engine = await fifoEngine({}, { clock: manualClock() })
    const last = await lastOfSegment(engine)
    void ack(testEngine({ clock: engine.clock, store: dyingAfter(engine, 'change') }), FIFO, [last])
    await engine.clock.advance(LONG.visibilityTimeoutSeconds * 1_000)
    const failing = faultyStore(engine.store, scripted(['change', 'refused']))
    expect(await take(testEngine({ clock: engine.clock, store: failing }))).toEqual([])
    expect(await headersLeft(engine)).toHaveLength(1)
    expect(await take(anotherProcess(engine))).toEqual([])
    expect(await headersLeft(engine)).toEqual([])
  })

  test('and a poll that dies between the two leaves the ticket to the next ones', async () => {
    const engine = await fifoEngine({}, { clock: manualClock() })
    const last = await lastOfSegment(engine)
    void ack(testEngine({ clock: engine.clock, store: dyingAfter(engine, 'change') }), FIFO, [last])
    await engine.clock.advance(LONG.visibilityTimeoutSeconds * 1_000)
    void take(testEngine({ clock: engine.clock, store: dyingAfter(engine, 'change') }), {
      visibilityTimeoutSeconds: 20,
    })
    await engine.clock.advance(0)
    expect(await headersLeft(engine)).toEqual([])
    expect(await ticketsLeft(engine)).toHaveLength(1)
    const other = anotherProcess(engine)
    for (let seconds = 0; seconds < 30; seconds++) {
      await engine.clock.advance(1_000)
      await take(other)
    }
    expect(await ticketsLeft(engine)).toEqual([])
  })
})
