/**
 * `npm run test:faults`: faults of the surroundings, for half an hour to an hour. What `npm test` tries a few times of the store on disk is tried
 * for longer; `test/faults/` has servers and engines that are killed, stopped, cut off and flooded, each with a ledger of
 * what clients were told, which is compared with what the queue holds in the end.
 *
 *     npm run test:faults -- [--short] [--only WORDS] [--kills N]
 *
 * `--short` takes some minutes, `--only` runs the parts whose names hold the words, `--kills` says how often the server on disk is killed.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { short: { type: 'boolean', default: false }, only: { type: 'string' }, kills: { type: 'string' } },
})

const STORE = values.short
  ? { HOLDFAST_KILLS: '20', HOLDFAST_CRASH_SEEDS: '1', HOLDFAST_DISK_SIMULATIONS: '1', HOLDFAST_WEEKS: '1' }
  : {
      /** Kills of a process under load, without and with waiting for the disk each. The server is killed more often. */
      HOLDFAST_KILLS: '100',
      /** Seeds of work that is interrupted at each step, some 1,500 times each. */
      HOLDFAST_CRASH_SEEDS: '3',
      HOLDFAST_DISK_SIMULATIONS: '3',
      HOLDFAST_WEEKS: '2',
    }

const CONFIG = ['--config', 'test/faults/vitest.config.ts']
const vitest = (...args: readonly string[]) => ['vitest', 'run', ...args]
const faults = (name: string) => vitest(...CONFIG, `test/faults/${name}.fault.ts`)

/** What `npx` runs, by what it tries. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  'the store on disk: kills, ends of the machine, a full disk, damage, weeks, histories': vitest(
    'test/lib/store/keyed',
    'test/simulation/disk.test.ts',
    '--testTimeout=3600000',
  ),
  'servers and engines killed under load': faults('server-killed'),
  'servers, consumers and workers stopped for longer than leases': faults('stopped'),
  'faulty answers of the embedded DynamoDB engine': faults('dynamodb-answers'),
  'faulty answers of DynamoDB Local': [
    'tsx',
    'test/support/dynamodb-local.ts',
    ...CONFIG,
    'test/faults/dynamodb-answers.fault.ts',
  ],
  'connections cut and half open, and slow clients': faults('connections'),
  'ten thousand long polls': faults('long-polls'),
  'a thousand large sends at once': faults('large-sends'),
  'two hundred large receives at once': faults('large-receives'),
}

const wanted = Object.entries(PARTS).filter(([name]) => name.includes(values.only ?? ''))
if (wanted.length === 0) {
  console.error(`no part has "${values.only}" in its name. There are:\n${Object.keys(PARTS).join('\n')}`)
  process.exit(2)
}

const env = {
  ...STORE,
  HOLDFAST_FAULTS: values.short ? 'short' : 'whole',
  ...(values.kills !== undefined && { HOLDFAST_SERVER_KILLS: values.kills }),
  ...process.env,
}
const results = wanted.map(([name, command]) => {
  console.log(`\n${name}`)
  const startedAt = performance.now()
  const { status } = spawnSync('npx', command, { stdio: 'inherit', env })
  const seconds = Math.round((performance.now() - startedAt) / 1_000)
  return { ok: status === 0, line: `${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s: ${name}` }
})
console.log(`\n${results.map(({ line }) => line).join('\n')}`)
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1
