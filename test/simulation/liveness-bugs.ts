import { type PlantedBug, SIMULATION_SUITE } from './bugs.ts'

/** Bugs by which pollers miss messages that they could receive. */
export const LIVENESS_BUGS: readonly PlantedBug[] = [
  {
    name: 'the lock of a dead poller lasts a minute',
    file: 'lib/receive/group-lock.ts',
    replace: 'export const MIN_LOCK_MS = 2_000',
    by: 'export const MIN_LOCK_MS = 60_000',
    suites: [SIMULATION_SUITE],
    worlds: 'fifo',
  },
  {
    name: 'the group that was polled last comes first',
    file: 'lib/receive/ticket-pages.ts',
    replace: 'a.turn < b.turn ? -1 : a.turn > b.turn ? 1 : 0',
    by: 'a.turn < b.turn ? 1 : a.turn > b.turn ? -1 : 0',
    suites: [SIMULATION_SUITE],
    worlds: 'liveness: fifo',
  },
  {
    name: 'the lowest priority is never scanned',
    file: 'lib/receive/scan.ts',
    replace: 'priority >= 0; priority--',
    by: 'priority > 0; priority--',
    suites: [SIMULATION_SUITE],
    worlds: 'liveness: priorities',
  },
  {
    name: 'a poll scans one shard alone',
    file: 'lib/receive/scan.ts',
    replace: 'const partition = partitionOf(queue, (start + turn) % shards)',
    by: 'const partition = partitionOf(queue, 0)',
    suites: [SIMULATION_SUITE],
    worlds: 'liveness: priorities',
  },
]
