import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'
import { expect, test } from 'vitest'

const PROJECT = join(import.meta.dirname, '../..')
const FOLDERS = ['lib', 'functions', 'infra', 'cli', 'console']
const MAX_FILE_LINES = 250
const MAX_FUNCTION_LINES = 40
const MAX_MUTABLE_LOCALS = 3

/** Offsets in the source. */
interface Node {
  readonly start: number
  readonly end: number
}

interface Shape {
  /** The line where the function begins: it has the function's name, as a rule. */
  readonly name: string
  readonly lines: number
  /** Variables declared by `let` in the function itself, loop variables excepted. */
  mutableLocals: number
}

const linesOf = (text: string): number => text.trimEnd().split('\n').length

/** The shapes of all functions of a source, methods and inner functions included. */
const shapesOf = (file: string, source: string): readonly Shape[] => {
  const shapes: Shape[] = []
  const open: Shape[] = []
  const loopVariables = new Set<unknown>()
  const enter = ({ start, end }: Node): void => {
    const name = source.slice(source.lastIndexOf('\n', start) + 1, source.indexOf('\n', start)).trim()
    const shape = { name, lines: linesOf(source.slice(start, end)), mutableLocals: 0 }
    shapes.push(shape)
    open.push(shape)
  }
  const exit = () => void open.pop()
  const { program, errors } = parseSync(file, source)
  expect(errors).toEqual([])
  new Visitor({
    FunctionDeclaration: enter,
    'FunctionDeclaration:exit': exit,
    FunctionExpression: enter,
    'FunctionExpression:exit': exit,
    ArrowFunctionExpression: enter,
    'ArrowFunctionExpression:exit': exit,
    ForStatement: ({ init }) => void loopVariables.add(init),
    ForOfStatement: ({ left }) => void loopVariables.add(left),
    ForInStatement: ({ left }) => void loopVariables.add(left),
    VariableDeclaration: (node) => {
      const shape = open.at(-1)
      if (shape && node.kind === 'let' && !loopVariables.has(node)) shape.mutableLocals += node.declarations.length
    },
  }).visit(program)
  return shapes
}

const tooLarge = ({ lines, mutableLocals }: Shape): boolean =>
  lines > MAX_FUNCTION_LINES || mutableLocals > MAX_MUTABLE_LOCALS

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.m?[jt]s$/.test(file))
    .map((file) => [join(folder, file), readFileSync(join(PROJECT, folder, file), 'utf8')] as const),
)

test('the measure finds long functions, and functions with many mutable locals', () => {
  const body = (lines: number) => Array.from({ length: lines }, (_, line) => `  call(${line})`).join('\n')
  const source = [
    `const fits = () => {\n${body(38)}\n}`,
    `const long = () => {\n${body(39)}\n}`,
    `class Some {\n  method() {\n${body(39)}\n  }\n}`,
    'function outer() {\n  let a, b, c\n  for (let d = 0; ; d++) use(() => {\n    let e, f, g, h\n  })\n}',
  ].join('\n')
  const found = shapesOf('sample.ts', source).filter(tooLarge)
  expect(found).toEqual([
    { name: 'const long = () => {', lines: 41, mutableLocals: 0 },
    { name: 'method() {', lines: 41, mutableLocals: 0 },
    { name: 'for (let d = 0; ; d++) use(() => {', lines: 3, mutableLocals: 4 },
  ])
})

test(`no function is longer than ${MAX_FUNCTION_LINES} lines or has more than ${MAX_MUTABLE_LOCALS} mutable locals`, () => {
  expect(sources.length).toBeGreaterThan(300)
  const found = sources.flatMap(([file, source]) =>
    shapesOf(file, source)
      .filter(tooLarge)
      .map(({ name, lines, mutableLocals }) => `${file}: ${name} (${lines} lines, ${mutableLocals} mutable)`),
  )
  expect(found).toEqual([])
})

test(`no file is longer than ${MAX_FILE_LINES} lines`, () => {
  const found = sources.flatMap(([file, source]) => (linesOf(source) > MAX_FILE_LINES ? [file] : []))
  expect(found).toEqual([])
})
