import type { PlantedBug } from './bugs.ts'

/** Bugs at the edges of the engine: the disk, a worker's process, the network between a client and the HTTP API. */
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
  {
    name: 'scale: a poll fails where one shard of several is throttled',
    file: 'lib/receive/scan.ts',
    replace: 'if (!isOfOneShard(error)) throw error',
    by: 'throw error',
    suites: ['test/lib/receive/poll.test.ts'],
  },
  {
    name: 'scale: an ack that DynamoDB throttles fails at once',
    file: 'lib/store/dynamodb/patient-changes.ts',
    replace: 'if (positions.length === 0) break',
    by: 'if (positions.length >= 0) break',
    suites: ['test/lib/store/dynamodb/patient-changes.test.ts'],
  },
  {
    name: 'scale: surplus shards that pollers lowered are retired while publishers still use them',
    file: 'lib/queues/shards.ts',
    replace: 'Math.max(queue.shardsLoweredAt ?? 0, queue.shardsChangedAt)',
    by: '(queue.shardsLoweredAt ?? 0)',
    suites: ['test/lib/queues/shards.test.ts'],
  },
  {
    name: 'scale: each run of the monitor begins with the first queue',
    file: 'functions/operations/measure-queues.ts',
    replace: 'of namesFrom(engine, after)',
    by: 'of namesFrom(engine, undefined)',
    suites: ['test/functions/operations/measure-queues.test.ts'],
  },
  {
    name: 'local: receives read their messages whatever room there is',
    file: 'functions/local/room-for-answer.ts',
    replace: 'if (!entered) throw noRoomError()',
    by: '',
    suites: ['test/functions/local/room-for-answer.test.ts'],
  },
  {
    name: 'local: the room of a client that has gone is lost',
    file: 'functions/local/room-for-answer.ts',
    replace: "signal.addEventListener('abort', leave, { once: true })",
    by: '',
    suites: ['test/functions/local/bounded-answers.test.ts'],
  },
  {
    name: 'a lease is dated before the wait for room',
    file: 'lib/receive/claim.ts',
    replace: `await request.enter?.()
    if (request.signal?.aborted) return 0
    const { issue } = newLeasing(engine, target.queue, request.leaseMs)`,
    by: `const { issue } = newLeasing(engine, target.queue, request.leaseMs)
    await request.enter?.()`,
    suites: ['test/lib/receive/delivery-room.test.ts'],
  },
  {
    name: 'a poll that waited for room goes on with the queue as it was',
    file: 'lib/receive/poll.ts',
    replace: 'if (clock.now() - before > MAX_ENTRY_MS) throw new OutdatedScan()',
    by: '',
    suites: ['test/lib/receive/delivery-room.test.ts'],
  },
  {
    name: 'http: JSON of any number of values is parsed',
    file: 'functions/http/request-body.ts',
    replace: '{ depth: JSON_DEPTH, values: JSON_VALUES, brackets: JSON_BRACKETS }',
    by: '{ depth: JSON_DEPTH }',
    suites: ['test/fuzz/corpus.test.ts'],
  },
  {
    name: 'table: a header that can not be read ends the poll',
    file: 'lib/store/dynamodb/header-item.ts',
    replace: "return unreadableSegment({ partition, sort: item.sk?.S ?? '' }, reasonOf(error), now)",
    by: 'throw error',
    suites: ['test/lib/store/dynamodb/unreadable-items.test.ts'],
  },
]
