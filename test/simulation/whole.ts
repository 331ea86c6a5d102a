import type { SettingsChange } from '../../lib/model/queue-settings.ts'
import { type Faults, SOME_FAULTS } from './faults.ts'
import { type RandomStream, randomStream } from './random-stream.ts'
import type { Spans } from './spans.ts'
import type { TableBehaviour } from './table.ts'
import type { TriggerSettings, WorldSettings } from './world-settings.ts'
import { ALL_FAULTS, FUNCTION_FAULTS } from './worlds.ts'

/**
 * The whole world: each history draws its queue, its actors and its faults by its seed, so that features meet in one history that no
 * other world combines. Each feature is left out of about half of the histories: with all of them at once, purges and deletions would
 * leave nothing to judge.
 */

type Kind = 'standard' | 'fair groups' | 'limited groups' | 'fifo'

const GROUPS = ['red', 'green', 'blue', 'white']
const SHARDS = [1, 2, 3, 4].map((shards) => ({ shards }))

/** Sets of faults. A history without faults shows what is wrong without them. */
const FAULTS: readonly (Faults | undefined)[] = [
  undefined,
  SOME_FAULTS,
  ALL_FAULTS,
  { ...SOME_FAULTS, 'killed before sending': 0.01, 'killed while waiting': 0.01, paused: 0.004 },
  { 'answer lost': 0.06, 'sent twice': 0.04, 'sent twice, the first late': 0.03, 'given up, and done late': 0.02 },
  { 'throttled once': 0.04, 'throttled: key range': 0.01, 'transaction conflict': 0.08, 'request delayed': 0.01 },
]

const drawn = (kind: Kind, seed: number, only?: Size): WorldSettings => {
  const random = randomStream(seed)
  random.restart(WHOLE_STREAM)
  const faults = random.oneOf(FAULTS)
  const lot = random.fraction()
  const size = only ?? sizeOf(lot)
  const most = MOST[size]
  const isFifo = kind === 'fifo'
  const settings = settingsOf(kind, random)
  const dies = settings.deadLetter !== undefined
  const trigger = triggerOf(kind, size, seed)
  return {
    kind: isFifo ? 'fifo' : 'standard',
    ...(kind !== 'standard' && { groups: size === 'tiny' ? GROUPS.slice(0, random.whole(1, 2)) : GROUPS }),
    settings,
    ...(faults && { faults }),
    ...(trigger && { trigger }),
    table: tableOf(random),
    clocksOffByMs: random.oneOf([0, 0, 300]),
    cast: {
      publishers: random.whole(1, most.publishers),
      // A trigger gets little where many others poll all the time.
      consumers: random.whole(1, trigger ? 2 : most.consumers),
      operators: random.whole(0, 1),
      workers: random.whole(0, most.workers),
      transactors: random.oneOf([0, 0, most.transactors]),
      watchers: settings.results ? most.watchers : 0,
      redrivers: dies ? random.oneOf([0, 1, 1, 1]) : 0,
      undoers: dies ? undoersOf(seed) : 0,
      deadLetterConsumers: dies ? random.whole(0, 1) : 0,
      purgers: random.oneOf([0, 0, 1]),
      deleters: random.oneOf([0, 0, 0, 1]),
      ...(size === 'tiny' && { drainers: 1 }),
    },
    ...changesOf(isFifo, size, random),
    ...probabilities(random),
    steadyMs: random.oneOf([0, 0, STEADY_MS[size]]),
    spans: SPANS[size](random, dies),
  }
}

/** In a tiny history several consumers contend for a handful of messages, for a second or two. */
export type Size = 'tiny' | 'small' | 'large'

/** How often a history has a size; probabilities. Tiny ones take about half of the time then, small and large ones a fourth each. */
const OFTEN = { large: 0.024, small: 0.12 }

const sizeOf = (lot: number): Size => (lot < OFTEN.large ? 'large' : lot < OFTEN.large + OFTEN.small ? 'small' : 'tiny')

/** The maximum number of each kind of actor. */
const MOST = {
  tiny: { publishers: 2, consumers: 4, workers: 1, transactors: 1, watchers: 1 },
  small: { publishers: 2, consumers: 4, workers: 1, transactors: 2, watchers: 1 },
  large: { publishers: 3, consumers: 4, workers: 2, transactors: 2, watchers: 2 },
} as const

const STEADY_MS: Readonly<Record<Size, number>> = { tiny: 0, small: 1_500, large: 6_000 }

/** What tiny and small histories have in common. */
const SHORT = {
  extendSeconds: 2,
  waitSeconds: 1,
  pollEveryMs: 200,
  watchedMessages: 4,
  drainMs: 35_000,
} as const satisfies Partial<Spans>

const tinySpans = (random: RandomStream, redrives: boolean): Partial<Spans> => ({
  ...SHORT,
  // What is redriven was received before, for as long as a lease.
  workMs: random.oneOf([1_000, 1_000, 2_000]) + (redrives ? 2_500 : 0),
  publishMs: random.oneOf([1, 500]),
  publishEveryMs: 400,
  largestPublish: random.oneOf([1, 2, 4]),
  leaseSeconds: [1, 1],
  lateMs: [100, 1_500],
  watchEveryMs: 500,
  workerMs: [500, 2_000],
  dropEveryMs: [200, 2_000],
  operateEveryMs: [20, 400],
  redriveEveryMs: [20, 250],
  pauseMs: [1_100, 3_000],
})

const smallSpans = (random: RandomStream): Partial<Spans> => ({
  ...SHORT,
  workMs: random.oneOf([1_500, 3_000, 7_000]),
  publishEveryMs: random.oneOf([400, 1_500]),
  largestPublish: random.oneOf([1, 3, 6]),
  leaseSeconds: [1, 2],
  lateMs: [200, 2_500],
  watchEveryMs: 1_000,
  workerMs: [1_000, 4_000],
  dropEveryMs: [500, 3_000],
  redriveEveryMs: [100, 600],
  pauseMs: [2_500, 6_000],
})

const largeSpans = (random: RandomStream): Partial<Spans> => ({
  workMs: random.oneOf([12_000, 25_000]),
  publishEveryMs: random.oneOf([800, 2_000]),
  drainMs: 35_000,
})

const SPANS: Readonly<Record<Size, (random: RandomStream, redrives: boolean) => Partial<Spans>>> = {
  tiny: tinySpans,
  small: smallSpans,
  large: largeSpans,
}

/** The stream of numbers that a history draws its world from; actors' streams begin at 1, others are below 0. */
const WHOLE_STREAM = -100

/** The stream of its trigger: histories without one stay the same where the draws of triggers change. */
const TRIGGER_STREAM = -101

const triggerOf = (kind: Kind, size: Size, seed: number): TriggerSettings | undefined => {
  const random = randomStream(seed)
  random.restart(TRIGGER_STREAM)
  if (!random.chance(TRIGGERED)) return undefined
  const windowSeconds = random.oneOf([0, 0, 1])
  const faults = random.oneOf([undefined, FUNCTION_FAULTS, { fails: 0.2, reports: 0.2 }])
  return {
    beside: true,
    maxConcurrency: random.whole(1, 3),
    batchSize: random.oneOf([1, 4, 10]),
    batchingWindowSeconds: kind === 'fifo' ? 0 : windowSeconds,
    functionTimeoutSeconds: random.oneOf([1, 4]),
    ...(faults && { faults }),
    startsLost: random.oneOf([0, 0.3]),
    wakesOdd: random.oneOf([0, 0.3]),
    tickEveryMs: random.oneOf([1_500, 5_000]),
    // A run stops claiming when there is no time left for the function and the margins: after a few seconds here.
    runMs: random.oneOf([53_000, 90_000]),
    // Or a tiny history would be over before its function gets anything.
    ...(size === 'tiny' && { streamMs: [10, 100], startMs: [10, 200] }),
  }
}

/** How often a history has a trigger; a probability. */
const TRIGGERED = 0.3

/** The stream of its undoers. */
const UNDO_STREAM = -102

const undoersOf = (seed: number): number => {
  const random = randomStream(seed)
  random.restart(UNDO_STREAM)
  return random.whole(0, 1)
}

const settingsOf = (kind: Kind, random: RandomStream): SettingsChange => {
  const isFifo = kind === 'fifo'
  const [shards, priorities] = [random.oneOf([1, 1, 2, 3]), random.oneOf([1, 2, 3])]
  const [maxReceives, dies, keeps] = [random.oneOf([1, 1, 2, 4]), random.chance(0.5), random.chance(0.4)]
  const [mode, windowSeconds] = [random.chance(0.4), random.oneOf([undefined, undefined, 2])]
  const [limit, backsOff, delays] = [random.whole(1, 4), random.chance(0.4), random.chance(0.15)]
  return {
    shards,
    ...(kind === 'standard' && { priorities }),
    ...(kind === 'limited groups' && { maxInFlightPerGroup: limit }),
    ...(dies && { deadLetter: { queue: isFifo ? 'orders-dead.fifo' : 'orders-dead', maxReceives } }),
    ...(keeps && { results: { retentionSeconds: 600 } }),
    ...(mode && { deduplicationMode: 'pending' as const }),
    ...(windowSeconds !== undefined && !mode && { deduplicationWindowSeconds: windowSeconds }),
    ...(backsOff && {
      retryPolicy: { initialSeconds: 1, factor: 2, maximumSeconds: 4, jitter: 'full' as const },
    }),
    ...(delays && { delaySeconds: 1 }),
  }
}

const tableOf = (random: RandomStream): Partial<TableBehaviour> => ({
  staleReads: random.oneOf([0, 0.4, 0.8]),
  tornReads: random.oneOf([0, 0.3]),
  ttl: random.oneOf(['on time', 'on time', 'early', 'late', 'never'] as const),
})

/** The queue is paused and resumed, or its shards rise and fall, or both, or neither. */
const changesOf = (isFifo: boolean, size: Size, random: RandomStream): Pick<WorldSettings, 'changes'> => {
  const lot = random.fraction()
  const [pausedMs, shardsMs] = CHANGE_MS[size]
  const pauses = [{ paused: true }, { paused: false }]
  if (lot < 0.25) return { changes: { during: pauses, atRest: { paused: false }, everyMs: pausedMs } }
  if (isFifo || lot >= 0.6) return {}
  if (lot < 0.5) return { changes: { during: SHARDS, atRest: { shards: 2 }, everyMs: shardsMs } }
  return { changes: { during: [...SHARDS, ...pauses], atRest: { shards: 2, paused: false }, everyMs: shardsMs } }
}

const CHANGE_MS = { tiny: [1_500, 500], small: [4_000, 1_000], large: [9_000, 3_000] } as const

const probabilities = (random: RandomStream) => ({
  ...(random.chance(0.4) && { timesToLive: 0.15 }),
  ...(random.chance(0.5) && { deduplicationIds: 0.8 }),
  ...(random.chance(0.4) && { idempotencyKeys: 0.5 }),
  ...(random.chance(0.4) && { unreceives: 0.15 }),
  ...(random.chance(0.5) && { abandons: 0.3 }),
})

/** Whole worlds by name: each makes settings from a seed. */
export const WHOLE: Readonly<Record<string, (seed: number, only?: Size) => WorldSettings>> = {
  'whole: a standard queue': (seed, only) => drawn('standard', seed, only),
  'whole: fair groups': (seed, only) => drawn('fair groups', seed, only),
  'whole: groups with a limit': (seed, only) => drawn('limited groups', seed, only),
  'whole: a FIFO queue': (seed, only) => drawn('fifo', seed, only),
}
