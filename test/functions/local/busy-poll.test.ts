import { beforeEach, describe, expect, it } from 'vitest'
import { type BusyPoll, busyPoll, MOST_ROUNDS, ROUND_MS } from '../../../functions/local/busy-poll.ts'

const TURN_MS = ROUND_MS / 10

describe('busy polling', () => {
  let time: number
  let next: (() => void) | undefined
  let pauses: number[]
  let polling: BusyPoll

  beforeEach(() => {
    time = 0
    next = undefined
    pauses = []
    polling = busyPoll({
      now: () => time,
      nextTurn: (callback) => {
        expect(next, 'one turn at a time').toBeUndefined()
        next = callback
      },
      pause: (ms) => {
        pauses.push(ms)
        time += ms
      },
    })
  })

  /** Lets the event loop turn until it would sleep, at most so often; answers how often it turned. */
  const turns = (most = Number.POSITIVE_INFINITY): number => {
    let done = 0
    for (; next && done < most; done++) {
      const turn = next
      next = undefined
      time += TURN_MS
      turn()
    }
    return done
  }

  const vainRounds = (tries: number): number => {
    let rounds = 0
    for (let at = 0; at < tries; at++) {
      polling.answered()
      if (turns() > 1) rounds++
    }
    return rounds
  }

  it('keeps the event loop turning for a round after an answer, and then lets it sleep', () => {
    polling.answered()
    expect(turns()).toBeGreaterThanOrEqual(ROUND_MS / TURN_MS - 1)
    expect(time).toBeLessThanOrEqual(ROUND_MS + 2 * TURN_MS)
  })

  it('looks again the later the longer it has waited', () => {
    polling.answered()
    turns()
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
    expect(pauses[0]).toBeLessThan(ROUND_MS / 100)
    expect(pauses.at(-1)).toBeGreaterThan(ROUND_MS / 100)
    expect(pauses.at(-1)).toBeLessThan(ROUND_MS / 10)
  })

  it('stops as soon as a request has come', () => {
    polling.answered()
    expect(turns(3)).toBe(3)
    polling.requested()
    expect(turns()).toBe(1)
  })

  it('starts a round anew with each answer', () => {
    polling.answered()
    turns(3)
    polling.requested()
    polling.answered()
    expect(turns()).toBeGreaterThanOrEqual(ROUND_MS / TURN_MS - 1)
  })

  it('goes on for as long as its rounds meet requests', () => {
    for (let request = 0; request < 10 * MOST_ROUNDS; request++) {
      polling.answered()
      expect(turns(3)).toBe(3)
      polling.requested()
    }
  })

  it('gives up where its rounds are in vain', () => {
    expect(vainRounds(100 * MOST_ROUNDS)).toBeLessThanOrEqual(MOST_ROUNDS + 1)
  })

  it('gives up where answers follow each other that no request came for in between', () => {
    let turned = 0
    for (let answer = 0; answer < 1_000; answer++) {
      polling.answered()
      turned += turns(5)
    }
    expect(turned * TURN_MS).toBeLessThanOrEqual(2 * MOST_ROUNDS * ROUND_MS)
  })

  it('bears one round in vain for four that met a request', () => {
    for (let at = 0; at < 20 * MOST_ROUNDS; at++) {
      for (let request = 0; request < 4; request++) {
        polling.answered()
        turns(1)
        polling.requested()
      }
      expect(vainRounds(1)).toBe(1)
    }
  })

  it('tries again from time to time, and goes on once that meets a request', () => {
    vainRounds(2 * MOST_ROUNDS)
    time += 1_000
    expect(vainRounds(100)).toBeGreaterThan(0)
    time += 1_000
    polling.answered()
    expect(turns(3)).toBe(3)
    polling.requested()
  })

  it('wastes no more than half a percent of the time', () => {
    vainRounds(2 * MOST_ROUNDS)
    let rounds = 0
    const from = time
    while (time < from + 10_000) {
      time += 1
      rounds += vainRounds(1)
    }
    expect(rounds * ROUND_MS).toBeLessThanOrEqual(52)
  })
})
