import type { PlantedBug } from './bugs.ts'

/** Bugs where the engine meets what is around it: the disk, a worker's process, the network between a client and the HTTP API. */
export const EDGE_BUGS: readonly PlantedBug[] = [
  {
    name: 'disk: a change is answered, and not written into the log',
    file: 'lib/store/keyed/disk/log-keeper.ts',
    replace: 'this.#log.append(record(this.#log))',
    by: 'record(this.#log)',
    suites: ['test/lib/store/keyed/disk/crash.test.ts'],
  },
  {
    name: 'disk: with sync a change is answered before the disk has it',
    file: 'lib/store/keyed/disk/disk-maps.ts',
    replace: 'if (this.#parts.sync) await this.#logs.kept()',
    by: '',
    suites: ['test/lib/store/keyed/disk/crash.test.ts'],
  },
  {
    name: 'disk: with sync a read is answered before the disk has what it read',
    file: 'lib/store/keyed/disk/log-keeper.ts',
    replace: 'return !this.#parts.sync || this.#disk.isDone',
    by: 'return true',
    suites: ['test/lib/store/keyed/disk/crash.test.ts'],
  },
  {
    name: 'worker: a process that was paused begins what it no longer holds',
    file: 'lib/worker/lease.ts',
    replace: 'return this.lost || this.endsAt <= this.#clock.now()',
    by: 'return this.lost',
    suites: ['test/lib/worker/worker.test.ts'],
  },
  {
    name: 'client: a publish that is repeated over HTTP has a key of its own each time',
    file: 'lib/transport/http-transport.ts',
    replace: "headers: { 'idempotency-key': randomUUID() }",
    by: "headers: { get 'idempotency-key'() { return randomUUID() } }",
    suites: ['test/lib/client/lost-answers.test.ts'],
  },
]
