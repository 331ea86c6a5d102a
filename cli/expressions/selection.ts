import { UsageError } from '../../functions/local/usage-error.ts'
import { isSelected, jqExpression } from './jq.ts'

/** Which of a page's messages are selected: their positions. */
export type Selection = (messages: readonly unknown[]) => readonly number[]

export interface SelectionOptions {
  /** A jq expression on the message as the API returns it. */
  readonly where?: string
  /** `path=value` each: a member of the body and its value. */
  readonly field?: readonly string[]
}

/** The messages that meet the expression and have all the fields; undefined where every message does. @throws `UsageError` */
export const selectionOf = async ({ where, field = [] }: SelectionOptions): Promise<Selection | undefined> => {
  if (where === undefined && field.length === 0) return undefined
  const expression = where === undefined ? undefined : await jqExpression(where)
  const wanted = field.map(fieldTest)
  return (messages) => {
    const outcomes = expression?.on(messages)
    return messages.flatMap((message, position) => {
      const fits = wanted.every((test) => test((message as { body?: unknown }).body))
      return fits && (!outcomes || isSelected(outcomes[position])) ? [position] : []
    })
  }
}

/** `customer.id=42`: the member of the body is 42, or the text "42". */
const fieldTest = (given: string): ((body: unknown) => boolean) => {
  const split = given.indexOf('=')
  if (split < 1) throw new UsageError(`--field ${given} must be a member of the body and its value: customer.id=42`)
  const path = given.slice(0, split).split('.')
  const value = given.slice(split + 1)
  return (body) => {
    const found = path.reduce<unknown>(memberOf, body)
    return found !== undefined && (typeof found === 'string' ? found : JSON.stringify(found)) === value
  }
}

const memberOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
