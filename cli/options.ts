import { InvalidArgumentError, Option } from 'commander'
import { BROWSE_STATES } from '../lib/messages/browse.ts'
import { secondsIn } from './output/words.ts'

/** Options that several verbs have, and readers of their values. */

export const stateOption = (): Option =>
  new Option(
    '--state <states>',
    `only those in these states, with commas between: ${BROWSE_STATES.join(', ')}`,
  ).argParser(states)

export const selectionOptions = (): Option[] => [
  new Option('--where <expression>', 'only those for which this expression of jq is true: .body.total > 100'),
  new Option(
    '--field <path=value>',
    'only those whose body has this value there: customer.id=42; repeatable',
  ).argParser(repeated),
]

const states = (text: string): string => {
  const unknown = text.split(',').find((state) => !(BROWSE_STATES as readonly string[]).includes(state))
  if (unknown === undefined) return text
  throw new InvalidArgumentError(`${unknown} is none of ${BROWSE_STATES.join(', ')}.`)
}

/** Values of an option that is given several times. */
export const repeated = (text: string, before: readonly string[] = []): readonly string[] => [...before, text]

export const wholeNumber =
  (min: number, max: number = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= min && number <= max) return number
    throw new InvalidArgumentError(
      `It must be a whole number from ${min}${max === Number.MAX_SAFE_INTEGER ? ' on' : ` to ${max}`}.`,
    )
  }

const seconds = (text: string): number => {
  const value = secondsIn(text)
  if (value !== undefined) return value
  throw new InvalidArgumentError('It must be a duration such as 30s, 5m, 1h30m, 2d, or a number of seconds.')
}

/** `--NAME duration`, in seconds. */
export const durationOption = (flags: string, description: string): Option =>
  new Option(flags, description).argParser(seconds)
