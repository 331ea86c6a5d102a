import { isHoldfastError } from '../../lib/model/errors.ts'
import type { Level, Trouble } from '../trouble.ts'

/** A fault of one queue, or of the table or API that has the queues, with its cures. */
export interface Finding {
  readonly code:
    | Trouble['code']
    | 'unreachable'
    | 'table-missing'
    | 'ttl-off'
    | 'stream-missing'
    | 'rights-missing'
    | 'clock-skew'
    | 'not-checked'
  readonly level: Level
  /** The queue with the fault; absent for a fault of the table or API. */
  readonly queue?: string
  /** A sentence without its full stop. */
  readonly what: string
  /** The missing IAM actions, with `rights-missing`. */
  readonly actions?: readonly string[]
  readonly cures: readonly FindingCure[]
}

export interface FindingCure {
  /** A complete command to run unchanged; absent where no command cures the fault. */
  readonly command?: string
  readonly effect: string
}

/** A command of `holdfast`, with the options that lead to the same target. */
export const holdfastCommand = (words: string, options: string): string =>
  `holdfast ${words}${options === '' ? '' : ` ${options}`}`

/** What is wrong with a queue, as a finding. */
export const findingOf = (queue: string, { code, level, what, cures }: Trouble, options: string): Finding => ({
  code,
  level,
  queue,
  what,
  cures: cures.map(({ command, effect }) =>
    command === undefined ? { effect } : { command: holdfastCommand(command, options), effect },
  ),
})

export const isDenied = (error: unknown): boolean =>
  (error as Error).name === 'AccessDeniedException' || isHoldfastError(error, 'AccessDenied')

/** The finding for a check that could not be made: whether its subject has a fault is not known. */
export const notChecked = (subject: string, error: unknown): Finding => ({
  code: 'not-checked',
  level: 'warning',
  what: `${subject} could not be checked: ${(error as Error).message}`,
  cures: [{ effect: isDenied(error) ? 'let the role do it, or run this with another role' : 'run it again' }],
})
