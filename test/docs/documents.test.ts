import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { KEY_KINDS } from '../../lib/store/keys.ts'
import { DOCUMENTS, PROJECT } from './code-blocks.ts'

const read = (file: string): string => readFileSync(join(PROJECT, file), 'utf8')

test.each(DOCUMENTS)('%s links to files that exist', (file) => {
  const paths = [...read(file).matchAll(/\]\((?!https?:|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, path = '']) => path)
  expect(paths.filter((path) => !existsSync(join(PROJECT, dirname(file), path)))).toEqual([])
})

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

test.each(DOCUMENTS)('%s links to headings that exist', (file) => {
  const links = [...read(file).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)]+)\)/g)]
  const missing = links.filter(([, path = '', anchor = '']) => {
    const target = path === '' ? file : join(dirname(file), path)
    return ![...read(target).matchAll(/^#+ (.+)$/gm)].some(([, heading = '']) => anchorOf(heading) === anchor)
  })
  expect(missing.map(([link]) => link)).toEqual([])
})

test.each(DOCUMENTS)('%s has no mark of an unresolved merge', (file) => {
  expect(read(file)).not.toMatch(/^(<{7}|={7}|>{7}|\|{7})( |$)/m)
})

test('the README leads to every guide', () => {
  const readme = read('README.md')
  expect(DOCUMENTS.filter((file) => file !== 'README.md' && !readme.includes(`](${file}`))).toEqual([])
})

/** The first cells of the tables: terms, several of them separated by commas. */
const terms = [...read('docs/glossary.md').matchAll(/^\| ([^|]+) \|/gm)]
  .flatMap(([, cell = '']) => cell.split(', '))
  .filter((term) => term !== 'Term' && !term.startsWith('-'))

test('the glossary explains each term once', () => {
  expect(terms.length).toBeGreaterThan(60)
  expect(terms.filter((term, position) => terms.indexOf(term) !== position)).toEqual([])
})

/** What the glossary calls the kinds of items, where that is not the kind's name with spaces. */
const KINDS: Partial<Record<keyof typeof KEY_KINDS, string>> = {
  deduplication: 'deduplication id',
  transaction: 'marker',
  snapshot: 'in-flight snapshot',
  queue: 'queue record',
}

test('the glossary explains every kind of item in the table', () => {
  const kinds = Object.keys(KEY_KINDS) as (keyof typeof KEY_KINDS)[]
  const names = kinds.map((kind) => KINDS[kind] ?? kind.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`))
  expect(names.filter((name) => !terms.includes(name))).toEqual([])
})
