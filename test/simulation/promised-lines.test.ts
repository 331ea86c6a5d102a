import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ALL_BUGS } from './all-bugs.ts'
import { SIMULATION_SUITE } from './bugs.ts'
import { ROOT } from './planted-copy.ts'
import { promisedLines } from './promised-lines.ts'
import { PROMISES } from './promises/all.ts'

const lines = promisedLines()
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

/** Promises that the simulator judges at the end of a history, besides those of its list. */
const judged = [...read('test/simulation/run-history.ts').matchAll(/broken\('([^']+)'/g)].map(([, name = '']) => name)
const PROMISE_NAMES = [...PROMISES.map(({ name }) => name), ...judged]

test('every line has a check that exists', () => {
  expect(lines.length).toBeGreaterThan(30)
  expect(lines.filter(({ history, suite }) => (history ?? suite) === undefined)).toEqual([])
  expect(lines.filter(({ history }) => history !== undefined && !PROMISE_NAMES.includes(history))).toEqual([])
  expect(lines.filter(({ suite }) => suite !== undefined && !existsSync(join(ROOT, suite)))).toEqual([])
})

test('every line has a planted bug, which that check must notice', () => {
  const wrong = lines.filter(({ bug, history, suite }) => {
    const { suites = [] } = ALL_BUGS.find(({ name }) => name === bug) ?? {}
    return !suites.includes(suite ?? (history === undefined ? '' : SIMULATION_SUITE))
  })
  expect(wrong).toEqual([])
})

test('every planted bug changes a text that is in its file once, and names suites that exist', () => {
  const unfit = ALL_BUGS.filter(
    ({ file, replace, suites }) =>
      read(file).split(replace).length !== 2 || suites.some((suite) => !existsSync(join(ROOT, suite))),
  )
  expect(unfit.map(({ name }) => name)).toEqual([])
})

test('every promise of the simulator has a line', () => {
  expect(judged.length).toBeGreaterThan(4)
  expect(PROMISE_NAMES.filter((name) => !lines.some(({ history }) => history === name))).toEqual([])
})

test('every guarantee of the README has a section with lines', () => {
  const [, table = ''] = /^\| Guarantee \| How \|\n.*\n((?:\|.*\n)+)/m.exec(read('README.md')) ?? []
  const guarantees = [...table.matchAll(/^\| (.*?) \|/gm)].map(([, guarantee = '']) => guarantee)
  expect(guarantees.length).toBeGreaterThan(5)
  const missing = guarantees.filter((guarantee) => !lines.some(({ section }) => guarantee.startsWith(section)))
  expect(missing).toEqual([])
})

test('a line without a check, or with the name of none, has none', () => {
  const page =
    '## Some\n\n| Promise | Check | Planted bug |\n|---|---|---|\n| it holds |  | |\n| it stays | by hope | none |\n'
  expect(promisedLines(page).map(({ history, suite }) => history ?? suite)).toEqual([undefined, undefined])
})
