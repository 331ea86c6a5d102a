import { type PlantedBug, SIMULATION_SUITE } from './bugs.ts'

const KEYED = { suites: [SIMULATION_SUITE], worlds: 'under their keys' }

/** Bugs of publishes that are sent again, and of shards that change. */
export const PUBLISH_BUGS: readonly PlantedBug[] = [
  {
    name: 'the next record of a deduplication id has the version of one that has expired',
    file: 'lib/publish/deduplication.ts',
    replace: '  firstVersion: first.publishedAt,\n',
    by: '',
    suites: ['test/lib/publish/deduplication.test.ts'],
  },
  {
    name: 'a repeat of a request with a key stores its messages again',
    file: 'lib/publish/publish-idempotently.ts',
    replace: 'key, value, ifVersion: 0, expiresAt',
    by: 'key, value, expiresAt',
    ...KEYED,
  },
  {
    name: 'a request with a key is known for a second',
    file: 'lib/publish/publish-idempotently.ts',
    replace: 'LIMITS.idempotencyKeySeconds * 1_000',
    by: '1_000',
    ...KEYED,
  },
]
