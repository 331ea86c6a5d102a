import type { Verdict } from './checker.ts'

/** Adds up verdicts by model, and prints violations as they come. */
export const newTally = (seed: number) => {
  const sums = new Map<string, { histories: number; partitions: number; operations: number; violations: number }>()
  let undecided = 0
  let violations = 0

  const print = (verdict: Verdict): void => {
    for (const { partition, stuck, picture } of verdict.violations) {
      console.log(
        `VIOLATION of ${verdict.model}, history ${verdict.history} of seed ${seed}, ${verdict.world}: ${partition}`,
      )
      for (const line of stuck) console.log(`  ${line}`)
      if (picture !== undefined) console.log(`  see ${picture}`)
    }
    if (verdict.ownVerdict.length > 0) {
      console.log(`history ${verdict.history}, ${verdict.world}: the simulator says ${verdict.ownVerdict.join('; ')}`)
    }
  }

  return {
    add: (verdict: Verdict): void => {
      const sum = sums.get(verdict.model) ?? { histories: 0, partitions: 0, operations: 0, violations: 0 }
      sums.set(verdict.model, {
        histories: sum.histories + 1,
        partitions: sum.partitions + verdict.partitions,
        operations: sum.operations + verdict.operations,
        violations: sum.violations + verdict.violations.length,
      })
      undecided += verdict.undecided
      violations += verdict.violations.length
      if (verdict.undecided > 0) {
        console.log(`undecided: ${verdict.undecided} of history ${verdict.history}, ${verdict.world}`)
      }
      print(verdict)
    },
    /** One line for each model. */
    lines: (): string[] =>
      [...sums].map(
        ([model, sum]) =>
          `${model}: ${sum.histories} histories, ${sum.partitions} ${model.startsWith('fifo') ? 'groups' : 'messages'}, ${sum.operations} operations, ${sum.violations} violations`,
      ),
    /** Whether there is neither a violation nor anything undecided. */
    isSound: (): boolean => violations === 0 && undecided === 0,
  }
}
