import { describe, expect, test } from 'vitest'
import { START } from '../support/manual-clock.ts'
import { randomStream } from './random-stream.ts'
import { scheduler } from './scheduler.ts'

const noLots = () => 0

describe('virtual time', () => {
  test('moves from one event to the next, in order of time, and starts where clocks of tests start', async () => {
    const time = scheduler(noLots)
    const seen: [string, number][] = []
    const sleeper = async (name: string, ms: number) => {
      await time.sleep(ms)
      seen.push([name, time.now() - START])
    }
    await time.run(
      Promise.all([sleeper('late', 3_600_000), sleeper('soon', 5), sleeper('next', 5.2), sleeper('now', 0)]),
    )
    expect(seen).toEqual([
      ['now', 0],
      ['soon', 5],
      ['next', 6],
      ['late', 3_600_000],
    ])
  })

  test('stands still until all that follows from an event has happened, however many promises that takes', async () => {
    const time = scheduler(noLots)
    const seen: string[] = []
    const chain = async () => {
      await time.sleep(1)
      for (let step = 0; step < 1_000; step++) await Promise.resolve()
      seen.push(`chain at ${time.now() - START}`)
    }
    const next = async () => {
      await time.sleep(2)
      seen.push(`next at ${time.now() - START}`)
    }
    await time.run(Promise.all([next(), chain()]))
    expect(seen).toEqual(['chain at 1', 'next at 2'])
  })

  test('orders the events of one instant by lots', async () => {
    const orderWith = async (seed: number) => {
      const random = randomStream(seed)
      const time = scheduler(() => random.bits() >>> 12)
      const seen: number[] = []
      const one = async (name: number) => {
        await time.sleep(7)
        seen.push(name)
      }
      await time.run(Promise.all([0, 1, 2, 3, 4, 5].map(one)))
      return seen.join('')
    }
    const orders = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(orderWith))
    expect(new Set(orders).size).toBeGreaterThan(4)
    expect(await orderWith(3)).toBe(orders[2])
  })

  test('ends a sleep that is aborted at once', async () => {
    const time = scheduler(noLots)
    const abort = new AbortController()
    const aborting = time.sleep(3).then(() => abort.abort())
    await time.run(Promise.all([time.clock.sleep(10_000, abort.signal), aborting]))
    expect(time.now() - START).toBe(3)
  })

  test('fails when something waits for what never happens', async () => {
    const time = scheduler(noLots)
    await expect(time.run(new Promise(() => {}))).rejects.toThrow('stands still')
  })
})

describe('a stream of random numbers', () => {
  test('is the same under the same seed and name, whatever was drawn before, and another under another name', () => {
    const random = randomStream(5)
    const drawn = (...name: [number, number?, number?]) => {
      random.restart(...name)
      return Array.from({ length: 4 }, () => random.bits())
    }
    const first = drawn(1, 2, 3)
    const names: [number, number?, number?][] = [[1, 2, 4], [1, 3, 3], [2, 2, 3], [3, 2, 1], [1]]
    for (const name of names) expect(drawn(...name)).not.toEqual(first)
    expect(drawn(1, 2, 3)).toEqual(first)
    const other = randomStream(6)
    other.restart(1, 2, 3)
    expect(other.bits()).not.toBe(first[0])
  })

  test('draws whole numbers from all of a range, both ends included', () => {
    const random = randomStream(1)
    const drawn = Array.from({ length: 1_000 }, () => random.whole(-1, 2))
    expect(new Set(drawn)).toEqual(new Set([-1, 0, 1, 2]))
  })
})
