import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { writingAtEnd } from '../../../functions/runtime/invocation-end.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const with10Seconds = { getRemainingTimeInMillis: () => 10_000 }

test('an invocation that ends in time writes what it counted once, at its end, after a failure too', async () => {
  const writes: number[] = []
  const write = (startedAt: number) => void writes.push(startedAt)
  expect(await writingAtEnd(with10Seconds, write, async () => 'answer')).toBe('answer')
  await expect(writingAtEnd(with10Seconds, write, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  await vi.advanceTimersByTimeAsync(20_000)
  expect(writes).toHaveLength(2)
})

test('an invocation that never ends has written what it counted before its timeout', async () => {
  const writes: number[] = []
  void writingAtEnd(
    with10Seconds,
    (startedAt) => void writes.push(startedAt),
    () => new Promise(() => {}),
  )
  await vi.advanceTimersByTimeAsync(9_699)
  expect(writes).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(writes).toHaveLength(1)
})

test('an invocation that ends in its last moments accounts for each span of time once', async () => {
  const spans: number[] = []
  const ending = new AbortController()
  const work = () => new Promise((resolve) => ending.signal.addEventListener('abort', resolve))
  const invocation = writingAtEnd(with10Seconds, (startedAt) => void spans.push(performance.now() - startedAt), work)
  await vi.advanceTimersByTimeAsync(9_900)
  ending.abort()
  await invocation
  expect(spans).toEqual([9_700, 200])
})
