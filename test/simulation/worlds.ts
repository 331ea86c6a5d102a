import { type Faults, NO_FAULTS, SOME_FAULTS } from './faults.ts'
import type { Spans } from './spans.ts'
import type { FunctionFaults } from './trigger-function.ts'
import type { WorldSettings } from './world-settings.ts'

/** Few messages for many consumers: each is received again and again, while consumers of earlier receives still work on it. */
const CONTENDED = { publishEveryMs: 2_000, drainMs: 20_000 } as const satisfies Partial<Spans>
const STANDARD = {
  kind: 'standard',
  cast: { publishers: 2, consumers: 4, operators: 1 },
  table: { staleReads: 0.4 },
  spans: CONTENDED,
} as const satisfies WorldSettings

const GROUPS = ['red', 'green', 'blue', 'white']
/** Longer than leases, extensions, backing off, a crashed poller's locks, and hints that hide messages: then all must be received. */
const FIFO_SPANS = { workMs: 12_000, drainMs: 24_000, publishEveryMs: 1_200 } as const satisfies Partial<Spans>
const FIFO = {
  kind: 'fifo',
  cast: { publishers: 3, consumers: 4, operators: 1 },
  groups: GROUPS,
  table: { staleReads: 0.4, tornReads: 0.3 },
  spans: FIFO_SPANS,
} as const satisfies WorldSettings

const DEAD_LETTERS = (maxReceives: number) => ({ deadLetter: { queue: 'orders-dead', maxReceives } })
const FIFO_DEAD_LETTERS = (maxReceives: number) => ({ deadLetter: { queue: 'orders-dead.fifo', maxReceives } })

const DELAYS = [0, 1, 600, 600].map((delaySeconds) => ({ delaySeconds }))
const UNDONE = {
  ...STANDARD,
  cast: { publishers: 2, consumers: 2, operators: 0, redrivers: 1, undoers: 1, deadLetterConsumers: 1 },
  // Another runner continues a task that fails half-way only when its own has written nothing for a minute.
  faults: { 'sent twice': 0.05, 'request delayed': 0.01, 'answer delayed': 0.01 },
  spans: { publishEveryMs: 1_500, leaseSeconds: [1, 2], pollEveryMs: 1_500, lateMs: [200, 2_000], drainMs: 24_000 },
} as const satisfies WorldSettings
const SHARDS = [1, 2, 3, 4].map((shards) => ({ shards }))

/** Every fault there is. */
export const ALL_FAULTS: Faults = {
  ...SOME_FAULTS,
  'request delayed': 0.005,
  'answer delayed': 0.005,
  'sent twice, the first late': 0.01,
  'throttled: key range': 0.002,
  'throttled: on-demand maximum': 0.0005,
  'throttled: provisioned throughput': 0.0005,
  'throttled: account limit': 0.0005,
  'transaction conflict': 0.03,
  paused: 0.002,
  'clock jumps': 0.005,
}

/** Pauses are so long that every process reads them, and polls go on for a while. */
const PAUSES = {
  changes: { during: [{ paused: true }, { paused: false }], atRest: { paused: false }, everyMs: 20_000 },
} as const satisfies Partial<WorldSettings>
const PAUSED_SPANS = { workMs: 50_000, publishEveryMs: 3_000 } as const satisfies Partial<Spans>

const LIMITED: WorldSettings = {
  kind: 'standard',
  cast: { publishers: 1, consumers: 5, operators: 0 },
  groups: ['red', 'green'],
  settings: { maxInFlightPerGroup: 3 },
  clocksOffByMs: 20_000,
  faults: {
    'answer lost': 0.02,
    'sent twice': 0.02,
    'throttled once': 0.02,
    'request delayed': 0.015,
    'answer delayed': 0.015,
  },
  spans: {
    workMs: 60_000,
    drainMs: 120_000,
    publishEveryMs: 3_000,
    leaseSeconds: [0, 8],
    workOnMessageMs: 10_000,
    // Longer than leases and than any lock would last.
    lateMs: [1_000, 40_000],
  },
}

const KEPT = { results: { retentionSeconds: 600 } }
const RESULTS = {
  ...STANDARD,
  cast: { ...STANDARD.cast, watchers: 2 },
  settings: KEPT,
  unreceives: 0.1,
} as const satisfies WorldSettings
const TRANSACTIONS = {
  ...STANDARD,
  cast: { publishers: 2, consumers: 1, operators: 1, transactors: 3 },
} as const satisfies WorldSettings

/** For a while without faults, publishers publish more than consumers receive. */
const STEADY = {
  ...STANDARD,
  cast: { ...STANDARD.cast, publishers: 3, servers: 3 },
  faults: SOME_FAULTS,
  steadyMs: 20_000,
  spans: { workMs: 6_000, publishEveryMs: 1_000, drainMs: 25_000 },
} as const satisfies WorldSettings
const MANY_GROUPS = ['red', 'green', 'blue', 'white', 'black', 'grey', 'brown', 'pink']

const TRIGGERED: WorldSettings = {
  kind: 'standard',
  cast: { publishers: 2, consumers: 0, operators: 0 },
  table: { staleReads: 0.4 },
  spans: { workMs: 240_000, publishEveryMs: 20_000, pauseMs: [5_000, 60_000] },
  trigger: { maxConcurrency: 3 },
}
/** What can befall an invocation. */
export const FUNCTION_FAULTS: FunctionFaults = {
  fails: 0.05,
  reports: 0.1,
  hangs: 0.02,
  answersLost: 0.02,
  answersLate: 0.05,
  connectionsBreak: 0.03,
  requestsLost: 0.01,
}
const DISPATCHER_FAULTS: Faults = { ...SOME_FAULTS, paused: 0.01, 'killed while waiting': 0.003 }
const ODD_WAKES = { startsLost: 0.2, wakesOdd: 0.2 }

/** Workers extend each lease several times, while the first sending of an earlier extension is still on its way. */
const LATE_EXTENSIONS = {
  cast: { publishers: 1, consumers: 1, operators: 0, workers: 3 },
  faults: { 'sent twice, the first late': 0.1, 'request lost': 0.01 },
  spans: { publishEveryMs: 2_000, drainMs: 24_000, leaseSeconds: [1, 2], lateMs: [200, 3_000] },
} as const satisfies Partial<WorldSettings>

/** The worlds that histories are played in, by name. */
export const WORLDS = {
  'standard: nothing fails': { ...STANDARD, table: {} },
  'standard: requests fail and processes are killed': { ...STANDARD, faults: SOME_FAULTS },
  'standard: clocks differ': { ...STANDARD, faults: SOME_FAULTS, clocksOffByMs: 300 },
  'standard: there are shards and priorities': {
    ...STANDARD,
    faults: SOME_FAULTS,
    settings: { shards: 3, priorities: 2 },
  },
  'standard: nothing fails and messages are dead-lettered': { ...STANDARD, table: {}, settings: DEAD_LETTERS(2) },
  'standard: messages are dead-lettered': { ...STANDARD, faults: SOME_FAULTS, settings: DEAD_LETTERS(3) },
  'standard: messages are given back unreceived, and redriven': {
    ...STANDARD,
    cast: { ...STANDARD.cast, redrivers: 1, deadLetterConsumers: 1 },
    // Another runner continues a redrive that fails half-way only when its own has written nothing for a minute.
    faults: { 'sent twice': 0.05, 'request delayed': 0.02, 'answer delayed': 0.02 },
    settings: DEAD_LETTERS(2),
    unreceives: 0.2,
  },
  /** Few messages are received between a redrive and its undo: consumers are slow, and the queue is never empty. */
  'standard: redrives are undone': {
    ...UNDONE,
    settings: { priorities: 2, ...DEAD_LETTERS(1) },
  },
  /** Requests with a key meet their own repeats, in other shards, and after their messages are gone. */
  'standard: publishes are repeated under their keys while shards rise and fall': {
    ...STANDARD,
    faults: { ...SOME_FAULTS, 'answer lost': 0.1, 'sent twice, the first late': 0.02 },
    idempotencyKeys: 0.8,
    changes: { during: SHARDS, atRest: { shards: 2 } },
  },
  'standard: everything fails': { ...STANDARD, faults: ALL_FAULTS, clocksOffByMs: 300 },
  'standard: with groups': {
    ...STANDARD,
    groups: GROUPS,
    faults: SOME_FAULTS,
    spans: { ...CONTENDED, drainMs: 60_000 },
  },
  'standard: long polls are abandoned': {
    ...STANDARD,
    groups: GROUPS,
    abandons: 0.4,
    spans: { ...CONTENDED, drainMs: 60_000 },
  },
  'standard: TTL is early': { ...STANDARD, faults: SOME_FAULTS, timesToLive: 0.3, table: { ttl: 'early' } },
  'standard: TTL is late': { ...STANDARD, faults: SOME_FAULTS, timesToLive: 0.3, table: { ttl: 'late' } },
  'standard: TTL never comes': { ...STANDARD, faults: SOME_FAULTS, timesToLive: 0.3, table: { ttl: 'never' } },
  'standard: the queue is paused and resumed': {
    ...STANDARD,
    ...PAUSES,
    faults: SOME_FAULTS,
    clocksOffByMs: 300,
    spans: { ...CONTENDED, ...PAUSED_SPANS },
  },
  'fifo: nothing fails': { ...FIFO, faults: NO_FAULTS, table: { tornReads: 0.3 } },
  'fifo: the clocks of publishers differ': { ...FIFO, table: { tornReads: 0.3 }, clocksOffByMs: 1_500 },
  'fifo: the clocks of publishers differ by minutes': { ...FIFO, faults: SOME_FAULTS, clocksOffByMs: 120_000 },
  'fifo: requests fail and processes are killed': { ...FIFO, faults: SOME_FAULTS, clocksOffByMs: 500 },
  'fifo: processes are killed all the time': {
    ...FIFO,
    faults: { ...SOME_FAULTS, 'killed before sending': 0.01, 'killed while waiting': 0.01 },
  },
  'fifo: tickets are read out of date': { ...FIFO, table: { staleReads: 0.8, tornReads: 0.3 }, clocksOffByMs: 300 },
  'fifo: messages are dead-lettered': {
    ...FIFO,
    faults: SOME_FAULTS,
    clocksOffByMs: 1_000,
    settings: FIFO_DEAD_LETTERS(2),
  },
  /** The earlier delay is far longer than the history, so that the history notices a group that stays locked for it. */
  'fifo: the delay changes': {
    ...FIFO,
    faults: SOME_FAULTS,
    clocksOffByMs: 500,
    changes: { during: DELAYS, atRest: { delaySeconds: 0 } },
  },
  /** The history is far shorter than the leases, so that it notices a ticket that stays locked until one of them ends. */
  'fifo: no group waits for the end of a lease that was acked or given back': {
    ...FIFO,
    cast: { publishers: 3, consumers: 4, operators: 0 },
    table: { tornReads: 0.3 },
    consumers: 'diligent',
    spans: { ...FIFO_SPANS, leaseSeconds: [600, 600], drainMs: 20_000 },
  },
  'fifo: messages are given back unreceived': {
    ...FIFO,
    faults: SOME_FAULTS,
    clocksOffByMs: 500,
    settings: FIFO_DEAD_LETTERS(2),
    unreceives: 0.2,
  },
  'fifo: publishes are repeated under their keys': {
    ...FIFO,
    faults: { ...SOME_FAULTS, 'answer lost': 0.1, 'sent twice, the first late': 0.02 },
    clocksOffByMs: 500,
    idempotencyKeys: 0.8,
  },
  'fifo: everything fails': { ...FIFO, faults: ALL_FAULTS, clocksOffByMs: 500 },
  'fifo: the queue is paused and resumed': {
    ...FIFO,
    ...PAUSES,
    faults: SOME_FAULTS,
    clocksOffByMs: 500,
    spans: { ...FIFO_SPANS, ...PAUSED_SPANS },
  },
  'liveness: priorities and shards': { ...STEADY, settings: { shards: 3, priorities: 3 } },
  'liveness: fair groups': { ...STEADY, groups: MANY_GROUPS },
  'liveness: groups with a limit': {
    ...STEADY,
    groups: GROUPS,
    settings: { maxInFlightPerGroup: 4 },
    steadyMs: 15_000,
    spans: { ...STEADY.spans, drainMs: 40_000 },
  },
  'liveness: fifo groups': { ...STEADY, kind: 'fifo', groups: MANY_GROUPS },
  'results: consumers are killed before, between and after result and ack': {
    ...RESULTS,
    faults: { ...SOME_FAULTS, 'killed before sending': 0.01, 'killed while waiting': 0.01 },
  },
  /** Few consumers: leases end, and no consumer receives the messages for a while. */
  'results: clocks differ and consumers are few': {
    ...RESULTS,
    cast: { publishers: 2, consumers: 1, operators: 1, watchers: 3 },
    faults: SOME_FAULTS,
    clocksOffByMs: 300,
  },
  'fifo: redrives are undone': {
    ...UNDONE,
    kind: 'fifo',
    groups: ['red'],
    cast: { ...UNDONE.cast, consumers: 3, deadLetterConsumers: 0 },
    settings: FIFO_DEAD_LETTERS(1),
  },
  'results: messages are dead-lettered and redriven': {
    ...RESULTS,
    cast: { ...RESULTS.cast, redrivers: 1, deadLetterConsumers: 1 },
    faults: { 'sent twice': 0.05, 'killed before sending': 0.01, 'killed while waiting': 0.002 },
    settings: { ...KEPT, ...DEAD_LETTERS(2) },
  },
  /** The shortest retention: results end while producers wait for them, and while late consumers ack. */
  'results: they expire': {
    ...RESULTS,
    cast: { publishers: 2, consumers: 2, operators: 1, watchers: 2 },
    settings: { results: { retentionSeconds: 60 } },
    table: { staleReads: 0.4, ttl: 'late' },
    faults: { 'sent twice': 0.05, 'answer lost': 0.02, 'killed while waiting': 0.002 },
    spans: {
      workMs: 160_000,
      drainMs: 15_000,
      publishEveryMs: 20_000,
      leaseSeconds: [1, 8],
      watchEveryMs: 800,
      watchedMessages: 60,
    },
  },
  'results: of fifo queues': {
    ...FIFO,
    cast: { ...FIFO.cast, watchers: 2 },
    faults: SOME_FAULTS,
    clocksOffByMs: 300,
    settings: KEPT,
    unreceives: 0.1,
  },
  'trigger: nothing fails': TRIGGERED,
  'trigger: the function is throttled for ten minutes': {
    ...TRIGGERED,
    spans: { ...TRIGGERED.spans, workMs: 640_000, publishEveryMs: 60_000 },
    trigger: { maxConcurrency: 2, throttledMs: 600_000 },
  },
  /** So few messages that the next publish does not make up for a lost wake. */
  'trigger: few messages, and everything fails': {
    ...TRIGGERED,
    faults: DISPATCHER_FAULTS,
    clocksOffByMs: 300,
    spans: { ...TRIGGERED.spans, workMs: 30_000, publishEveryMs: 20_000 },
    trigger: { maxConcurrency: 2, faults: FUNCTION_FAULTS, startsLost: 0.4, wakesOdd: 0.2 },
  },
  'trigger: few messages, and starts of runs are lost': {
    ...TRIGGERED,
    cast: { publishers: 1, consumers: 0, operators: 0 },
    spans: { ...TRIGGERED.spans, workMs: 50_000, publishEveryMs: 40_000 },
    trigger: { maxConcurrency: 2, startsLost: 0.6 },
  },
  'trigger: few messages on a FIFO queue, and everything fails': {
    ...TRIGGERED,
    kind: 'fifo',
    groups: GROUPS,
    faults: DISPATCHER_FAULTS,
    spans: { ...TRIGGERED.spans, workMs: 30_000, publishEveryMs: 20_000 },
    trigger: { maxConcurrency: 2, faults: { ...FUNCTION_FAULTS, answersLost: 0.2 }, startsLost: 0.4, wakesOdd: 0.2 },
  },
  'trigger: one at a time, and everything fails': {
    ...TRIGGERED,
    faults: DISPATCHER_FAULTS,
    clocksOffByMs: 300,
    trigger: { maxConcurrency: 1, faults: FUNCTION_FAULTS, ...ODD_WAKES },
  },
  'trigger: everything fails': {
    ...TRIGGERED,
    faults: DISPATCHER_FAULTS,
    clocksOffByMs: 300,
    trigger: { maxConcurrency: 3, batchingWindowSeconds: 2, faults: FUNCTION_FAULTS, ...ODD_WAKES },
  },
  'trigger: with groups, everything fails': {
    ...TRIGGERED,
    groups: GROUPS,
    faults: DISPATCHER_FAULTS,
    clocksOffByMs: 300,
    trigger: { maxConcurrency: 2, faults: FUNCTION_FAULTS, ...ODD_WAKES },
  },
  'trigger: a FIFO queue, everything fails': {
    ...TRIGGERED,
    kind: 'fifo',
    groups: GROUPS,
    faults: DISPATCHER_FAULTS,
    trigger: { maxConcurrency: 2, faults: FUNCTION_FAULTS, ...ODD_WAKES },
  },
  'trigger: the queue is paused and resumed': {
    ...TRIGGERED,
    ...PAUSES,
    changes: { ...PAUSES.changes, everyMs: 60_000 },
    trigger: { maxConcurrency: 2 },
  },
  /** Few messages: only the tick, or a late wake, starts a run after a resume. */
  'trigger: the queue is paused and resumed, and everything fails': {
    ...TRIGGERED,
    ...PAUSES,
    faults: { ...SOME_FAULTS, 'killed while waiting': 0.003 },
    clocksOffByMs: 300,
    spans: { workMs: 55_000, publishEveryMs: 30_000 },
    trigger: { maxConcurrency: 2, faults: FUNCTION_FAULTS, startsLost: 0.4, wakesOdd: 0.2 },
  },
  'trigger: a filter, and what is unmatched is deleted': {
    ...TRIGGERED,
    trigger: { maxConcurrency: 2, unmatched: 'delete', batchingWindowSeconds: 1 },
  },
  'trigger: a filter, what is unmatched is deleted, and everything fails': {
    ...TRIGGERED,
    groups: GROUPS,
    faults: DISPATCHER_FAULTS,
    clocksOffByMs: 300,
    trigger: { maxConcurrency: 2, unmatched: 'delete', faults: FUNCTION_FAULTS, ...ODD_WAKES },
  },
  'trigger: a filter, what is unmatched is moved, and everything fails': {
    ...TRIGGERED,
    faults: DISPATCHER_FAULTS,
    clocksOffByMs: 300,
    trigger: { maxConcurrency: 2, unmatched: 'move', faults: FUNCTION_FAULTS, ...ODD_WAKES },
  },
  'trigger: a filter on a FIFO queue, and what is unmatched is moved when there is a queue for it': {
    ...TRIGGERED,
    kind: 'fifo',
    groups: GROUPS,
    trigger: { maxConcurrency: 2, unmatched: 'move', targetMissingMs: 150_000 },
  },
  'trigger: a filter on a FIFO queue, what is unmatched is moved, and everything fails': {
    ...TRIGGERED,
    kind: 'fifo',
    groups: GROUPS,
    faults: DISPATCHER_FAULTS,
    trigger: { maxConcurrency: 2, unmatched: 'move', faults: FUNCTION_FAULTS, ...ODD_WAKES },
  },
  'transactions: requests fail and processes are killed': {
    ...TRANSACTIONS,
    faults: { ...SOME_FAULTS, 'answer lost': 0.1, 'killed before sending': 0.005, 'killed while waiting': 0.005 },
    clocksOffByMs: 300,
  },
  'transactions: requests arrive after they were given up': {
    ...TRANSACTIONS,
    faults: { 'given up, and done late': 0.1, 'answer lost': 0.05, 'request lost': 0.05, 'transaction conflict': 0.1 },
  },
  /** The client below repeats a transaction whose answer is late, and the repeat is cancelled before the first one arrives. */
  'transactions: what was sent before a cancellation arrives after it': {
    ...TRANSACTIONS,
    faults: { 'sent twice, the first late': 0.2, 'request lost': 0.02, 'transaction conflict': 0.05 },
    spans: { ...TRANSACTIONS.spans, lateMs: [100, 1_500] },
  },
  'transactions: results are kept': {
    ...TRANSACTIONS,
    cast: { ...TRANSACTIONS.cast, watchers: 1 },
    faults: { ...SOME_FAULTS, 'answer lost': 0.1, 'killed before sending': 0.005 },
    settings: KEPT,
  },
  'transactions: on fifo queues': {
    ...FIFO,
    cast: { publishers: 2, consumers: 1, operators: 1, transactors: 3 },
    faults: { ...SOME_FAULTS, 'answer lost': 0.1, 'killed before sending': 0.005, 'transaction conflict': 0.05 },
    clocksOffByMs: 300,
  },
  'limited: requests are paused for longer than leases last, and clocks differ by seconds': LIMITED,
  'workers: on a standard queue, extensions arrive late': { ...STANDARD, ...LATE_EXTENSIONS },
  'workers: on a fifo queue, extensions arrive late': { ...FIFO, ...LATE_EXTENSIONS },
} as const satisfies Record<string, WorldSettings>
