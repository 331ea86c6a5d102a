import { expect, test } from 'vitest'
import { createTestQueue } from '../../lib/testing.ts'
import { Reject, RetryLater } from '../../lib/worker/verdicts.ts'

interface Job {
  readonly n: number
}

test("draining a test queue runs the handler on each message, and returns each message's outcome", async () => {
  const jobs = await createTestQueue<Job>({ settings: { retryPolicy: { initialSeconds: 60, jitter: 'none' } } })
  await Promise.all([1, 2, 3, 4].map((n) => jobs.publish({ n })))
  const handler = ({ body: { n }, receiveCount }: { body: Job; receiveCount: number }) => {
    if (n === 2 && receiveCount === 1) throw new Error('not yet')
    if (n === 3) throw new Reject('never')
    if (n === 4 && receiveCount === 1) throw new RetryLater(5)
    return n * 10
  }
  const outcomes = await jobs.drain(handler)
  expect(outcomes.map(({ kind, message }) => [message.body.n, kind]).toSorted()).toEqual([
    [1, 'acked'],
    [2, 'retried'],
    [3, 'dead-lettered'],
    [4, 'retried'],
  ])
  expect(await jobs.deadLetters()).toMatchObject([{ body: { n: 3 }, deadLetter: { reason: 'never' } }])
  expect(await jobs.drain(handler)).toEqual([])
  await jobs.advance(5_000)
  expect(await jobs.drain(handler)).toMatchObject([{ kind: 'acked', message: { body: { n: 4 } }, result: 40 }])
  await jobs.advance(55_000)
  expect(await jobs.drain(handler)).toMatchObject([{ kind: 'acked', message: { body: { n: 2 }, receiveCount: 2 } }])
  expect(await jobs.counts()).toMatchObject({ ready: 0, delayed: 0, leased: 0 })
})

test('a test queue dead-letters after three receives by default', async () => {
  const jobs = await createTestQueue<Job>()
  await jobs.publish({ n: 1 })
  const outcomes = await jobs.drain(() => {
    throw new Error('broken')
  })
  expect(outcomes.map(({ kind }) => kind)).toEqual(['retried', 'retried', 'retried'])
  expect(await jobs.deadLetters()).toMatchObject([{ deadLetter: { reason: 'MaxReceivesExceeded', receiveCount: 3 } }])
})

test('a test queue that keeps results stores the failures of handlers, as a worker does', async () => {
  const jobs = await createTestQueue<Job>({ settings: { results: { retentionSeconds: 600 } } })
  const rejected = await jobs.publish({ n: 1 })
  await jobs.drain(() => {
    throw new Reject('never')
  })
  await expect(rejected.result()).rejects.toMatchObject({ code: 'MessageFailed', cause: { message: 'never' } })
  const broken = await jobs.publish({ n: 2 })
  const outcomes = await jobs.drain(() => {
    throw new TypeError('broken')
  })
  expect(outcomes.map(({ kind }) => kind)).toEqual(['retried', 'retried', 'dead-lettered'])
  await expect(broken.result()).rejects.toMatchObject({ code: 'MessageFailed', cause: { name: 'TypeError' } })
  const done = await jobs.publish({ n: 3 })
  await jobs.drain(({ body: { n } }) => n * 10)
  expect(await done.result()).toBe(30)
})

test('a handler is run on one message', async () => {
  const jobs = await createTestQueue<Job>({ settings: { fifo: {} } })
  expect(await jobs.run(({ body: { n } }) => n + 1, { n: 1 })).toMatchObject({ kind: 'acked', result: 2 })
  const failed = await jobs.run(
    () => {
      throw new RetryLater(30)
    },
    { n: 2 },
  )
  expect(failed).toMatchObject({ kind: 'retried', visibleAt: jobs.clock.now() + 30_000 })
  await expect(jobs.run(() => {}, { n: 3 })).rejects.toThrow('others hold its group up')
})

test('delays end when the clock is moved, and leases run out', async () => {
  const jobs = await createTestQueue<Job>({ settings: { visibilityTimeoutSeconds: 10 } })
  await jobs.publish({ n: 1 }, { delaySeconds: 3_600 })
  expect(await jobs.poll()).toEqual([])
  await jobs.advance(3_600_000)
  expect(await jobs.poll()).toHaveLength(1)
  await jobs.advance(10_000)
  expect(await jobs.poll()).toMatchObject([{ receiveCount: 2 }])
})
