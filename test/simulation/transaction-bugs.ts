import type { PlantedBug } from './bugs.ts'

const TRANSACTIONS = { suites: ['test/simulation/simulation.test.ts'], worlds: 'transactions' }

/** Bugs of transactions that users commit together with writes of their own. */
export const TRANSACTION_BUGS: readonly PlantedBug[] = [
  {
    name: 'a transaction acks messages whose lease is lost',
    file: 'lib/transactions/build.ts',
    replace: 'change: ackChange(acked.key, acked.held, found.segments.get(segmentId(acked.key)), now),',
    by: "change: { ...ackChange(acked.key, acked.held, found.segments.get(segmentId(acked.key)), now), requires: { kind: 'slots', slots: [] } },",
    ...TRANSACTIONS,
  },
  {
    name: 'a transaction that is sent again has another token',
    file: 'lib/transactions/commit.ts',
    replace: 'commits.send(attempt.prepared, attempt.token)',
    by: 'commits.send(attempt.prepared, randomUUID())',
    ...TRANSACTIONS,
  },
  {
    name: 'a transaction without an answer counts as not done',
    file: 'lib/transactions/commit.ts',
    replace: '      attempt.unanswered = true\n      return { failure: outcome.error',
    by: '      return { failure: outcome.error',
    ...TRANSACTIONS,
  },
  {
    name: 'a transaction forgets the messages that it acks in other segments',
    file: 'lib/transactions/build.ts',
    replace: '...acked.map((one) => ackPart(one, found, now)),',
    by: '...acked.slice(0, 1).map((one) => ackPart(one, found, now)),',
    ...TRANSACTIONS,
  },
  {
    name: 'the result of a transaction is not stored with it',
    file: 'lib/transactions/build.ts',
    replace: '      ...told.flat(),\n',
    by: '',
    ...TRANSACTIONS,
  },
]
