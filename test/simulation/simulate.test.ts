import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BUGS } from './bugs.ts'
import { newCopy, plant, ROOT } from './planted-copy.ts'

interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const TSX = join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs')

/** `npm run simulate` in a copy of the project, or in the project itself. */
const simulate = (home: string, ...args: string[]): Promise<Run> =>
  new Promise((resolve) => {
    execFile(process.execPath, [TSX, 'test/simulation/simulate.ts', ...args], { cwd: home }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })

describe('npm run simulate', () => {
  test('ends in one line of JSON, and with 0 when every promise was kept', async () => {
    const { code, stdout } = await simulate(ROOT, '--histories', '4', '--seed', '5', '--jobs', '1', '--json')
    expect(code).toBe(0)
    expect(stdout.split('\n')).toEqual([expect.stringMatching(/^\{.*\}$/), ''])
    expect(JSON.parse(stdout)).toMatchObject({
      trace: expect.stringMatching(/^[0-9a-f]{32}$/),
      seed: 5,
      histories: 4,
      historiesPerSecond: expect.any(Number),
      operationsPerSecond: expect.any(Number),
      jobs: 1,
      violations: 0,
      failures: [],
      coverage: {
        faults: { 'answer lost': expect.any(Number) },
        transitions: { 'fresh → leased': expect.any(Number) },
      },
      neverReached: expect.arrayContaining(['faults: TTL late']),
    })
  })

  test('tells of what was played when it is ended early', { timeout: 240_000 }, async () => {
    const args = ['--seed', '5', '--world', 'standard: nothing fails', '--jobs', '1', '--json']
    const child = spawn(process.execPath, [TSX, 'test/simulation/simulate.ts', '--histories', '100000', ...args], {
      cwd: ROOT,
      detached: true,
    })
    const [stdout, code] = await new Promise<[string, number | null]>((resolve) => {
      let output = ''
      child.stdout.on('data', (data: Buffer) => {
        output += data.toString()
      })
      // The estimate comes after the first histories. Sends the signal as `timeout` does: to all processes, and to the first one twice.
      child.stderr.once('data', () => {
        process.kill(-(child.pid as number), 'SIGTERM')
        child.kill('SIGTERM')
      })
      child.once('close', (ended) => resolve([output, ended]))
    })
    expect(code).toBe(0)
    const { histories, trace } = JSON.parse(stdout)
    expect(histories).toBeGreaterThanOrEqual(16)
    expect(histories).toBeLessThan(100_000)
    const whole = await simulate(ROOT, '--histories', String(histories), ...args)
    expect(JSON.parse(whole.stdout).trace).toBe(trace)
  })

  test('prints which faults and transitions were reached, how often, and which never', async () => {
    const { stdout } = await simulate(ROOT, '--histories', '2', '--seed', '5', '--world', 'standard: clocks differ')
    expect(stdout).toMatch(/^ +\d+ {2}fresh → leased$/m)
    expect(stdout).toMatch(/never reached:\n(.*\n)* +faults: TTL late\n/)
    expect(stdout).toMatch(
      /2 histories of seed 5 in .* store operations a second\ntrace [0-9a-f]{32}\nevery promise was kept\n$/,
    )
  })

  test.each([
    [['--histories', '0'], 'whole number from 1'],
    [['--seed', 'x'], 'whole number from 0'],
    [['--world', 'nowhere'], 'standard: nothing fails'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await simulate(ROOT, ...args)
    expect(code).not.toBe(0)
    expect(stderr).toContain(message)
  })
})

describe('npm run simulate on an engine with a bug', () => {
  let copy: string
  beforeAll(async () => {
    copy = await newCopy()
    const bug = BUGS.find(({ name }) => name === 'an outdated ack is answered with success')
    if (!bug || !(await plant(copy, bug))) throw new Error('the bug does not fit the code')
  })
  afterAll(() => rm(copy, { recursive: true, force: true }))

  test('ends with 1, and tells the shortest history that still breaks the promise', { timeout: 240_000 }, async () => {
    const args = ['--histories', '16', '--seed', '1', '--world', 'standard: requests fail', '--jobs', '1']
    const { code, stdout } = await simulate(copy, ...args)
    expect(code).toBe(1)
    expect(stdout).toMatch(/PROMISES BROKEN in \d+ histories/)
    const [, left = '', all = ''] = /shrunk to (\d+) of (\d+) actions and faults/.exec(stdout) ?? []
    expect(Number(left)).toBeLessThanOrEqual(20)
    expect(Number(all)).toBeGreaterThan(100)
    expect(stdout).toMatch(/publisher-\d +publishes /)
    expect(stdout).toMatch(/consumer-\d +acks /)
    expect(stdout).toMatch(/BROKEN +/)
    const [again = ''] = /--seed 1 --history \d+ --world "standard: requests fail"/.exec(stdout) ?? []
    const history = /--history (\d+)/.exec(again)?.[1] ?? ''
    const json = await simulate(
      copy,
      '--seed',
      '1',
      '--history',
      history,
      '--world',
      'standard: requests fail',
      '--json',
    )
    expect(json.code).toBe(1)
    const { violations, failures } = JSON.parse(json.stdout)
    expect(violations).toBeGreaterThan(0)
    expect(failures).toMatchObject([{ history: Number(history), story: expect.any(Array) }])
  })

  test('shrinks nothing when it is ended early', { timeout: 240_000 }, async () => {
    const args = ['--histories', '100000', '--seed', '1', '--world', 'standard: requests fail', '--jobs', '1']
    const child = spawn(process.execPath, [TSX, 'test/simulation/simulate.ts', ...args], { cwd: copy })
    let stdout = ''
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString()
    })
    // The first history that breaks a promise is told of at once.
    child.stderr.once('data', () => child.kill('SIGTERM'))
    const [code] = (await once(child, 'close')) as [number | null]
    expect(code).toBe(1)
    expect(stdout).toMatch(/PROMISES BROKEN in \d+ histories/)
    expect(stdout).not.toContain('shrunk to')
  })
})
