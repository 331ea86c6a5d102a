/** A bug that a programmer might make: one change at one place of the engine. */
export interface PlantedBug {
  readonly name: string
  readonly file: string
  /** The text to replace, which is in the file exactly once. */
  readonly replace: string
  readonly by: string
  /** The suites of which one must fail. Files, not folders: each costs CI as long as it takes. */
  readonly suites: readonly string[]
  /** Part of the names of the simulated worlds to run. @default all worlds */
  readonly worlds?: string
}

/** Simulated histories hunt a bug with this suite. */
export const SIMULATION_SUITE = 'test/simulation/simulation.test.ts'

const SIMULATION = { suites: [SIMULATION_SUITE], worlds: 'standard' }
/** The store's contract, on DynamoDB as on its stand-ins. */
const CONTRACT = ['test/lib/store/dynamodb-store.test.ts']
const UNIT = [
  'settle/ack',
  'redrive/dead-letter',
  'messages/messages',
  'receive/poll',
  'publish/publish',
  'queues/queues',
].map((test) => `test/lib/${test}.test.ts`)
/** The commands of the model are drawn at random, so it may miss a bug that the tests beside it always find. */
const MODEL = [...UNIT, 'test/simulation/queue.test.ts']

export const BUGS: readonly PlantedBug[] = [
  {
    name: 'the claim of a whole segment has no condition',
    file: 'lib/model/segment-change.ts',
    replace: 'requires: whole ? atVersion(segment) : asRead(segment, indexes), slots',
    by: "requires: whole ? { kind: 'slots', slots: [] } : asRead(segment, indexes), slots",
    ...SIMULATION,
  },
  {
    name: 'the claim of a part has no condition on its messages',
    file: 'lib/model/segment-change.ts',
    replace: 'requires: whole ? atVersion(segment) : asRead(segment, indexes), slots',
    by: "requires: whole ? atVersion(segment) : { kind: 'slots', slots: [] }, slots",
    ...SIMULATION,
  },
  {
    name: 'a claim does not look whether the lease before is over',
    file: 'lib/model/segment.ts',
    replace: 'if (slotVisibleAt(slotAt(segment, index), fresh) <= now) indexes.push(index)',
    by: "if (slotAt(segment, index).kind !== 'gone') indexes.push(index)",
    suites: ['test/lib/receive/poll.test.ts'],
  },
  {
    name: 'a lease counts as over a second early',
    file: 'lib/model/segment.ts',
    replace: 'if (slotVisibleAt(slotAt(segment, index), fresh) <= now) indexes.push(index)',
    by: 'if (slotVisibleAt(slotAt(segment, index), fresh) <= now + 1_000) indexes.push(index)',
    ...SIMULATION,
  },
  {
    name: 'a lease that was read is compared by its token alone, not by its end',
    file: 'lib/model/segment-change.ts',
    replace: 'slot.until === lease.until &&',
    by: '',
    suites: ['test/lib/store/memory-store.test.ts'],
  },
  {
    name: 'an ack believes its handle how many messages there were',
    file: 'lib/settle/ack.ts',
    replace: 'slots, count: first.count, ',
    by: 'slots, ',
    suites: ['test/lib/settle/ack.test.ts'],
  },
  {
    name: 'the second try of an ack does not ask for its token',
    file: 'lib/settle/ack.ts',
    replace: "requires: { kind: 'slots', slots: tokensOf(handles, now) }",
    by: "requires: { kind: 'slots', slots: [] }",
    suites: ['test/lib/settle/ack.test.ts'],
  },
  {
    name: 'the first try of an ack does not ask for its token',
    file: 'lib/settle/ack.ts',
    replace: 'const slots = tokensOf(handles, now)',
    by: 'const slots = tokensOf(handles.slice(0, 0), now)',
    ...SIMULATION,
  },
  {
    name: 'an ack of a part deletes the whole segment',
    file: 'lib/settle/ack.ts',
    replace: "if (!areAll) return { key, requires: { kind: 'slots', slots }, slots: goneSlots(handles) }",
    by: "if (!areAll) return { key, requires: { kind: 'slots', slots }, slots: undefined }",
    ...SIMULATION,
  },
  {
    name: 'a handle named twice is changed twice in one write',
    file: 'lib/settle/apply-to-handles.ts',
    replace: 'held.filter(({ handle }) => !seen.has(handle.index) && seen.add(handle.index))',
    by: 'held.filter(({ handle }) => seen.add(handle.index))',
    suites: MODEL,
  },
  {
    name: 'an outdated ack is answered with success',
    file: 'lib/settle/ack.ts',
    replace: 'return held ? undefined : leaseLost(queue.name)',
    by: 'return held ? undefined : OK',
    ...SIMULATION,
  },
  {
    name: 'a nack does not ask for its token',
    file: 'lib/settle/nack.ts',
    replace: "requires: { kind: 'slots', slots: held.map((one) => [one.handle.index, heldAs(one)]) },",
    by: "requires: { kind: 'slots', slots: [] },",
    suites: MODEL,
  },
  {
    name: 'a lease that is over can be extended',
    file: 'lib/settle/extend.ts',
    replace: '...(!revive && { liveAt: at }), ',
    by: '',
    suites: MODEL,
  },
  {
    name: 'an extension that arrives late moves the end of its lease back',
    file: 'lib/settle/extend.ts',
    replace: '...(end !== undefined && { endsBy: end }) }',
    by: '}',
    suites: [SIMULATION_SUITE],
    worlds: 'workers',
  },
  {
    name: 'an extension takes the later end of another one for an end to shorten',
    file: 'lib/settle/extend.ts',
    replace: 'const at = current ? engine.clock.now() : now',
    by: 'const at = now',
    suites: ['test/lib/settle/late-extensions.test.ts'],
  },
  {
    name: 'a lease is made to end sooner whatever became of it since',
    file: 'lib/settle/extend.ts',
    replace: "if (endsSooner) return { kind: 'lease', lease: slot }",
    by: "if (endsSooner) return { kind: 'token', token }",
    suites: ['test/lib/settle/late-extensions.test.ts'],
  },
  {
    name: 'an extension forgets the receives',
    file: 'lib/settle/extend.ts',
    replace: 'leaseOf(handle, endOf(request))]',
    by: '{ ...leaseOf(handle, endOf(request)), receiveCount: Math.min(1, handle.receiveCount) }]',
    suites: ['test/lib/settle/ack.test.ts'],
  },
  {
    name: 'what a poller scanCache is never looked at again',
    file: 'lib/hints/scan-cache/read-plan.ts',
    replace: 'if (range.until <= now) add(ranges, {',
    by: 'if (range.until <= 0) add(ranges, {',
    suites: ['test/lib/hints/scan-cache/scan-cache.test.ts'],
  },
  {
    name: 'a poll looks at a segment with each of the ranges that share it',
    file: 'lib/receive/scan-partition.ts',
    replace: 'if (segment.key.sort <= last) continue',
    by: "if (segment.key.sort === '') continue",
    suites: ['test/lib/receive/poll.test.ts'],
  },
  {
    name: 'what a poller gives back for its caller is counted as received',
    file: 'lib/model/segment-change.ts',
    replace: 'slots: leasesOf(claimed).map(([index]) => [index, slotAt(before, index)]),',
    by: "slots: leasesOf(claimed).map(([index, { token }]) => [index, { kind: 'lease', token, until: 0, receiveCount: receiveCountOf(slotAt(before, index)) + 1, firstReceivedAt: 0, backingOff: false }]),",
    suites: ['test/lib/receive/poll.test.ts'],
  },
  {
    name: 'a claim whose answer was lost is delivered with the leases that others took since',
    file: 'lib/receive/claim.ts',
    replace: 'return stored ? { ...stored, applied: true as const, segment } : outcome',
    by: 'return stored ? { ...stored, applied: true as const } : outcome',
    suites: ['test/lib/receive/poll.test.ts'],
  },
  {
    name: "another poller's claim is taken for a claim of one's own whose answer was lost",
    file: 'lib/receive/claim.ts',
    replace: '|| !segment || !bearsLeases(segment, change)) return outcome',
    by: '|| !segment) return outcome',
    ...SIMULATION,
  },
  {
    name: 'a scan gives out what has expired',
    file: 'lib/receive/candidates.ts',
    replace: 'if (isDropped(queue, segment, now)) continue',
    by: '',
    ...SIMULATION,
  },
  {
    name: 'tickets of empty groups stay for good',
    file: 'lib/receive/drop-idle-tickets.ts',
    replace: 'engine.store.dropTicket({ partition, group }, lastSequence).catch(() => {})',
    by: '',
    suites: [SIMULATION_SUITE],
    worlds: 'fifo',
  },
  {
    name: 'a repeated receive hands out what another received while it read',
    file: 'lib/receive/receive-attempt.ts',
    replace: "(decoded[position] as ReceiptHandle).token) ? 'held' : 'lost'",
    by: "(decoded[position] as ReceiptHandle).token) ? 'held' : 'held'",
    suites: ['test/lib/receive/receive-attempt.test.ts'],
  },
  {
    name: 'a claim whose answer was lost is given up',
    file: 'lib/receive/claim.ts',
    replace: '!bearsLeases(segment, change)',
    by: 'bearsLeases(segment, change)',
    suites: ['test/lib/receive/poll.test.ts'],
  },
  {
    name: 'dead letters are moved whatever happened to them since',
    file: 'lib/model/segment-change.ts',
    replace: ': { requires: asRead(segment, indexes), slots: indexes.map((index) => [index, GONE]) }),',
    by: ": { requires: { kind: 'slots' as const, slots: [] }, slots: indexes.map((index) => [index, GONE] as const) }),",
    ...SIMULATION,
    suites: [...SIMULATION.suites, 'test/lib/model/segment.test.ts'],
  },
  {
    name: 'a message is received once more than its maximum',
    file: 'lib/receive/candidates.ts',
    replace: 'receiveCountOf(slotAt(segment, index)) >= limit',
    by: 'receiveCountOf(slotAt(segment, index)) > limit',
    ...SIMULATION,
  },
  {
    name: 'an update of a header does not ask for its version',
    file: 'lib/store/dynamodb/expressions.ts',
    replace: 'return [VERSION_AS_READ]',
    by: 'return [HEADER_EXISTS]',
    suites: CONTRACT,
  },
  {
    name: 'a claim among several does not ask for the version',
    file: 'lib/store/dynamodb/expressions.ts',
    replace:
      'WHERE "pk"=? AND "sk"=? AND "e"=? RETURNING ALL NEW *`,\n      Parameters: [{ N: String(requires.version + 1) }, ...values, ...key, { N: String(requires.version) }],',
    by: 'WHERE "pk"=? AND "sk"=? RETURNING ALL NEW *`,\n      Parameters: [{ N: String(requires.version + 1) }, ...values, ...key],',
    suites: CONTRACT,
  },
  {
    name: 'a deletion among several asks for any token',
    file: 'lib/store/dynamodb/expressions.ts',
    replace: 'parameters.push(...tokenBounds(expected))',
    by: 'parameters.push({ B: new Uint8Array(1) }, { B: new Uint8Array(8).fill(255) })',
    suites: CONTRACT,
  },
  {
    name: 'a live lease is not told from one that is over',
    file: 'lib/store/dynamodb/header-item.ts',
    replace: 'from.writeUIntBE(liveAt + 1, TOKEN_BYTES + 1, 6)',
    by: '',
    suites: CONTRACT,
  },
  {
    name: 'an insert writes over what is there',
    file: 'lib/store/dynamodb/segments.ts',
    replace: 'table.put(header, ABSENT)',
    by: 'table.put(header)',
    suites: CONTRACT,
  },
  {
    name: 'messages are moved into a queue that is being deleted',
    file: 'lib/redrive/move.ts',
    replace: "      { kind: 'check', key: queueKey(target.name), ifVersion: target.version },\n",
    by: '',
    suites: ['test/lib/redrive/dead-letter.test.ts'],
  },
  {
    name: 'a document is written whatever its version',
    file: 'lib/store/dynamodb/documents.ts',
    replace: 'return versionIs(version)',
    by: 'return {}',
    suites: CONTRACT,
  },
  {
    name: 'a purge spares what is leased',
    file: 'lib/model/queue-record.ts',
    replace: 'queue.purgedAt !== undefined && publishedAt <= queue.purgedAt',
    by: 'queue.purgedAt !== undefined && publishedAt < queue.purgedAt - 60_000',
    suites: MODEL,
  },
  {
    name: 'a message put off moves where its retention has ended',
    file: 'lib/messages/reschedule-message.ts',
    replace: "slot.kind === 'lease' && slot.receiveCount > 0\n",
    by: "slot.kind !== 'gone'\n",
    suites: ['test/lib/messages/messages.test.ts'],
  },
  {
    name: 'a message that used up its receives is taken away and not moved',
    file: 'lib/redrive/move.ts',
    replace: '      ...writes,\n',
    by: '',
    ...SIMULATION,
  },
  {
    name: 'a publish with an idempotency key is stored again',
    file: 'lib/publish/publish-idempotently.ts',
    replace: 'key, value, ifVersion: 0, expiresAt',
    by: 'key, value, expiresAt',
    suites: ['test/lib/publish/publish-idempotently.test.ts'],
  },
  {
    name: 'a delay is forgotten',
    file: 'lib/publish/new-segment.ts',
    replace: 'message.dueAt ?? now + delaySeconds * 1_000',
    by: 'message.dueAt ?? now',
    suites: MODEL,
  },
  {
    name: 'a message is given back unreceived by a consumer that lost its lease',
    file: 'lib/settle/unreceive.ts',
    replace: 'requires: heldByToken(held),',
    by: "requires: { kind: 'slots', slots: [] },",
    suites: ['test/simulation/simulation.test.ts'],
    worlds: 'unreceived',
  },
]
