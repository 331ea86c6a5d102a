import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DOCUMENTS, PROJECT } from './code-blocks.ts'

const read = (file: string): string => readFileSync(join(PROJECT, file), 'utf8')

/** The files of the project: those that git tracks, and new ones. */
const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: PROJECT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(PROJECT, file)))

const IDENTIFIER = /[A-Za-z_$][\w$]*/g
/** Every word of the code that is an identifier, or could be one. */
const wordsOf = (files: readonly string[]): ReadonlySet<string> =>
  new Set(files.flatMap((file) => [...read(file).matchAll(IDENTIFIER)].map(([word]) => word)))

const SOURCES = FILES.filter((file) =>
  /^(lib|functions|infra|cli|console|bench|scripts|examples)\/.*\.(ts|tsx|mjs)$/.test(file),
)
const PRODUCT = wordsOf(SOURCES)
const CODE = wordsOf([
  ...SOURCES,
  ...FILES.filter((file) => /^test\/.*\.ts$/.test(file) && file !== 'test/docs/names.test.ts'),
  'package.json',
])

/** The names in a text that are set as code: `name`, `one.other`, `name(…)`. */
const namesIn = (text: string): string[] =>
  [...text.matchAll(/`([^`\n]+)`/g)]
    .map(([, span = '']) => span)
    .filter((span) => /^[\w$]+(\.[\w$]+)*(\(.*\))?$/.test(span) && !/\.(md|ts|mjs|json|sqlite)$/.test(span))
    .flatMap((span) => span.replace(/\(.*$/, '').split('.'))
    .filter((name) => /^[A-Za-z_$][\w$]*$/.test(name))

const withoutCodeBlocks = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '')

/** Names of other packages and services, which the code has no use for. */
const FOREIGN: Readonly<Record<string, ReadonlySet<string>>> = {
  'docs/library.md': new Set([
    ...namesIn('`stopTimeout`'),
    // sqs-consumer
    ...namesIn('`alwaysAcknowledge` `heartbeatInterval` `handleMessageBatch` `pollingCompleteWaitTimeMs`'),
    ...namesIn('`timeout_error` `handleMessageTimeout`'),
    // BullMQ
    ...namesIn('`jobId` `lockDuration`'),
    // pg-boss
    ...namesIn('`boss` `work` `localConcurrency` `retryLimit` `retryDelay` `retryBackoff` `expireInSeconds`'),
    ...namesIn('`heartbeatSeconds` `startAfter` `singletonKey` `singletonSeconds` `key_strict_fifo`'),
    ...namesIn('`groupConcurrency` `perJobResults` `deleteAfterSeconds`'),
  ]),
  // A variable of the Lambda runtime's emulator.
  'docs/triggers.md': new Set(namesIn('`AWS_LAMBDA_FUNCTION_TIMEOUT`')),
}

describe('a name', () => {
  test.each(DOCUMENTS.filter((file) => file !== 'CHANGELOG.md'))('that %s sets as code exists in the code', (file) => {
    const names = new Set(namesIn(withoutCodeBlocks(read(file))))
    expect([...names].filter((name) => !CODE.has(name) && !FOREIGN[file]?.has(name))).toEqual([])
  })

  test('of another package that is excused is one that the document has', () => {
    for (const [file, foreign] of Object.entries(FOREIGN)) {
      const text = read(file)
      expect([...foreign].filter((name) => !text.includes(name))).toEqual([])
    }
  })

  test('that the glossary gives to a term is one of the product itself', () => {
    // The last column has the words of SQS.
    const ours = [...read('docs/glossary.md').matchAll(/^\| (.*) \| [^|]* \|$/gm)].map(([, cells = '']) => cells)
    const names = new Set(ours.flatMap(namesIn))
    expect(names.size).toBeGreaterThan(15)
    expect([...names].filter((name) => !PRODUCT.has(name))).toEqual([])
  })
})

/** Files that an example and a test make. */
const NO_FILES = ['test/simulation/actors/purger.ts', 'lib/word.ts']

test('a path that any file mentions leads to a file', () => {
  const mentioned = FILES.filter(
    (file) => /\.(ts|mjs|md|yml|json)$/.test(file) && file !== 'package-lock.json',
  ).flatMap((file) =>
    [
      ...read(file).matchAll(
        /(?<![\w./-])(?:lib|functions|infra|docs|test|bench|scripts|examples|cli|findings)\/[\w./-]*\.(?:ts|mjs|md|json|sh)\b/g,
      ),
    ].map(([path]) => ({ file, path })),
  )
  expect(mentioned.length).toBeGreaterThan(100)
  expect(mentioned.filter(({ path }) => !existsSync(join(PROJECT, path)) && !NO_FILES.includes(path))).toEqual([])
})
