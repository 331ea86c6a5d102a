import { describe, expect, test } from 'vitest'
import {
  HEAT_WINDOW_MS,
  type Kind,
  ON_DEMAND,
  physicalTable,
  type TableRules,
} from '../../../bench/scale/physical-table.ts'

/** Sends requests of one unit for the keys in turn, `perSecond` for each key, and counts those that are served. */
const served = (
  table: ReturnType<typeof physicalTable>,
  keys: readonly string[],
  { kind = 'write' as Kind, perSecond = 2_000, from = 0, seconds = 10 } = {},
) => {
  const counts = new Map(keys.map((key) => [key, 0]))
  const refusals = new Set<string>()
  for (let at = 0; at < seconds * 1_000; at++) {
    for (let turn = 0; turn < keys.length; turn++) {
      const key = keys[(at + turn) % keys.length] as string
      for (let n = 0; n < perSecond / 1_000; n++) {
        const reason = table.refusal(key, kind, from + at)
        if (reason) refusals.add(reason)
        else {
          table.charge(key, kind, 1, from + at)
          counts.set(key, (counts.get(key) ?? 0) + 1)
        }
      }
    }
  }
  return { counts: [...counts.values()].map((count) => Math.round(count / seconds)), refusals: [...refusals] }
}
const rules = (own: Partial<TableRules>) => physicalTable({ ...ON_DEMAND, ...own }, 0)
const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)

describe('the model of DynamoDB’s partitions', () => {
  test('serves 1,000 write units and 3,000 read units a second of one partition key', () => {
    const writes = served(rules({}), ['a'], { from: 1_000 })
    expect(writes.counts[0]).toBeGreaterThan(990)
    expect(writes.counts[0]).toBeLessThan(1_110)
    expect(writes.refusals).toEqual(['KeyRangeThroughputExceeded'])
    const reads = served(rules({}), ['a'], { kind: 'read', perSecond: 5_000, from: 1_000 })
    expect(reads.counts[0]).toBeGreaterThan(2_990)
    expect(reads.counts[0]).toBeLessThan(3_310)
  })

  test('serves the units of 300 idle seconds above that, where partitions keep them', () => {
    const { counts } = served(rules({ burstSeconds: 300 }), ['a'], { perSecond: 3_000, seconds: 100 })
    expect(counts[0]).toBe(3_000)
  })

  test('splits a hot partition of several keys, and not one of a single key', () => {
    const keys = ['s#orders#a#0', 's#orders#a#1', 's#orders#a#2', 's#orders#a#3']
    const table = rules({ partitions: 1, splitAfterMs: HEAT_WINDOW_MS })
    expect(sum(served(table, keys).counts)).toBeLessThan(1_110)
    for (let window = 1; window <= 5; window++) {
      table.settle()
      served(table, keys, { from: window * HEAT_WINDOW_MS })
    }
    expect(table.partitions()).toBe(4)
    const { counts } = served(table, keys, { from: 6 * HEAT_WINDOW_MS })
    for (const count of counts) expect(count).toBeGreaterThan(900)
  })

  test('refuses what is over the quota of the table', () => {
    const table = rules({ partitions: 64, quota: 2_000 })
    const { counts, refusals } = served(table, ['a', 'b', 'c', 'd', 'e'], { from: 1_000, perSecond: 1_000 })
    expect(sum(counts)).toBeGreaterThan(1_990)
    expect(sum(counts)).toBeLessThan(2_210)
    expect(refusals).toEqual(['AccountLimitExceeded'])
  })
})
