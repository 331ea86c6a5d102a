import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from '../../functions/local/usage-error.ts'
import { jqExpression, type Outcome } from './jq.ts'

/** The changed members of a message, as the API takes them. */
export interface Edits {
  readonly body?: unknown
  readonly bodyBase64?: string
  readonly attributes?: Readonly<Record<string, unknown>>
}

/** Edits each message of a page: returns its changed members, or why the edit failed. */
export type Edit = (messages: readonly object[]) => readonly (Edits | { readonly error: string })[]

const MODULE = /\.(mjs|js|cjs|mts|ts)$/

/**
 * Makes an edit of a jq expression, or of a module's default export. Both get a message as the API returns it, and return the edited
 * message. Only its body and attributes may differ.
 *
 * @throws `UsageError` where there is no such module or expression
 */
export const editFrom = async (text: string): Promise<Edit> => {
  if (MODULE.test(text)) return moduleEdit(text)
  const expression = await jqExpression(text)
  return (messages) => {
    const outcomes = expression.on(messages)
    return messages.map((message, position) => editsOf(message, singleOutput(outcomes[position])))
  }
}

const moduleEdit = async (path: string): Promise<Edit> => {
  const module = (await import(pathToFileURL(resolve(path)).href).catch((error: Error) => {
    throw new UsageError(`--edit ${path} can't be loaded: ${error.message}`, { cause: error })
  })) as { default?: unknown }
  const edit = module.default
  if (typeof edit !== 'function') throw new UsageError(`--edit ${path} must export a function as its default`)
  return (messages) =>
    messages.map((message) => {
      try {
        return editsOf(message, { value: edit(structuredClone(message)) as unknown })
      } catch (error) {
        return { error: (error as Error).message }
      }
    })
}

type Made = { readonly value: unknown } | { readonly error: string }

const singleOutput = (outcome: Outcome | undefined): Made => {
  if (!outcome) return { error: 'the expression made nothing' }
  if ('error' in outcome) return outcome
  const [value] = outcome.outputs
  return outcome.outputs.length === 1
    ? { value }
    : { error: `the expression made ${outcome.outputs.length} values of it` }
}

/** The differences in body and attributes. A difference in any other member is an error, since the API would ignore it. */
const editsOf = (before: object, made: Made): Edits | { readonly error: string } => {
  if ('error' in made) return made
  const { value } = made
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { error: 'the edit must make a message: an object with its body, as in .body.total = 5' }
  }
  const after = value as Record<string, unknown>
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  const changed = [...names].filter((name) => differs((before as Record<string, unknown>)[name], after[name]))
  const other = changed.find((name) => !EDITABLE.has(name))
  if (other !== undefined) return { error: `${other} can't be edited: only body and attributes can` }
  if (changed.includes('body') && after.body === undefined && after.bodyBase64 === undefined) {
    return { error: 'the edit must leave a body' }
  }
  // The API keeps a message's attributes where a request has none: an edit that removes all of them sends an empty object.
  const now = { ...after, attributes: after.attributes ?? {} } as Record<string, unknown>
  return Object.fromEntries(changed.flatMap((name) => (now[name] === undefined ? [] : [[name, now[name]]])))
}

const EDITABLE: ReadonlySet<string> = new Set(['body', 'bodyBase64', 'attributes'])

const differs = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b)
