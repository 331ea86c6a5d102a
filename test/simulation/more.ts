/**
 * `npm run test:more`: runs with fresh seeds what `npm test` runs with fixed ones: the properties, and simulated histories.
 * Also runs workers in processes of their own, on 10,000 messages. Failures name the seed that repeats them. Arguments are
 * those of `npm run simulate`.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const TESTS = join(import.meta.dirname, '..')

const withProperties = readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && readFileSync(join(TESTS, path), 'utf8').includes('support/properties.ts'))
  .map((path) => join('test', path))
/** Properties of every store are in separate modules, which these suites run. */
const suites = [...withProperties.filter((path) => path.endsWith('.test.ts')), 'test/lib/store']

const ENVIRONMENT = { HOLDFAST_FRESH_SEEDS: '1', HOLDFAST_PROCESS_MESSAGES: '10000' }
const run = (command: string, args: readonly string[]): number =>
  spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...ENVIRONMENT } }).status ?? 1

const properties = run('npx', ['vitest', 'run', ...suites])
const processes = run('npx', ['vitest', 'run', 'test/processes'])
const simulation = run('npx', ['tsx', 'test/simulation/simulate.ts', ...process.argv.slice(2)])
process.exitCode = properties || processes || simulation
