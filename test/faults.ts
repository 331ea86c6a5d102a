/**
 * `npm run test:faults`: what `npm test` tries a few times of the store on disk, tried for longer: processes killed in
 * the middle of load and at each step of the log and the data file, ends of the machine, weeks of traffic, and simulated
 * histories on disk.
 */
import { spawnSync } from 'node:child_process'

const MORE = {
  /** Kills of a process under load, without and with waiting for the disk each. */
  HOLDFAST_KILLS: '1000',
  /** Seeds of work that is interrupted at each step, some 1,500 times each. */
  HOLDFAST_CRASH_SEEDS: '20',
  HOLDFAST_DISK_SIMULATIONS: '20',
  HOLDFAST_WEEKS: '4',
}

const { status } = spawnSync(
  'npx',
  ['vitest', 'run', 'test/lib/store/keyed', 'test/simulation/disk.test.ts', '--testTimeout=3600000'],
  {
    stdio: 'inherit',
    env: { ...MORE, ...process.env },
  },
)
process.exitCode = status ?? 1
