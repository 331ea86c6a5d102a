import { describe, expect, test } from 'vitest'
import type { SegmentPartition } from '../../lib/model/segment-key.ts'
import { START } from '../support/manual-clock.ts'
import { type FaultKind, faultTable } from './faults.ts'
import { newProcess, type Process, throttle } from './process.ts'
import { randomStream } from './random-stream.ts'
import { scheduler } from './scheduler.ts'
import { DEFAULT_SPANS } from './spans.ts'
import { newTable, PLAIN_TABLE } from './table.ts'

const PARTITION: SegmentPartition = { queue: 'orders', generation: 'g', shard: 0 }
const KEY = { partition: 'p', sort: 's' }
const PUT = { kind: 'put', key: KEY, value: 'v' } as const

/** A process whose first request meets a fault, and the outcome of the request. */
const withFirst = (fault: FaultKind) => {
  const time = scheduler(() => 0)
  const done: number[] = []
  let first = true
  const store = newTable({
    scheduler: time,
    random: randomStream(1),
    behaviour: PLAIN_TABLE,
    isCalm: () => false,
    happened: () => {},
  })
  const process: Process = newProcess(
    {
      scheduler: time,
      store,
      spans: DEFAULT_SPANS,
      random: randomStream(2),
      nameRequest: () => {},
      faultOf: () => {
        const fate = first ? fault : undefined
        first = false
        return fate
      },
      throttle: throttle(),
      performed: () => done.push(time.now() - START),
      met: () => {},
    },
    { name: 'p', offByMs: 0, random: randomStream(3) },
  )
  /** The outcome of a request and its time; undefined when it is never answered. */
  const outcome = async (request: Promise<unknown>): Promise<{ code: string; ms: number } | undefined> => {
    let ended: { code: string; ms: number } | undefined
    const end = (code: string) => {
      ended = { code, ms: time.now() - START }
    }
    void request.then(
      () => end('done'),
      (error) => end(error.code),
    )
    await time.run(time.sleep(60_000))
    return ended
  }
  const { engine } = process
  const put = () => engine.store.transact([PUT])
  const read = () => engine.store.headers({ partition: PARTITION, from: '0', to: '~', limit: 1 })
  return { time, process, done, outcome, put, read }
}

describe('a request', () => {
  test('that is lost is not done', async () => {
    const { done, outcome, put } = withFirst('request lost')
    expect(await outcome(put())).toMatchObject({ code: 'StoreUnavailable' })
    expect(done).toEqual([])
  })

  test('whose answer is lost is done', async () => {
    const { done, outcome, put } = withFirst('answer lost')
    expect(await outcome(put())).toMatchObject({ code: 'StoreUnavailable' })
    expect(done).toHaveLength(1)
  })

  test('that is sent twice is done twice, and answered once', async () => {
    const { done, outcome, put } = withFirst('sent twice')
    expect(await outcome(put())).toMatchObject({ code: 'done' })
    expect(done).toHaveLength(2)
  })

  test('that is sent twice may be done after it was answered', async () => {
    const { done, outcome, put } = withFirst('sent twice, the first late')
    const ended = await outcome(put())
    expect(done).toHaveLength(2)
    expect(done[1]).toBeGreaterThan(ended?.ms ?? Number.POSITIVE_INFINITY)
  })

  test('in a transaction is done once however often it is sent', async () => {
    const { process, done, outcome } = withFirst('sent twice')
    const writes = [PUT, { ...PUT, key: { ...KEY, sort: 't' } }]
    expect(await outcome(process.engine.store.transact(writes))).toMatchObject({ code: 'done' })
    expect(done).toHaveLength(1)
  })

  test.each(['request delayed', 'answer delayed'] as const)('is late: %s', async (fault) => {
    const { outcome, put } = withFirst(fault)
    const ended = await outcome(put())
    expect(ended?.code).toBe('done')
    expect(ended?.ms).toBeGreaterThanOrEqual(DEFAULT_SPANS.lateMs[0])
  })

  test.each(['throttled: on-demand maximum', 'throttled: provisioned throughput', 'throttled: account limit'] as const)(
    'is refused, and so is every other one for a while: %s',
    async (fault) => {
      const { time, done, outcome, put, read } = withFirst(fault)
      void put().catch(() => {})
      const soon = time.sleep(40).then(read)
      expect(await outcome(soon)).toMatchObject({ code: 'Throttled' })
      expect(await outcome(read())).toMatchObject({ code: 'done' })
      expect(done).toHaveLength(1)
    },
  )

  test('is refused for a hot partition, and others go on', async () => {
    const { time, outcome, put, read } = withFirst('throttled: key range')
    void put().catch(() => {})
    const same = outcome(time.sleep(40).then(put))
    expect(await same).toMatchObject({ code: 'Throttled' })
    const other = withFirst('throttled: key range')
    void other.put().catch(() => {})
    expect(await other.outcome(other.time.sleep(40).then(other.read))).toMatchObject({ code: 'done' })
    expect(await outcome(read())).toMatchObject({ code: 'done' })
  })

  test.each(['throttled once', 'transaction conflict'] as const)('is refused alone: %s', async (fault) => {
    const { done, outcome, put } = withFirst(fault)
    expect(await outcome(put())).toMatchObject({ code: 'Throttled' })
    expect(await outcome(put())).toMatchObject({ code: 'done' })
    expect(done).toHaveLength(1)
  })
})

describe('a process', () => {
  test('that is killed before it sends neither sends nor goes on', async () => {
    const { process, done, outcome, put } = withFirst('killed before sending')
    expect(await outcome(put())).toBeUndefined()
    expect(await outcome(put())).toBeUndefined()
    expect(await outcome(process.engine.clock.sleep(1))).toBeUndefined()
    expect(done).toEqual([])
    expect(process.isAlive()).toBe(false)
  })

  test('that is killed while it waits has done what it sent, and its sleeps do not end', async () => {
    const { process, done, outcome, put } = withFirst('killed while waiting')
    void put()
    expect(await outcome(process.sleep(5_000))).toBeUndefined()
    expect(done).toHaveLength(1)
    expect(process.isAlive()).toBe(false)
  })

  test('that is paused goes on when its pause is over, and its clock has gone on', async () => {
    const { process, time, outcome, put } = withFirst('paused')
    const ended = await outcome(put())
    expect(ended?.code).toBe('done')
    expect(ended?.ms).toBeGreaterThanOrEqual(DEFAULT_SPANS.pauseMs[0])
    expect(process.engine.clock.now()).toBe(time.now())
  })

  test('has a clock that jumps', async () => {
    const { process, time, outcome, put } = withFirst('clock jumps')
    await outcome(put())
    expect(process.engine.clock.now()).not.toBe(time.now())
    expect(Math.abs(process.engine.clock.now() - time.now())).toBeLessThanOrEqual(300)
  })
})

describe('which fault a request meets', () => {
  test('is decided by one number, in the order in which they are given', () => {
    const table = faultTable({ 'request lost': 0.1, 'answer lost': 0.2 })
    expect(table.drawn(0.05, true, false)).toBe('request lost')
    expect(table.drawn(0.25, true, false)).toBe('answer lost')
    expect(table.drawn(0.31, true, false)).toBeUndefined()
  })

  test('is none that cannot befall it', () => {
    const table = faultTable({ 'answer lost': 0.5, 'transaction conflict': 0.5 })
    expect(table.drawn(0.2, false, false)).toBeUndefined()
    expect(table.drawn(0.7, true, false)).toBeUndefined()
    expect(table.drawn(0.7, true, true)).toBe('transaction conflict')
  })
})
