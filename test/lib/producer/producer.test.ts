import { describe, expect, test } from 'vitest'
import { HoldfastError, invalid } from '../../../lib/model/errors.ts'
import type { NewMessage, PublishResult } from '../../../lib/model/message.ts'
import { type Producer, producer } from '../../../lib/producer/producer.ts'
import { manualClock, settled } from '../../support/manual-clock.ts'

interface Rig {
  readonly queue: Producer
  /** Bodies of each call. */
  readonly calls: unknown[][]
  readonly clock: ReturnType<typeof manualClock>
}

const idOf = (body: unknown): PublishResult => ({ ok: true, messageId: `id-${String(body)}` })

const rig = ({
  ordered = false,
  lingerMs = 0,
  send = async (messages: readonly NewMessage[]) => messages.map(({ body }) => idOf(body)),
} = {}): Rig => {
  const calls: unknown[][] = []
  const clock = manualClock()
  const queue = producer({
    ordered,
    lingerMs,
    clock,
    send: (messages) => {
      calls.push(messages.map(({ body }) => body))
      return send(messages)
    },
  })
  return { queue, calls, clock }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('publishes of one process at the same time', () => {
  test('share calls of 25, and each settles with its own fate', async () => {
    const { queue, calls } = rig()
    const results = await Promise.all(numbers(60).map((body) => queue.publish({ body })))
    expect(results).toEqual(numbers(60).map(idOf))
    expect(calls.map(({ length }) => length)).toEqual([25, 25, 10])
  })

  test('share only with messages of the same priority, due time, time to live and group', async () => {
    const { queue, calls } = rig()
    const kinds = [{}, { priority: 1 }, { delaySeconds: 5 }, { dueAt: 7 }, { timeToLiveSeconds: 9 }, { groupId: 'g' }]
    await Promise.all(kinds.flatMap((kind, at) => [0, 1].map((n) => queue.publish({ body: at * 10 + n, ...kind }))))
    expect(calls).toEqual([
      [0, 1],
      [10, 11],
      [20, 21],
      [30, 31],
      [40, 41],
      [50, 51],
    ])
  })

  test('are cut where one call has no room for their bytes', async () => {
    const { queue, calls } = rig()
    const body = 'x'.repeat(1_048_576)
    await Promise.all(numbers(5).map(() => queue.publish({ body })))
    expect(calls.map(({ length }) => length)).toEqual([4, 1])
  })

  test('wait for others for the time of linger', async () => {
    const { queue, calls, clock } = rig({ lingerMs: 10 })
    const first = queue.publish({ body: 1 })
    await clock.advance(9)
    const second = queue.publish({ body: 2 })
    expect(calls).toEqual([])
    await clock.advance(1)
    expect(await Promise.all([first, second])).toEqual([idOf(1), idOf(2)])
    expect(calls).toEqual([[1, 2]])
  })
})

describe('a call that fails', () => {
  test('over one bad message is made again for each alone, so that the others are stored', async () => {
    const bad = invalid('messages[1].delaySeconds', -1, 'must be a number from 0 to 1')
    const { queue, calls } = rig({
      send: async (messages) => {
        if (messages.some(({ body }) => body === 1)) throw bad
        return messages.map(({ body }) => idOf(body))
      },
    })
    const outcomes = await Promise.allSettled(numbers(3).map((body) => queue.publish({ body })))
    expect(outcomes).toEqual([
      { status: 'fulfilled', value: idOf(0) },
      { status: 'rejected', reason: bad },
      { status: 'fulfilled', value: idOf(2) },
    ])
    expect(calls).toEqual([[0, 1, 2], [0], [1], [2]])
  })

  test('for the moment fails each of its messages, and none is sent twice', async () => {
    const throttled = new HoldfastError('Throttled', 'too much')
    const { queue, calls } = rig({ send: () => Promise.reject(throttled) })
    const outcomes = await Promise.allSettled(numbers(2).map((body) => queue.publish({ body })))
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([throttled, throttled])
    expect(calls).toEqual([[0, 1]])
  })

  test('by answering too little is an error of those it forgot', async () => {
    const { queue } = rig({ send: async () => [idOf(0)] })
    const outcomes = await Promise.allSettled(numbers(2).map((body) => queue.publish({ body })))
    expect(outcomes[0]).toEqual({ status: 'fulfilled', value: idOf(0) })
    expect(outcomes[1]).toMatchObject({ status: 'rejected', reason: { code: 'Internal' } })
  })
})

describe('messages of a FIFO queue', () => {
  test('of one group go one call after the other, in the order of their publishes', async () => {
    const open: (() => void)[] = []
    const { queue, calls } = rig({
      ordered: true,
      send: async (messages) => {
        await new Promise<void>((resolve) => open.push(resolve))
        return messages.map(({ body }) => idOf(body))
      },
    })
    const all = Promise.all([
      ...numbers(30).map((body) => queue.publish({ body, groupId: 'a' })),
      queue.publish({ body: 'b', groupId: 'b' }),
    ])
    await settled()
    expect(calls).toEqual([numbers(25), ['b']])
    open[0]?.()
    await settled()
    expect(calls.at(-1)).toEqual([25, 26, 27, 28, 29])
    for (const resolve of open) resolve()
    await all
  })
})

describe('a publish that is called off', () => {
  test('before it was sent is not sent', async () => {
    const { queue, calls } = rig()
    const caller = new AbortController()
    const outcome = queue.publish({ body: 1 }, caller.signal).catch((error: unknown) => error)
    const other = queue.publish({ body: 2 })
    caller.abort(new Error('no longer needed'))
    expect(await outcome).toEqual(new Error('no longer needed'))
    await other
    expect(calls).toEqual([[2]])
    await expect(queue.publish({ body: 3 }, caller.signal)).rejects.toThrow('no longer needed')
  })

  test('once it was sent has its own fate', async () => {
    let answer = () => {}
    const { queue } = rig({
      send: async (messages) => {
        await new Promise<void>((resolve) => {
          answer = resolve
        })
        return messages.map(({ body }) => idOf(body))
      },
    })
    const caller = new AbortController()
    const outcome = queue.publish({ body: 1 }, caller.signal)
    await settled()
    caller.abort()
    answer()
    expect(await outcome).toEqual(idOf(1))
  })
})

test('a flush sends what waits, and ends when all is settled', async () => {
  const { queue, calls } = rig({ lingerMs: 1_000 })
  let settledAt = 0
  void queue.publish({ body: 1 }).then(() => {
    settledAt = calls.length
  })
  await queue.flush()
  expect({ calls, settledAt }).toEqual({ calls: [[1]], settledAt: 1 })
  await queue.flush()
})
