import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from '../../functions/local/usage-error.ts'
import { jqExpression, type Outcome } from './jq.ts'

/** What a message has from now on, as the API takes it. */
export interface Edits {
  readonly body?: unknown
  readonly bodyBase64?: string
  readonly attributes?: Readonly<Record<string, unknown>>
}

/** Edits each message of a page: what it has from now on, or why the edit failed. */
export type Edit = (messages: readonly object[]) => readonly (Edits | { readonly error: string })[]

const MODULE = /\.(mjs|js|cjs|mts|ts)$/

/**
 * An edit from an expression of jq, or from the default export of a module. Both are given a message as the API shows it, and make of it
 * the message that it shall be: body and attributes may differ.
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

/** The differences that can be stored. An edit of anything else would be lost without a word. */
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
  // Where the API is given no attributes, the message keeps those that it has.
  const now = { ...after, attributes: after.attributes ?? {} } as Record<string, unknown>
  return Object.fromEntries(changed.flatMap((name) => (now[name] === undefined ? [] : [[name, now[name]]])))
}

const EDITABLE: ReadonlySet<string> = new Set(['body', 'bodyBase64', 'attributes'])

const differs = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b)
