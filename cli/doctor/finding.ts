import { isHoldfastError } from '../../lib/model/errors.ts'
import type { Level, Trouble } from '../trouble.ts'

/** Something that is wrong at a place of queues, with what cures it. */
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
  /** The queue that it is about; absent where it is about the whole place. */
  readonly queue?: string
  /** A sentence without its full stop. */
  readonly what: string
  /** IAM actions that lack, with `rights-missing`. */
  readonly actions?: readonly string[]
  readonly cures: readonly FindingCure[]
}

export interface FindingCure {
  /** A whole command, to run as it is; absent where no command does it. */
  readonly command?: string
  readonly effect: string
}

/** A command of `holdfast`, with the options that lead to the same place. */
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

/** A check that could not be made. It says nothing of what it would have looked at. */
export const notChecked = (subject: string, error: unknown): Finding => ({
  code: 'not-checked',
  level: 'warning',
  what: `${subject} could not be checked: ${(error as Error).message}`,
  cures: [{ effect: isDenied(error) ? 'let the role do it, or run this with another role' : 'run it again' }],
})
