import { describe, expect, test } from 'vitest'
import { manualClock, START } from '../../../lib/testing/manual-clock.ts'

describe('a clock that a test moves', () => {
  test('starts at the given instant, and stands still until it is advanced', async () => {
    const clock = manualClock(5_000)
    expect([clock.now(), manualClock().now()]).toEqual([5_000, START])
    await clock.advance(250)
    expect(clock.now()).toBe(5_250)
  })

  test('wakes sleepers at their instants, in the order of these', async () => {
    const clock = manualClock(0)
    const woken: [string, number][] = []
    for (const [name, ms] of [['late', 30] as const, ['early', 10] as const]) {
      void clock.sleep(ms).then(() => woken.push([name, clock.now()]))
    }
    await clock.advance(29)
    expect(woken).toEqual([['early', 10]])
    await clock.advance(1)
    expect(woken).toEqual([
      ['early', 10],
      ['late', 30],
    ])
  })

  test('wakes a sleeper within one advance that began to sleep during it', async () => {
    const clock = manualClock(0)
    const seen: number[] = []
    void (async () => {
      for (let count = 0; count < 3; count++) {
        await clock.sleep(10)
        seen.push(clock.now())
      }
    })()
    await clock.advance(25)
    expect([seen, clock.now(), clock.sleeping()]).toEqual([[10, 20], 25, 1])
  })

  test('ends a sleep at once when its signal aborts, and does not begin one under an aborted signal', async () => {
    const clock = manualClock(0)
    const abort = new AbortController()
    const sleep = clock.sleep(1_000, abort.signal)
    expect(clock.sleeping()).toBe(1)
    abort.abort()
    await sleep
    await clock.sleep(1_000, abort.signal)
    expect([clock.sleeping(), clock.now()]).toEqual([0, 0])
  })
})
