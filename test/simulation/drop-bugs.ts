import { type PlantedBug, SIMULATION_SUITE } from './bugs.ts'

/** Bugs of purges, deletions and abandoned polls, and of what a process still assumes after it was paused. */
export const DROP_BUGS: readonly PlantedBug[] = [
  {
    name: 'the layout of the next queue of a name begins with version 1',
    file: 'lib/queues/delete-queue.ts',
    replace: '[layoutTombstone(queue, now)]',
    by: "[{ kind: 'delete', key: layoutKey(name) } as const]",
    suites: ['test/lib/queues/layout.test.ts'],
  },
  {
    name: 'a deleted queue’s record passes with the layout of the next queue of its name',
    file: 'lib/queues/read-queue.ts',
    replace: 'const record = isOutdated ?',
    by: 'const record = isOutdated && false ?',
    suites: ['test/lib/queues/layout.test.ts'],
  },
  {
    name: 'the layout of a deleted queue expires under the next one of its name',
    file: 'lib/queues/create-queue.ts',
    replace: '[layoutWrite(state, layoutOf(state))]',
    by: '[]',
    suites: ['test/lib/queues/layout.test.ts'],
  },
  {
    name: 'a scan gives out what was purged',
    file: 'lib/model/queue-record.ts',
    replace: ' || isPurged(queue, segment.publishedAt)',
    by: '',
    suites: [SIMULATION_SUITE],
    worlds: 'whole',
  },
  {
    name: 'a purge takes the clocks of all processes for the same',
    file: 'lib/queues/purge-queue.ts',
    replace: 'if (offByMs > 0) await clock.sleep(offByMs + OTHERS_OFF_BY_MS)',
    by: '',
    suites: ['test/lib/queues/queues.test.ts'],
  },
  {
    name: 'an abandoned poll keeps what it leased',
    file: 'lib/receive/poll.ts',
    replace: 'if (handles.length > 0) await unreceive(engine, queueName, handles)',
    by: '',
    suites: [SIMULATION_SUITE],
    worlds: 'abandoned',
  },
  {
    name: 'a message that is put off counts as published anew',
    file: 'lib/messages/reschedule-message.ts',
    replace: 'publishedAt: segment.publishedAt,\n    messages',
    by: 'publishedAt: now,\n    messages',
    suites: ['test/lib/messages/messages.test.ts'],
  },
  {
    name: 'what a process read before it stood still counts as read now',
    file: 'lib/queues/cache.ts',
    replace: 'isOld(clock, sentAt) && left > 1 ?',
    by: 'isOld(clock, sentAt) && left < 0 ?',
    suites: ['test/lib/queues/cache.test.ts'],
  },
  {
    name: 'a change of the shards makes all that is known of a queue young',
    file: 'lib/queues/cache.ts',
    replace: 'known.put(state, entry.readAt)',
    by: 'known.put(state, clock.now())',
    suites: ['test/lib/queues/cache.test.ts'],
  },
  {
    name: 'an answer has a message under two leases',
    file: 'lib/receive/poll.ts',
    replace: 'newest.size === messages.length ?',
    by: 'newest.size <= messages.length ?',
    suites: ['test/lib/receive/scan-fairly.test.ts'],
  },
]
