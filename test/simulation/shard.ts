/** A worker process of a simulation: plays the histories that it is asked for, one after the other. */
import { addCounts, type CoverageCounts, noCounts } from './coverage.ts'
import { planHistory } from './plan.ts'
import type { Violation } from './run-history.ts'
import { outcomeOf, type Shrunk, shrink } from './shrink.ts'

export type Order =
  | {
      readonly kind: 'play'
      readonly seed: number
      readonly worlds: string
      readonly from: number
      readonly to: number
    }
  | { readonly kind: 'shrink'; readonly seed: number; readonly worlds: string; readonly index: number }

export type Report =
  | {
      readonly kind: 'played'
      readonly from: number
      readonly histories: readonly PlayedHistory[]
      readonly coverage: CoverageCounts
      readonly cpuSeconds: number
    }
  | { readonly kind: 'shrunk'; readonly index: number; readonly shrunk: Shrunk | undefined }

export interface PlayedHistory {
  readonly trace: string
  readonly operations: number
  readonly violations: readonly Violation[]
}

/** In place of the trace of a history that could not be played to its end. */
const NO_TRACE = '-'

const play = async ({ seed, worlds, from, to }: Extract<Order, { kind: 'play' }>): Promise<Report> => {
  const histories: PlayedHistory[] = []
  const coverage = noCounts()
  const usedBefore = process.cpuUsage()
  for (let index = from; index < to; index++) {
    const { settings, seed: own } = planHistory(seed, index, worlds)
    const result = await outcomeOf(settings, { seed: own })
    if ('coverage' in result) {
      addCounts(coverage, result.coverage)
      histories.push({ trace: result.trace, operations: result.operations, violations: result.violations })
    } else histories.push({ trace: NO_TRACE, operations: 0, violations: result.violations })
  }
  const { user, system } = process.cpuUsage(usedBefore)
  return { kind: 'played', from, histories, coverage, cpuSeconds: (user + system) / 1_000_000 }
}

const answer = async (order: Order): Promise<Report> => {
  if (order.kind === 'play') return play(order)
  const { settings, seed } = planHistory(order.seed, order.index, order.worlds)
  return { kind: 'shrunk', index: order.index, shrunk: await shrink(settings, { seed }) }
}

// Ctrl-C in a terminal, and the SIGTERM of `timeout`, go to all processes of a simulation. The first process ends its workers.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
// Without the first process, no more orders come.
process.on('disconnect', () => process.exit())
process.on('message', (order: Order) => {
  void answer(order).then((report) => process.send?.(report))
})
