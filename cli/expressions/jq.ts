import { UsageError } from '../../functions/local/usage-error.ts'

/** What an expression makes of one value: all of its outputs, or why it failed. */
export type Outcome = { readonly outputs: readonly unknown[] } | { readonly error: string }

/** A jq expression that was checked once. https://jqlang.org/manual/v1.8/ */
export interface Expression {
  readonly text: string
  /** The outcome for each value, in order. One run of jq takes a whole page: a run costs milliseconds. */
  on(values: readonly unknown[]): readonly Outcome[]
}

/** @throws `UsageError` where the text is no jq expression */
export const jqExpression = async (text: string): Promise<Expression> => {
  const { loadJq } = await import('jq-wasm')
  const jq = await loadJq()
  // The text has lines of its own, so that a comment at the end of the text ends before the parenthesis.
  const program = `[.[] | try {outputs: [(\n${text}\n)]} catch {error: (if type == "string" then . else tojson end)}]`
  const run = (values: readonly unknown[]): readonly Outcome[] => {
    const [outcomes] = jq.json<Outcome[]>([...values] as never, program)
    return outcomes ?? []
  }
  const alone = jq.raw(null, `${text}\n`)
  if (alone.exitCode === COMPILE_ERROR) {
    throw new UsageError(`${JSON.stringify(text)} is no expression of jq: ${firstLine(alone.stderr)}`)
  }
  return { text, on: run }
}

const COMPILE_ERROR = 3

/** jq's first line names the fault; the next lines show its place. */
const firstLine = (message: string): string =>
  (message.split('\n')[0] ?? '').replace(/^jq: error: /, '').replace(/ at <top-level>.*$/, '')

/** Whether the outcome selects its value: an output is neither null nor false. A value on which the expression fails is not selected. */
export const isSelected = (outcome: Outcome | undefined): boolean =>
  outcome !== undefined && 'outputs' in outcome && outcome.outputs.some((output) => output !== null && output !== false)
