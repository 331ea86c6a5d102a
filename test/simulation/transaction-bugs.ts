import type { PlantedBug } from './bugs.ts'

const PROPERTY = { suites: ['test/lib/transactions/property.test.ts'] }
const SIMULATION = { suites: ['test/simulation/simulation.test.ts'], worlds: 'transactions' }
const TABLE = { suites: ['test/lib/transactions/transaction.test.ts'] }

/** Bugs in transactions. */
export const TRANSACTION_BUGS: readonly PlantedBug[] = [
  {
    name: 'transactions: what may have been done is built anew, though nothing keeps both from being done',
    file: 'lib/transactions/commit.ts',
    replace: 'acks || marker !== undefined',
    by: 'true || acks || marker !== undefined',
    ...TABLE,
  },
  {
    name: 'transactions: an attempt without an answer is built anew once it is old',
    file: 'lib/transactions/commit.ts',
    replace: 'unanswered || engine.clock.now() - built.builtAt <= BUILT_KEPT_MS',
    by: 'engine.clock.now() - built.builtAt <= BUILT_KEPT_MS',
    ...PROPERTY,
  },
  {
    name: 'transactions: a lost answer is taken for nothing done',
    file: 'lib/transactions/commit.ts',
    replace: '  if (!inDoubt(history)) throw nothingDone(failure)\n',
    by: '  throw nothingDone(failure)\n',
    ...PROPERTY,
  },
  {
    name: 'transactions: the marker is read, and not replaced',
    file: 'lib/transactions/marker.ts',
    replace: 'const { applied } = await engine.store.transact([write])',
    by: 'const applied = write === undefined || (await readMarker(engine, marker)) === undefined',
    ...PROPERTY,
  },
  {
    name: 'transactions: the marker has no condition',
    file: 'lib/transactions/marker.ts',
    replace: '  ifVersion: replaces,\n',
    by: '  ...(replaces < 0 && { ifVersion: replaces }),\n',
    ...PROPERTY,
  },
  {
    name: 'transactions: each message of a group opens its ticket',
    file: 'lib/transactions/placement.ts',
    replace: 'if (group !== undefined && !opened.has(group)) {',
    by: 'if (group !== undefined) {',
    ...PROPERTY,
  },
  {
    name: 'transactions: each ack is an action of its own',
    file: 'lib/transactions/asked.ts',
    replace: 'const segment = segments.get(id) ?? { queue, key, held: [] }\n    segments.set(id, segment)',
    by: 'const segment = { queue, key, held: [] as Held<undefined>[] }\n    segments.set(id + position, segment)',
    ...PROPERTY,
  },
  {
    name: 'transactions: a message that is gone counts as acked',
    file: 'lib/transactions/judge.ts',
    replace: "if (!slot || slot.kind === 'gone') return 'message-gone'",
    by: "if (!slot || slot.kind === 'gone') return undefined",
    ...TABLE,
  },
  {
    name: 'transactions: old actions are sent as they are',
    file: 'lib/transactions/commit.ts',
    replace: 'const BUILT_KEPT_MS = 5_000',
    by: 'const BUILT_KEPT_MS = 500_000',
    ...TABLE,
  },
  {
    name: 'transactions: what is sent again has a new token',
    file: 'lib/transactions/commit.ts',
    replace: '      attempt.unanswered = true\n      return { failure: outcome.error',
    by: '      attempt.token = randomUUID()\n      attempt.unanswered = true\n      return { failure: outcome.error',
    ...TABLE,
  },
  {
    name: 'transactions: a group that moved on is tried again under the same numbers',
    file: 'lib/transactions/judge.ts',
    replace: 'found.lastSequences.set(ticketId(write.key), failure.lastSequence)',
    by: 'ticketId(write.key)',
    ...TABLE,
  },
  {
    name: 'transactions: a token is trusted for an hour',
    file: 'lib/transactions/commit.ts',
    replace: 'const TOKEN_KNOWN_MS = 9 * 60_000',
    by: 'const TOKEN_KNOWN_MS = 60 * 60_000',
    ...TABLE,
  },
  {
    name: 'transactions: the group of a FIFO queue is not freed',
    file: 'lib/transactions/follow-up.ts',
    replace: '.filter(([{ settings }]) => settings.fifo || settings.maxInFlightPerGroup !== undefined)',
    by: '.filter(([{ settings }]) => settings.maxInFlightPerGroup !== undefined)',
    ...TABLE,
  },
  {
    name: 'transactions: acks on a queue that keeps results tell none',
    file: 'lib/transactions/result-parts.ts',
    replace: 'if (!queue.settings.results) return []',
    by: 'if (!queue.settings.results || found) return []',
    ...TABLE,
  },
  {
    name: 'transactions: two entries on one item are left to DynamoDB',
    file: 'lib/store/dynamodb/transaction-rules.ts',
    replace: 'if (before !== undefined) {',
    by: 'if (before === table) {',
    ...TABLE,
  },
  {
    name: 'a transaction acks messages whose lease is lost',
    file: 'lib/transactions/build.ts',
    replace: 'change: ackChange(acked.key, acked.held, found.segments.get(segmentId(acked.key)), now),',
    by: "change: { ...ackChange(acked.key, acked.held, found.segments.get(segmentId(acked.key)), now), requires: { kind: 'slots', slots: [] } },",
    ...SIMULATION,
  },
  {
    name: 'a transaction that is sent again has another token',
    file: 'lib/transactions/commit.ts',
    replace: 'commits.send(attempt.prepared, attempt.token)',
    by: 'commits.send(attempt.prepared, randomUUID())',
    ...SIMULATION,
  },
  {
    name: 'a transaction without an answer counts as not done',
    file: 'lib/transactions/commit.ts',
    replace: '      attempt.unanswered = true\n      return { failure: outcome.error',
    by: '      return { failure: outcome.error',
    ...SIMULATION,
  },
  {
    name: 'a transaction forgets the messages that it acks in other segments',
    file: 'lib/transactions/build.ts',
    replace: '...acked.map((one) => ackPart(one, found, now)),',
    by: '...acked.slice(0, 1).map((one) => ackPart(one, found, now)),',
    ...SIMULATION,
  },
  {
    name: 'the result of a transaction is not stored with it',
    file: 'lib/transactions/build.ts',
    replace: '      ...told.flat(),\n',
    by: '',
    ...SIMULATION,
  },
]
