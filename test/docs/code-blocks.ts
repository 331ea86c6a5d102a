import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const PROJECT = join(import.meta.dirname, '../..')

/** A fenced block of a Markdown file. */
export interface CodeBlock {
  readonly file: string
  /** Of its fence, from 1. */
  readonly line: number
  readonly language: string
  readonly code: string
  /** Why a test can't run it: `<!-- not run: … -->` right before the block. */
  readonly notRun?: string
  /**
   * What surrounds a fragment to make a program of it, with `…` in the fragment's place: `<!-- within: … -->` right
   * before the block.
   */
  readonly within?: string
  /** What it prints: a `text` block right behind it. */
  readonly prints?: string
}

const BLOCK =
  /(?:^<!-- (?<kind>not run|within):(?<note>[\s\S]*?)-->\n+)?^```(?<language>\w+)\n(?<code>[\s\S]*?)^```$(?=(?:\n+(?:Prints:|It prints:)?\n*```text\n(?<prints>[\s\S]*?)^```$)?)/gm

export const codeBlocks = (file: string): CodeBlock[] => {
  const text = readFileSync(join(PROJECT, file), 'utf8')
  return [...text.matchAll(BLOCK)].map(({ 0: whole, index, groups = {} }) => {
    const { kind, note = '', language = '', code = '', prints } = groups
    return {
      file,
      line: text.slice(0, index + whole.lastIndexOf(`\`\`\`${language}\n`)).split('\n').length,
      language,
      code,
      ...(kind === 'not run' && { notRun: note.trim() }),
      ...(kind === 'within' && { within: note.trim() }),
      ...(prints !== undefined && { prints }),
    }
  })
}

export const DOCUMENTS: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...readdirSync(join(PROJECT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

export const nameOf = ({ file, line }: CodeBlock): string => `${file}:${line}`
