import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { otherNode } from '../support/other-node.ts'
import { planHistory } from './plan.ts'
import { runSimulation } from './pool.ts'
import { runHistory } from './run-history.ts'
import { WORLDS } from './worlds.ts'

const SEED = 2_026
/** One in each world. */
const HISTORIES = Object.keys(WORLDS).length
/** The timeout, for a machine with other work. */
const LONGEST_MS = 600_000

const traceOf = async (index: number): Promise<string> => {
  const { settings, seed } = planHistory(SEED, index)
  return (await runHistory(settings, { seed })).trace
}

const inWorkers = (jobs: number, execPath?: string) =>
  runSimulation({ seed: SEED, histories: HISTORIES, jobs, ...(execPath && { execPath }) })

describe('the trace of a simulation', () => {
  const traces: string[] = []
  const whole = () => createHash('sha256').update(traces.join('')).digest('hex').slice(0, 32)
  beforeAll(async () => {
    for (let index = 0; index < HISTORIES; index++) traces.push(await traceOf(index))
  }, LONGEST_MS)

  test('is the same, byte for byte, when it is played again', async () => {
    expect(new Set(traces).size).toBe(HISTORIES)
    const again = [0, 8, 15, HISTORIES - 1]
    for (const index of again) expect(await traceOf(index)).toBe(traces[index])
  })

  test.each([1, 2])('is the same in %i other processes', async (jobs) => {
    expect((await inWorkers(jobs)).trace).toBe(whole())
  })

  test('is another one for another seed', async () => {
    const { settings, seed } = planHistory(SEED, 0)
    expect((await runHistory(settings, { seed: seed + 1 })).trace).not.toBe(traces[0])
  })

  test('holds what was written, decoded: keys, tokens, instants and counts', async () => {
    const { settings, seed } = planHistory(SEED, 1)
    const lines: string[] = []
    await runHistory(settings, { seed, trace: (line) => lines.push(line) })
    const claims = lines.filter((line) => line.includes(' claim ') && line.includes(' lease '))
    expect(claims.length).toBeGreaterThan(100)
    expect(claims[0]).toMatch(
      /^\d+ consumer-\d claim 9[0-9a-f]{26} v\d+( \d+ lease [0-9a-f]{16} 177\d{10} \d+ 177\d{10} false)+\n$/,
    )
  })

  const others = [20, 24].filter((major) => major !== Number(process.versions.node.split('.')[0]))
  test.for(others)('is the same on Node %i', { timeout: 360_000 }, async (major, { skip }) => {
    const node = await otherNode(major)
    if ('missing' in node) {
      console.warn(`SKIPPED: the trace on Node ${major}: ${node.missing}`)
      return skip(node.missing)
    }
    expect((await inWorkers(1, node.path)).trace).toBe(whole())
  })
})
