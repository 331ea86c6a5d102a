import { type PlantedBug, SIMULATION_SUITE } from './bugs.ts'

const EXPIRY = { suites: [SIMULATION_SUITE], worlds: 'they expire' }
const RESULTS = { suites: ['test/simulation/simulation.test.ts'], worlds: 'results' }

/** Bugs of results and statuses. */
export const RESULT_BUGS: readonly PlantedBug[] = [
  {
    name: 'an ack of a message that another poller holds goes on without its result',
    file: 'lib/results/store-results.ts',
    replace: 'refuse(state.lost, leaseLostError(queue.name))',
    by: 'void leaseLostError',
    suites: ['test/lib/results/results.test.ts'],
  },
  {
    name: 'an ack removes the message whether or not its result is stored',
    file: 'lib/settle/ack.ts',
    replace:
      'const refused = queue.settings.results ? await storeResults(engine, queue, worksIn(engine, queue, acks)) : NONE',
    by: 'if (queue.settings.results) storeResults(engine, queue, worksIn(engine, queue, acks)).catch(() => {})\n  const refused = NONE',
    ...RESULTS,
  },
  {
    name: 'of the results of several claims the earliest one counts',
    file: 'lib/model/result.ts',
    replace: 'return a.entry.version < b.entry.version',
    by: 'return a.entry.version > b.entry.version',
    ...RESULTS,
  },
  {
    name: 'a result counts while its message is still there, once the lease is over',
    file: 'lib/results/find-result.ts',
    replace: "if (slot.kind === 'gone') return undefined",
    by: "if (slot.kind === 'gone' || (slot.kind === 'lease' && slot.until <= engine.clock.now())) return undefined",
    ...RESULTS,
  },
  {
    name: 'the result of one message counts for all of its segment',
    file: 'lib/model/result.ts',
    replace: 'if (entry.index === index && (!best',
    by: 'if ((!best',
    ...RESULTS,
  },
  {
    name: 'a message has the status leased after its lease has ended',
    file: 'lib/results/slot-status.ts',
    replace: "if (slot.kind === 'lease' && liveAt(slot, now)) return",
    by: "if (slot.kind === 'lease' && !slot.backingOff) return",
    ...RESULTS,
  },
  {
    name: 'a wait goes on past its time',
    file: 'lib/results/await-result.ts',
    replace: 'const deadline = engine.clock.now() + waitTimeSeconds * 1_000',
    by: 'const deadline = engine.clock.now() + waitTimeSeconds * 4_000',
    ...RESULTS,
  },
  {
    name: 'a transaction stores nothing about the messages that it removes',
    file: 'lib/results/write-results.ts',
    replace: '  if (!results) return []\n  const entries = indexes',
    by: '  if (results) return []\n  const entries = indexes',
    ...RESULTS,
  },
  {
    name: 'the result of a killed consumer counts in place of how the message ended',
    file: 'lib/model/result.ts',
    replace: 'if (ended !== ends) return ends',
    by: 'if (ended !== ends) return ended',
    ...RESULTS,
  },
  {
    name: 'what became of a message is read from a replica',
    file: 'lib/results/find-result.ts',
    replace: 'limit: MAX_RESULTS, consistent: true',
    by: 'limit: MAX_RESULTS',
    ...RESULTS,
  },
  {
    name: 'the retention of a result begins at its receive',
    file: 'lib/model/result.ts',
    replace: 'Math.max(receivedAt + promptMs({ retentionSeconds }), heldAt ?? 0)',
    by: 'Math.max(receivedAt, heldAt ?? 0)',
    ...EXPIRY,
  },
  {
    name: 'the retention of a result begins at its ack, so that the result of an earlier consumer outlives that of the last',
    file: 'lib/results/write-results.ts',
    replace: '    expiresAt: expiryOfAck(queue, some[0]),\n    // The first',
    by: '    expiresAt: now + 60_000,\n    // The first',
    ...EXPIRY,
  },
  {
    name: 'results are kept for good',
    file: 'lib/results/write-results.ts',
    replace: '    expiresAt: expiryOfAck(queue, some[0]),\n    // The first',
    by: '    // The first',
    ...EXPIRY,
  },
  {
    name: 'an alias is not followed',
    file: 'lib/results/find-result.ts',
    replace: 'if (alias) place = placeAt(queue, alias)',
    by: '',
    ...RESULTS,
  },
]
