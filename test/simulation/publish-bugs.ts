import { type PlantedBug, SIMULATION_SUITE } from './bugs.ts'

const KEYED = { suites: [SIMULATION_SUITE], worlds: 'under their keys' }

/** Bugs of publishes that are sent again, and of shards that change. */
export const PUBLISH_BUGS: readonly PlantedBug[] = [
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
