import { describe, expect, test } from 'vitest'
import { cancelMessage } from '../../../lib/messages/cancel-message.ts'
import { groupHash, groupPartition, groupSort, sequenceAfter, sequenceAt } from '../../../lib/model/group.ts'
import { FRESH } from '../../../lib/model/segment.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { type Fate, faultyStore, scripted } from '../../support/faulty-store.ts'
import { bodies, countingStore, FIFO, fifoEngine, handles, send, take } from '../../support/fifo-engine.ts'
import { manualClock, START } from '../../support/manual-clock.ts'
import { anotherProcess, type TestEngine, testEngine } from '../../support/test-engine.ts'

const lost = { ok: false, error: expect.objectContaining({ code: 'LeaseLost' }) }

const faulty = async (...script: readonly (readonly [operation: keyof Store, fate: Fate])[]) => {
  const engine = await fifoEngine()
  return { engine, failing: testEngine({ clock: engine.clock, store: faultyStore(engine.store, scripted(...script)) }) }
}

describe('a poll of a FIFO queue', () => {
  test('takes as much of one group, in order, as it may before the next', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const engine = await fifoEngine({}, { seed })
      for (const n of [1, 2, 3, 4]) for (const group of ['a', 'b', 'c']) await send(engine, group, `${group}${n}`)
      const taken = bodies(await take(engine, { maxMessages: 6 })) as string[]
      const [first, second] = [taken[0]?.[0], taken[4]?.[0]]
      expect(taken).toEqual([`${first}1`, `${first}2`, `${first}3`, `${first}4`, `${second}1`, `${second}2`])
      expect(first).not.toBe(second)
    }
  })

  test('takes from the groups that wait the longest for their turn, whatever they have waiting', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const engine = await fifoEngine({}, { seed })
      for (const n of [1, 2, 3, 4]) for (const group of ['a', 'b', 'c']) await send(engine, group, `${group}${n}`)
      const visit = async (options: { maxMessages: number }) => {
        const taken = await take(engine, options)
        await ack(engine, FIFO, handles(taken))
        return bodies(taken)
      }
      expect(await visit({ maxMessages: 2 })).toEqual(['a1', 'a2'])
      expect(await visit({ maxMessages: 1 })).toEqual(['b1'])
      await send(engine, 'd', 'd1')
      expect(await visit({ maxMessages: 5 })).toEqual(['c1', 'c2', 'c3', 'c4', 'a3'])
      await send(engine, 'c', 'c5')
      expect(await visit({ maxMessages: 10 })).toEqual(['b2', 'b3', 'b4', 'd1', 'a4', 'c5'])
    }
  })

  test('takes groups by chance where other processes were ahead', async () => {
    const firsts = new Set<unknown>()
    for (let seed = 1; seed <= 20; seed++) {
      const engine = await fifoEngine()
      for (const group of ['a', 'b', 'c', 'd']) await send(engine, group, `${group}1`, `${group}2`)
      let ahead = false
      const store: Store = {
        ...engine.store,
        lockTicket: async (key, lock) => {
          if (!ahead) await take(anotherProcess(engine, seed), { maxMessages: 1, visibilityTimeoutSeconds: 99 })
          ahead = true
          return engine.store.lockTicket(key, lock)
        },
      }
      const late = testEngine({ clock: engine.clock, store, seed })
      await take(late, { maxMessages: 1 })
      firsts.add(bodies(await take(late, { maxMessages: 1 }))[0])
    }
    expect(firsts.size).toBeGreaterThan(1)
  })

  test('gives nothing behind messages in flight, to nobody', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2', '3')
    const taken = await take(engine, { maxMessages: 2 })
    expect(bodies(taken)).toEqual(['1', '2'])
    expect(await take(engine)).toEqual([])
    expect(await take(anotherProcess(engine))).toEqual([])
    await ack(engine, FIFO, handles(taken.slice(1)))
    expect(await take(engine)).toEqual([])
    await ack(engine, FIFO, handles(taken.slice(0, 1)))
    expect(bodies(await take(anotherProcess(engine)))).toEqual(['3'])
  })

  test('gives the same messages in the same order again when a lease ends', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2', '3')
    await take(engine, { maxMessages: 2, visibilityTimeoutSeconds: 5 })
    await engine.clock.advance(4_999)
    expect(await take(engine)).toEqual([])
    await engine.clock.advance(1)
    expect((await take(engine)).map(({ body, receiveCount }) => [body, receiveCount])).toEqual([
      ['1', 2],
      ['2', 2],
      ['3', 1],
    ])
  })

  test('gives a message nacked in the middle of a batch before those behind it', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2', '3', '4')
    const [one, two, three] = handles(await take(engine, { maxMessages: 3 })) as [string, string, string]
    await ack(engine, FIFO, [one, three])
    await nack(engine, FIFO, [{ receiptHandle: two, delaySeconds: 7 }])
    expect(await take(engine)).toEqual([])
    await engine.clock.advance(7_000)
    expect(bodies(await take(engine))).toEqual(['2', '4'])
  })

  test('gives what comes before the first message in flight again, and nothing from there on', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2', '3', '4', '5')
    const held = handles(await take(engine, { maxMessages: 4, visibilityTimeoutSeconds: 5 }))
    await extend(engine, FIFO, [{ receiptHandle: held[2] as string, visibilityTimeoutSeconds: 60 }])
    await engine.clock.advance(5_000)
    expect((await take(anotherProcess(engine))).map(({ body, receiveCount }) => [body, receiveCount])).toEqual([
      ['1', 2],
      ['2', 2],
    ])
    expect(await take(engine)).toEqual([])
    expect(await ack(engine, FIFO, held)).toEqual([lost, lost, { ok: true }, lost])
    expect(await take(engine)).toEqual([])
  })

  test('goes on behind a message that was held while those before it were received and acked again', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2', '3')
    const [one, two] = handles(await take(engine, { maxMessages: 2, visibilityTimeoutSeconds: 60 })) as [string, string]
    await nack(engine, FIFO, [{ receiptHandle: one }])
    const again = await take(anotherProcess(engine), { visibilityTimeoutSeconds: 60 })
    expect(bodies(again)).toEqual(['1'])
    await ack(anotherProcess(engine), FIFO, handles(again))
    expect(await take(anotherProcess(engine))).toEqual([])
    await ack(engine, FIFO, [two])
    expect(bodies(await take(anotherProcess(engine)))).toEqual(['3'])
  })

  test('gives the first message again as soon as its lease is cut short, long before the others end', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2')
    const [receiptHandle] = handles(await take(engine, { visibilityTimeoutSeconds: 600 })) as [string]
    await extend(engine, FIFO, [{ receiptHandle, visibilityTimeoutSeconds: 3 }])
    await engine.clock.advance(2_999)
    expect(await take(anotherProcess(engine))).toEqual([])
    await engine.clock.advance(1)
    expect(bodies(await take(anotherProcess(engine)))).toEqual(['1'])
  })

  test('gives the messages of several segments up to the one in flight, in one claim', async () => {
    const engine = await fifoEngine()
    await publish(engine, FIFO, [
      { groupId: 'a', body: '1' },
      { groupId: 'a', body: '2' },
    ])
    await send(engine, 'a', '3', '4')
    const held = handles(await take(engine, { visibilityTimeoutSeconds: 5 }))
    await extend(engine, FIFO, [{ receiptHandle: held[3] as string, visibilityTimeoutSeconds: 60 }])
    await engine.clock.advance(5_000)
    expect(bodies(await take(anotherProcess(engine)))).toEqual(['1', '2', '3'])
  })

  test('leaves a lease alone whose holder judges it to be live, unless it takes that very message', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2', '3')
    const [one, two] = handles(await take(engine, { maxMessages: 2, visibilityTimeoutSeconds: 5 })) as [string, string]
    await engine.clock.advance(5_000)
    const again = await take(engine, { maxMessages: 1 })
    expect(bodies(again)).toEqual(['1'])
    // A holder whose clock is slow, or whose request was long on its way.
    const late = testEngine({ store: engine.store, clock: manualClock(START + 4_000) })
    const prolonging = [one, two].map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds: 60 }))
    expect(await extend(late, FIFO, prolonging)).toEqual([lost, { ok: true }])
    await ack(engine, FIFO, handles(again))
    expect(await take(engine)).toEqual([])
  })

  test('does not claim a message whose lease was extended since it was read', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2', '3')
    const [one, two] = handles(await take(engine, { maxMessages: 2, visibilityTimeoutSeconds: 5 })) as [string, string]
    await engine.clock.advance(5_000)
    const late = testEngine({ store: engine.store, clock: manualClock(START + 4_999) })
    let extended = false
    const store: Store = {
      ...engine.store,
      claimTogether: async (claims) => {
        if (!extended) await extend(late, FIFO, [{ receiptHandle: two, visibilityTimeoutSeconds: 60 }])
        extended = true
        return engine.store.claimTogether(claims)
      },
    }
    expect(bodies(await take(testEngine({ clock: engine.clock, store })))).toEqual(['1'])
    expect(await ack(late, FIFO, [one, two])).toEqual([lost, { ok: true }])
  })

  test('refuses handles whose lease is over, even where nobody received the message since', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1')
    const [handle] = handles(await take(engine, { visibilityTimeoutSeconds: 5 })) as [string]
    await engine.clock.advance(5_000)
    expect(await ack(engine, FIFO, [handle])).toEqual([
      { ok: false, error: expect.objectContaining({ code: 'LeaseLost' }) },
    ])
    expect(bodies(await take(engine))).toEqual(['1'])
  })

  test('waits for the group to be free, and comes at once when it is', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2')
    const first = await take(engine, { maxMessages: 1 })
    const waiting = take(engine, { waitTimeSeconds: 20 })
    await engine.clock.advance(3_000)
    await ack(engine, FIFO, handles(first))
    expect(bodies(await waiting)).toEqual(['2'])
  })

  test('gives nothing that was purged, and what came after', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', 'old')
    await purgeQueue(engine, FIFO)
    await send(engine, 'a', 'new')
    expect(bodies(await take(engine))).toEqual(['new'])
  })

  test('gives what came after a purge, whatever of the group was in flight before it', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', 'old', 'older')
    expect(bodies(await take(engine, { maxMessages: 1 }))).toEqual(['old'])
    await purgeQueue(engine, FIFO)
    await send(engine, 'a', 'new')
    expect(bodies(await take(engine))).toEqual(['new'])
  })

  test('gives what is published to a group at once after all before it went without being received', async () => {
    const engine = await fifoEngine()
    const [first] = await send(engine, 'a', '1')
    await cancelMessage(engine, FIFO, first?.messageId ?? '')
    expect(await take(anotherProcess(engine))).toEqual([])
    await send(engine, 'a', '2')
    expect(bodies(await take(engine))).toEqual(['2'])
    await send(engine, 'b', '3')
    await engine.clock.advance(400 * 86_400_000)
    expect(await take(engine)).toEqual([])
    await send(engine, 'b', '4')
    expect(bodies(await take(anotherProcess(engine, 3)))).toEqual(['4'])
  })

  test('gives what stands behind a message that was cancelled while it rested', async () => {
    const engine = await fifoEngine()
    const [poison] = await send(engine, 'a', 'poison', '2')
    const taken = await take(engine, { maxMessages: 1 })
    await nack(engine, FIFO, [{ receiptHandle: handles(taken)[0] as string, delaySeconds: 3_600 }])
    expect(await take(engine)).toEqual([])
    await cancelMessage(engine, FIFO, poison?.messageId as string)
    expect(bodies(await take(engine))).toEqual(['2'])
  })
})

describe('when a request of a poll fails', () => {
  test('messages taken of other groups before are handed out', async () => {
    const { engine, failing } = await faulty(['claimTogether', 'done'], ['claimTogether', 'unreachable'])
    await send(engine, 'a', 'a')
    await send(engine, 'b', 'b')
    expect(await take(failing)).toHaveLength(1)
  })

  test('a group that fails stops no other', async () => {
    const { engine, failing } = await faulty(['claimTogether', 'refused'])
    await send(engine, 'a', 'a')
    await send(engine, 'b', 'b')
    expect(await take(failing)).toHaveLength(1)
  })

  test('the group is free again at once', async () => {
    for (const operation of ['headers', 'claimTogether'] as const) {
      const { engine, failing } = await faulty([operation, 'refused'])
      await send(engine, 'a', '1')
      await expect(take(failing)).rejects.toMatchObject({ code: 'Throttled' })
      expect(bodies(await take(engine))).toEqual(['1'])
    }
  })

  test('a lock or claim whose answer was lost is known for its own', async () => {
    for (const operation of ['lockTicket', 'claimTogether'] as const) {
      const { engine, failing } = await faulty([operation, 'repeated'])
      await send(engine, 'a', '1')
      expect(bodies(await take(failing))).toEqual(['1'])
    }
  })

  test('a message that is changed between look and claim is looked at again', async () => {
    const engine = await fifoEngine()
    const [first] = await send(engine, 'a', '1', '2')
    let cancelled = false
    const store: Store = {
      ...engine.store,
      claimTogether: async (claims) => {
        if (!cancelled) await cancelMessage(engine, FIFO, first?.messageId as string)
        cancelled = true
        return engine.store.claimTogether(claims)
      },
    }
    expect(bodies(await take(testEngine({ clock: engine.clock, store })))).toEqual(['2'])
  })

  test('a group that was freed while it was found busy stays free', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1', '2')
    const held = handles(await take(engine, { maxMessages: 1, visibilityTimeoutSeconds: 10 }))
    const [receiptHandle = ''] = held
    // Its ticket is locked for ten seconds, its lease lasts for a minute.
    await extend(engine, FIFO, [{ receiptHandle, visibilityTimeoutSeconds: 60 }])
    await engine.clock.advance(11_000)
    let acked = false
    const store: Store = {
      ...engine.store,
      markTicket: async (...mark) => {
        if (!acked) {
          acked = true
          await ack(engine, FIFO, held)
        }
        return engine.store.markTicket(...mark)
      },
    }
    const late = testEngine({ clock: engine.clock, store })
    expect(await take(late, { visibilityTimeoutSeconds: 120 })).toEqual([])
    expect(acked).toBe(true)
    expect(bodies(await take(engine))).toEqual(['2'])
  })

  test('an attempt that could not be noted down still gives its messages', async () => {
    const { engine, failing } = await faulty(['transact', 'refused'])
    await send(engine, 'a', '1')
    expect(bodies(await take(failing, { attemptId: 'x' }))).toEqual(['1'])
  })
})

describe('what a poll costs', () => {
  test('is a few requests although hundreds of expired messages, which TTL has not deleted, stand before the first', async () => {
    const { store, spent } = countingStore(memoryStore({ clock: manualClock() }))
    const engine = await fifoEngine({ retentionSeconds: 60 }, { store })
    for (let n = 0; n < 300; n++) await send(engine, 'a', 'expired')
    await engine.clock.advance(70_000)
    await send(engine, 'a', 'next')
    spent()
    expect(bodies(await take(engine, { maxMessages: 1 }))).toEqual(['next'])
    expect(spent().requests.headers).toBeLessThan(10)
  })

  const counted = async () => {
    const clock = manualClock()
    const { store, spent } = countingStore(memoryStore({ clock }))
    return { engine: await fifoEngine({}, { clock, store }), spent }
  }
  const fill = async (engine: TestEngine, groups: number) => {
    for (let n = 0; n < groups; n++) {
      await publish(engine, FIFO, [{ groupId: `group-${n}`, body: n }])
    }
  }

  test('is the same for ten thousand active groups as for ten', async () => {
    const costs = []
    for (const groups of [10, 10_000]) {
      const { engine, spent } = await counted()
      await fill(engine, groups)
      // The first look of a process finds out that there are more than a page.
      await take(engine, { maxMessages: 1 })
      spent()
      for (let n = 0; n < 5; n++) expect(await take(engine, { maxMessages: 1 })).toHaveLength(1)
      costs.push(spent())
    }
    const [few, many] = costs
    expect(many?.requests).toEqual(few?.requests)
    expect(many?.requests).toEqual({ tickets: 5, lockTicket: 5, headers: 5, claimTogether: 5 })
    expect(many?.tickets).toBeLessThanOrEqual(5 * 25)
  })

  test('is that of a small group for one with 200,000 messages, which hides no other', async () => {
    const { engine, spent } = await counted()
    const queue = await engine.queues.get(FIFO)
    await send(engine, 'large', 'the first')
    await send(engine, 'small', 'of the small group')
    const partition = groupPartition(queue, groupHash('large'))
    const messages = Array.from({ length: 25 }, () => ({ body: 'one of many', groupId: 'large' }))
    for (let n = 0; n < 8_000; n++) {
      const key = { partition, sort: groupSort(sequenceAfter(sequenceAt(START + 1), n * 25)) }
      const times = { publishedAt: START, dueAt: START, expiresAt: START + 300_000_000 }
      await engine.store.insert({
        segment: { key, version: 1, slots: messages.map(() => FRESH), bodyItems: 0, ...times },
        content: { messages },
      })
    }
    spent()
    const taken = await take(engine, { maxMessages: 25 })
    const { headers, requests } = spent()
    expect(headers).toBeLessThanOrEqual(2 * 25)
    expect(Object.values(requests).reduce((sum, times) => sum + times)).toBeLessThanOrEqual(2 * 3 + 1)
    const rest = await take(engine, { maxMessages: 25 })
    expect(bodies([...taken, ...rest])).toContain('of the small group')
    await ack(engine, FIFO, handles(taken))
    expect(spent().headers).toBeLessThanOrEqual(2 * 25)
  })

  test('an ack of all that was taken reads one header', async () => {
    const { engine, spent } = await counted()
    await send(engine, 'a', ...Array.from({ length: 30 }, (_, n) => `${n}`))
    const taken = await take(engine)
    spent()
    await ack(engine, FIFO, handles(taken))
    expect(spent()).toMatchObject({ headers: 1, requests: { change: 1, headers: 1, markTicket: 1 } })
  })
})
