import { FAULTS } from './faults.ts'
import { FEATURES, type Feature, pairsOf } from './features.ts'

/** Counts what a simulation reached. Read the counts: a case that was never reached is not tested. */
export interface Coverage {
  operation(name: string): void
  outcome(kind: string, outcome: 'done' | 'refused'): void
  transition(from: string, to: string): void
  interleaving(late: string, how: 'right after' | 'lost to', early: string): void
  fault(name: string): void
  /** The feature had an effect in this history. */
  feature(name: Feature): void
  counts(): CoverageCounts
}

export type CoverageCounts = Record<Section, Record<string, number>>
export const SECTIONS = [
  'operations',
  'outcomes',
  'transitions',
  'interleavings',
  'faults',
  'features',
  'together',
] as const
type Section = (typeof SECTIONS)[number]

export const newCoverage = (): Coverage => {
  const operations = counter()
  const outcomes = counter()
  const transitions = counter()
  const interleavings = counter()
  const faults = counter()
  const features = new Set<Feature>()
  return {
    operation: (name) => operations.count(name),
    outcome: (kind, outcome) => outcomes.count(kind, outcome),
    transition: (from, to) => transitions.count(from, '→', to),
    interleaving: (late, how, early) => interleavings.count(late, how, early),
    fault: (name) => faults.count(name),
    feature: (name) => void features.add(name),
    counts: () => ({
      operations: operations.counts(),
      outcomes: outcomes.counts(),
      transitions: transitions.counts(),
      interleavings: interleavings.counts(),
      faults: faults.counts(),
      features: once([...features]),
      // In the order of the list, so that a pair has one name.
      together: once(
        pairsOf(
          FEATURES.filter((name) => features.has(name)),
          Object.keys(faults.counts()),
        ),
      ),
    }),
  }
}

const once = (names: readonly string[]): Record<string, number> => Object.fromEntries(names.map((name) => [name, 1]))

interface Node {
  count: number
  readonly next: Map<string, Node>
}

/** Counts names of several words, and joins the words only when the counts are read. */
const counter = () => {
  const root: Node = { count: 0, next: new Map() }
  const step = (node: Node, word: string): Node => {
    let next = node.next.get(word)
    if (!next) {
      next = { count: 0, next: new Map() }
      node.next.set(word, next)
    }
    return next
  }
  const namesBelow = (node: Node, name: string): [string, number][] => [
    ...(node.count > 0 ? [[name, node.count] as [string, number]] : []),
    ...[...node.next].flatMap(([word, next]) => namesBelow(next, name === '' ? word : `${name} ${word}`)),
  ]
  return {
    count: (first: string, second?: string, third?: string): void => {
      let node = step(root, first)
      if (second !== undefined) node = step(node, second)
      if (third !== undefined) node = step(node, third)
      node.count++
    },
    counts: (): Record<string, number> => Object.fromEntries(namesBelow(root, '')),
  }
}

export const noCounts = (): CoverageCounts =>
  Object.fromEntries(SECTIONS.map((section) => [section, {}])) as CoverageCounts

export const addCounts = (sum: CoverageCounts, more: CoverageCounts): void => {
  for (const section of SECTIONS) {
    for (const [name, count] of Object.entries(more[section])) sum[section][name] = (sum[section][name] ?? 0) + count
  }
}

const WRITES = ['claim', 'ack', 'ack of all', 'extend', 'rest', 'removal']

/**
 * What the engine does to messages, and the faults. A simulation of any length must reach all of it. No message goes from fresh to
 * backing off: only a holder gives a message back, and one that was never received is put off by moving it to another segment.
 */
const EXPECTED: Partial<Record<Section, readonly string[]>> = {
  transitions: [
    'fresh → leased',
    'lapsed → leased',
    'rested → leased',
    'leased → extended',
    'leased → backingOff',
    'leased → rested',
    'leased → gone',
    'lapsed → gone',
    'fresh → gone',
    'rested → gone',
    'backingOff → gone',
  ],
  faults: [...Object.keys(FAULTS), 'stale read', 'torn read', 'TTL early', 'TTL late', 'TTL never'],
  features: FEATURES,
  interleavings: WRITES.flatMap((late) => WRITES.map((early) => `${late} lost to ${early}`)),
}

export const neverReached = (counts: CoverageCounts): string[] =>
  Object.entries(EXPECTED).flatMap(([section, names]) =>
    names.filter((name) => !counts[section as Section][name]).map((name) => `${section}: ${name}`),
  )
