import { START } from '../support/manual-clock.ts'
import type { FaultKind } from './faults.ts'
import type { StoreCall } from './process.ts'

/** The actions and faults that are left out of a history, by their ids. */
export interface Reduction {
  isLeftOut(id: string): boolean
}

/** A history for a reader: the actions of each actor, the answers, the faults, and the broken promises. */
export interface Story {
  note(at: number, name: string, what: string): void
  fault(id: string, process: string, fault: FaultKind, call: StoreCall): void
  /** An instant, as the story shows it. */
  time(at: number): string
  readonly lines: readonly string[]
  /** The faults that happened, by their ids. */
  readonly faults: readonly string[]
}

export const newStory = (now: () => number): Story => {
  const lines: string[] = []
  const faults: string[] = []
  const time = (at: number) => `${((at - START) / 1_000).toFixed(3)} s`
  const note = (at: number, name: string, what: string) =>
    void lines.push(`${time(at).padStart(10)}  ${name.padEnd(12)} ${what}`)
  return {
    lines,
    faults,
    time,
    note,
    fault: (id, process, fault, { operation, partition }) => {
      faults.push(id)
      note(now(), process, `▲ its request "${operation}" to ${partition} meets: ${fault}`)
    },
  }
}
