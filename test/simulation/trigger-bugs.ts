import type { PlantedBug } from './bugs.ts'

const SIMULATION = { suites: ['test/simulation/simulation.test.ts'], worlds: 'trigger:' }

const FILTERS = { ...SIMULATION, worlds: 'trigger: a filter' }

/** Bugs of the protocol by which triggers wake, dispatch and hand over. */
export const TRIGGER_BUGS: readonly PlantedBug[] = [
  {
    name: 'a run ends without a last look',
    file: 'lib/triggers/run.ts',
    replace: '? await nextDue(engine, queue, now + STAY_MS)',
    by: '? { at: Number.POSITIVE_INFINITY, left: false }',
    ...SIMULATION,
  },
  {
    name: 'the last look may be out of date',
    file: 'lib/triggers/next-due.ts',
    replace: 'limit: PAGE, consistent: true })\n    for (const stored',
    by: 'limit: PAGE })\n    for (const stored',
    suites: ['test/lib/triggers'],
  },
  {
    name: 'the last look forgets what is in flight',
    file: 'lib/triggers/next-due.ts',
    replace: 'at = Math.min(at, visibleAt)',
    by: 'if (visibleAt <= soon) at = visibleAt',
    suites: ['test/lib/triggers'],
  },
  {
    name: 'the last look forgets groups that are locked',
    file: 'lib/triggers/next-due.ts',
    replace: 'if (lockedUntil > soon) return { at: lockedUntil, left: true }',
    by: 'if (lockedUntil > soon) return NOTHING',
    ...SIMULATION,
  },
  {
    name: 'a wake leaves no note for the tick',
    file: 'lib/triggers/wake.ts',
    replace: '  await noteDue(engine, queue, now)\n  await startRun',
    by: '  await startRun',
    ...SIMULATION,
  },
  {
    name: 'a wake forgets what is due later',
    file: 'lib/triggers/wake.ts',
    replace: 'if (late.length > 0) await noteDue(engine, queue, Math.min(...late))',
    by: '',
    suites: ['test/lib/triggers'],
  },
  {
    name: 'a mark counts for good',
    file: 'lib/triggers/mark.ts',
    replace: 'return document !== undefined && markIn(document).until > engine.clock.now()',
    by: 'return document !== undefined',
    ...SIMULATION,
  },
  {
    name: 'nothing looks after a run that dies',
    file: 'lib/triggers/due-index.ts',
    replace: 'Math.min(...[at, guard, again].map(',
    by: 'Math.min(...[at, again, guard && undefined].map(',
    ...SIMULATION,
  },
  {
    name: 'a slot of another run is taken before its time',
    file: 'lib/triggers/slots.ts',
    replace: '!record || record.busyUntil <= engine.clock.now()',
    by: '!record || record.busyUntil <= engine.clock.now() + 70_000',
    ...SIMULATION,
  },
  {
    name: 'a slot is free again when an answer was lost',
    file: 'lib/triggers/invoke-batch.ts',
    replace: 'slots.freeAt(slot, endsBy)',
    by: 'slots.free(slot)',
    ...SIMULATION,
  },
  {
    name: 'slots are given back while something is under way in them',
    file: 'lib/triggers/slots.ts',
    replace: 'if (!isOwn(record) || inUse.has(number) || record.busyUntil === 0) return',
    by: 'if (!isOwn(record) || record.busyUntil === 0) return',
    ...SIMULATION,
  },
  {
    name: 'a batch is sent although its run was paused',
    file: 'lib/triggers/invoke-batch.ts',
    replace: 'if (endsBy > covered) {',
    by: 'if (endsBy > covered + 3_600_000) {',
    suites: ['test/lib/triggers'],
  },
  {
    name: 'a lease ends with the function',
    file: 'lib/triggers/assemble-batch.ts',
    replace: 'batchingWindowSeconds + functionTimeoutSeconds + (ASSEMBLY_MS + INVOCATION_MARGIN_MS) / 1_000',
    by: 'batchingWindowSeconds + functionTimeoutSeconds',
    ...SIMULATION,
  },
  {
    name: 'a throttled batch has used up a receive',
    file: 'lib/triggers/invoke-batch.ts',
    replace:
      "if (outcome.kind === 'not-run') return settleAll(run, batch, { acked: [], nacked: [], unreceived: messages })",
    by: "if (outcome.kind === 'not-run') return settleAll(run, batch, { acked: [], nacked: messages, unreceived: [] })",
    ...SIMULATION,
  },
  {
    name: 'a failed batch is acked',
    file: 'lib/triggers/invoke-batch.ts',
    replace: 'return settleAll(run, batch, { acked: [], nacked: messages, unreceived: [] }, failure)',
    by: 'return settleAll(run, batch, { acked: messages, nacked: [], unreceived: [] }, failure)',
    ...SIMULATION,
  },
  {
    name: 'a message behind a failed one of its group is acked',
    file: 'lib/triggers/settle-batch.ts',
    replace: 'if (group !== undefined) failedGroups.add(group)',
    by: '',
    ...SIMULATION,
  },
  {
    name: 'a filter lets everything through',
    file: 'lib/triggers/screen-batch.ts',
    replace: 'return matches(record)',
    by: 'return matches(record) || true',
    ...FILTERS,
  },
  {
    name: 'what a filter matches is deleted with what it does not match',
    file: 'lib/triggers/settle-batch.ts',
    replace: 'inOrderOfSegments([...verdicts.acked, ...unmatched])',
    by: 'inOrderOfSegments([...verdicts.acked, ...verdicts.nacked, ...unmatched])',
    ...FILTERS,
  },
  {
    name: 'an unmatched message that can not be moved is deleted',
    file: 'lib/triggers/screen-batch.ts',
    replace: 'settleBatch(run, { acked: [], nacked, unreceived }, failure)',
    by: 'settleBatch(run, { acked: nacked, nacked: [], unreceived }, failure)',
    ...FILTERS,
  },
  {
    name: 'a move goes on behind a message of its group that stays',
    file: 'lib/settle/move-held.ts',
    replace: 'if (stopped) for',
    by: 'if (stopped && held.length === 0) for',
    ...FILTERS,
  },
  {
    name: 'a failed message comes again when the queue says, whatever its function said',
    file: 'lib/triggers/settle-batch.ts',
    replace: '        ifLeasedUntil: leasedUntil,',
    by: '',
    suites: ['test/functions/triggers/handler-settles.test.ts'],
  },
  {
    name: 'a list of failures without its object acks them',
    file: 'functions/triggers/function-answer.ts',
    replace: 'if (!isObject && /batchItemFailures|itemIdentifier/.test(payload)) {',
    by: 'if (!isObject && payload === "") {',
    suites: ['test/functions/triggers/function-answer.test.ts'],
  },
]
