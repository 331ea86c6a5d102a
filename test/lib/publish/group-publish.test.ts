import { describe, expect, test } from 'vitest'
import { cancelMessage } from '../../../lib/messages/cancel-message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { ack } from '../../../lib/settle/ack.ts'
import type { Store } from '../../../lib/store/port.ts'
import { faultyStore, scripted } from '../../support/faulty-store.ts'
import { bodies, FIFO, fifoEngine, handles, send, sendOne, take, ticketsOf } from '../../support/fifo-engine.ts'
import { manualClock, START } from '../../support/manual-clock.ts'
import { testEngine } from '../../support/test-engine.ts'

describe('a publish to a FIFO queue', () => {
  test('needs a group, and takes neither a delay, a due time nor a priority of its own', async () => {
    const engine = await fifoEngine()
    const groupId = 'a'
    for (const [message, text] of [
      [{ body: 'x' }, 'messages[0].groupId must be given on a FIFO queue, but is missing'],
      [
        { body: 'x', groupId, delaySeconds: 5 },
        "messages[0].delaySeconds must not be given on a FIFO queue, where the queue's own delaySeconds applies, but is 5",
      ],
      [
        { body: 'x', groupId, dueAt: 5 },
        'messages[0].dueAt must not be given on a FIFO queue, where messages are received in the order of their publish, but is 5',
      ],
      [
        { body: 'x', groupId, priority: 1 },
        'messages[0].priority must be 0 (a FIFO queue keeps the order of publication), but is 1',
      ],
      [
        { body: 'x', groupId: 'a b' },
        'messages[0].groupId must be 1 to 128 letters, digits or punctuation characters, but is "a b"',
      ],
    ] as const) {
      await expect(publish(engine, FIFO, [message])).rejects.toMatchObject({ code: 'InvalidRequest', message: text })
    }
    expect(await ticketsOf(engine)).toEqual([])
  })

  test("keeps the order of commits, whatever the publishers' clocks show", async () => {
    const engine = await fifoEngine()
    const publishers = [0, -600_000, 600_000, -1, 3_000].map((off) =>
      testEngine({ store: engine.store, clock: manualClock(START + off) }),
    )
    const sent = []
    for (const [n, publisher] of [...publishers, ...publishers].entries()) {
      sent.push(await sendOne(publisher, { groupId: 'a', body: n }))
    }
    const taken = await take(engine)
    expect(bodies(taken)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    const numbers = sent.map(({ sequenceNumber }) => sequenceNumber)
    expect(numbers).toEqual([...numbers].sort())
    expect(taken.map(({ sequenceNumber }) => sequenceNumber)).toEqual(numbers)
  })

  test('keeps the order of messages within a request, also where they are kept for different times', async () => {
    const engine = await fifoEngine()
    const messages = [1, 2, 3, 4].map((body) => ({
      body,
      groupId: 'a',
      ...(body % 2 === 0 && { timeToLiveSeconds: 60 * body }),
    }))
    await publish(engine, FIFO, messages)
    expect(bodies(await take(engine))).toEqual([1, 2, 3, 4])
  })

  test('gets all of many through at once, each with a number of its own', async () => {
    const engine = await fifoEngine()
    const sent = await Promise.all(Array.from({ length: 10 }, (_, n) => sendOne(engine, { groupId: 'a', body: n })))
    expect(new Set(sent.map(({ sequenceNumber }) => sequenceNumber)).size).toBe(10)
    const taken = await take(engine)
    expect(taken.map(({ messageId }) => messageId).sort()).toEqual(sent.map(({ messageId }) => messageId).sort())
  })

  test('is there once, though its answer was lost', async () => {
    const engine = await fifoEngine()
    const failing = testEngine({
      clock: engine.clock,
      store: faultyStore(engine.store, scripted(['transact', 'repeated'])),
    })
    await sendOne(failing, { groupId: 'a', body: 'x' })
    expect(bodies(await take(engine))).toEqual(['x'])
  })

  test('gives higher numbers also once the group was empty, to a publisher whose clock or request is slow', async () => {
    const engine = await fifoEngine()
    const [first] = await send(engine, 'a', 'first')
    await ack(engine, FIFO, handles(await take(engine)))
    const slow = testEngine({ store: engine.store, clock: manualClock(START - 4_000) })
    const second = await sendOne(slow, { groupId: 'a', body: 'second' })
    expect(first && second.sequenceNumber && first.sequenceNumber && second.sequenceNumber > first.sequenceNumber).toBe(
      true,
    )
    expect(bodies(await take(engine))).toEqual(['second'])
  })

  test('gives lower numbers at worst by a clock more than five seconds slow, in a group that was empty, and no order suffers', async () => {
    const engine = await fifoEngine()
    const [first] = await send(engine, 'a', 'first')
    const taken = handles(await take(engine))
    const slow = testEngine({ store: engine.store, clock: manualClock(START - 60_000) })
    // While the group is not empty, be it that all of it is in flight, numbers rise whatever the clock says.
    const second = await sendOne(slow, { groupId: 'a', body: 'second' })
    expect((second.sequenceNumber ?? '') > (first?.sequenceNumber ?? '')).toBe(true)
    await ack(engine, FIFO, taken)
    await ack(engine, FIFO, handles(await take(engine)))
    await engine.clock.advance(5_001)
    await take(engine)
    expect(await ticketsOf(engine)).toEqual([])
    const third = await sendOne(slow, { groupId: 'a', body: 'third' })
    expect((third.sequenceNumber ?? '') < (second.sequenceNumber ?? '')).toBe(true)
    await sendOne(engine, { groupId: 'a', body: 'fourth' })
    await sendOne(slow, { groupId: 'a', body: 'fifth' })
    expect(bodies(await take(engine))).toEqual(['third', 'fourth', 'fifth'])
  })
})

describe("a FIFO queue's delay", () => {
  test('holds each message back, and the group in its order', async () => {
    const engine = await fifoEngine({ delaySeconds: 10 })
    await send(engine, 'a', '1')
    await engine.clock.advance(5_000)
    await send(engine, 'a', '2')
    expect(await take(engine)).toEqual([])
    await engine.clock.advance(5_000)
    const taken = await take(engine)
    expect(bodies(taken)).toEqual(['1'])
    await ack(engine, FIFO, handles(taken))
    expect(await take(engine)).toEqual([])
    await engine.clock.advance(5_000)
    expect(bodies(await take(engine))).toEqual(['2'])
  })

  test('is waited for by a long poll', async () => {
    const engine = await fifoEngine({ delaySeconds: 10 })
    await send(engine, 'a', '1')
    const waiting = take(engine, { waitTimeSeconds: 20 })
    await engine.clock.advance(10_000)
    expect(bodies(await waiting)).toEqual(['1'])
  })

  test('may be years, over which the group is not forgotten', async () => {
    const years = 10 * 365 * 86_400
    const engine = await fifoEngine({ delaySeconds: years })
    await send(engine, 'a', '1')
    await engine.clock.advance(years * 1_000)
    expect(bodies(await take(engine))).toEqual(['1'])
  })
})

describe('the ticket of a group', () => {
  test('goes with the last message, once its last number is seconds old', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1')
    await engine.clock.advance(5_001)
    await ack(engine, FIFO, handles(await take(engine)))
    expect(await ticketsOf(engine)).toEqual([])
  })

  test('stays for seconds for publishers alone when the last message goes early', async () => {
    const engine = await fifoEngine()
    await send(engine, 'a', '1')
    await ack(engine, FIFO, handles(await take(engine)))
    expect(await ticketsOf(engine)).toMatchObject([{ lockedUntil: Number.POSITIVE_INFINITY }])
    await take(engine)
    expect(await ticketsOf(engine)).toHaveLength(1)
    await engine.clock.advance(5_001)
    await take(engine)
    expect(await ticketsOf(engine)).toEqual([])
  })

  test('stays when something is published while the last message is acked', async () => {
    for (const afterMs of [0, 6_000]) {
      const engine = await fifoEngine()
      await send(engine, 'a', '1')
      const taken = await take(engine)
      await engine.clock.advance(afterMs)
      let published = false
      const first = async () => {
        if (!published) await send(engine, 'a', '2')
        published = true
      }
      const store: Store = {
        ...engine.store,
        dropTicket: (...input) => first().then(() => engine.store.dropTicket(...input)),
        markTicket: (...input) => first().then(() => engine.store.markTicket(...input)),
      }
      await ack(testEngine({ clock: engine.clock, store }), FIFO, handles(taken))
      expect(bodies(await take(engine))).toEqual(['2'])
    }
  })

  test('stays while the message of its last number is only just getting through, whatever the clock of its publisher', async () => {
    for (const offByMs of [0, -60_000, 60_000]) {
      const engine = await fifoEngine()
      await send(testEngine({ store: engine.store, clock: manualClock(START + offByMs) }), 'a', '1')
      // The ticket's part of a transaction may be visible before the segment's.
      const hiding: Store = { ...engine.store, headers: async () => ({ segments: [], more: false }) }
      const blind = testEngine({ clock: engine.clock, store: hiding })
      for (const afterMs of [0, 200, 400]) {
        await engine.clock.advance(afterMs)
        expect(await take(blind)).toEqual([])
      }
      await engine.clock.advance(1_200)
      expect(bodies(await take(engine))).toEqual(['1'])
    }
  })

  test('goes though nobody saw the message of its last number, once that was missed for seconds', async () => {
    const engine = await fifoEngine()
    const [sent] = await send(engine, 'a', '1')
    await cancelMessage(engine, FIFO, sent?.messageId as string)
    const waiting = take(engine, { waitTimeSeconds: 10 })
    await engine.clock.advance(10_000)
    expect(await waiting).toEqual([])
    await take(engine)
    expect(await ticketsOf(engine)).toEqual([])
  })

  test('stays where it is: the number of shards can be chosen when the queue is created, and not changed', async () => {
    const engine = await fifoEngine({ shards: 3 })
    for (const group of ['a', 'b', 'c', 'd', 'e']) await send(engine, group, group)
    expect(bodies(await take(engine)).sort()).toEqual(['a', 'b', 'c', 'd', 'e'])
    await expect(updateQueue(engine, FIFO, { settings: { shards: 4 } })).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: 'shards must stay 3, as a FIFO queue keeps the shards that it was created with, but is 4',
    })
  })
})
