/**
 * `npm run docs` builds the documentation's site in `site/dist` from the README, `docs/`, the OpenAPI document and the
 * library's docstrings. The build needs no network. A link without a target fails the build.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { httpReference } from './http-reference.ts'
import { IMAGES, rewriteLinks } from './links.ts'
import { llmsText } from './llms.ts'
import { CHAPTERS, pageOf } from './outline.ts'

const SITE = import.meta.dirname
const PROJECT = join(SITE, '..')
const PAGES = join(SITE, '.pages')
const INCLUDED = ['docs/openapi.json', 'docs/holdfast.schema.json', 'LICENSE']
const ENTRIES = ['lib/index.ts', 'lib/testing.ts', 'lib/lambda.ts', 'lib/opentelemetry.ts', 'infra/index.ts']

const read = (file: string): string => readFileSync(join(PROJECT, file), 'utf8')

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(PAGES, path)), { recursive: true })
  writeFileSync(join(PAGES, path), text)
}

/** Runs a tool from the packages of the site. */
const run = (tool: string, ...options: string[]): void => {
  execFileSync(process.execPath, [join(SITE, 'node_modules', tool), ...options], { cwd: PROJECT, stdio: 'inherit' })
}

const repository = (JSON.parse(read('package.json')) as { repository: { url: string } }).repository.url
  .replace(/^git\+/, '')
  .replace(/\.git$/, '')
const files = CHAPTERS.flatMap((chapter) => chapter.files)
const targets = {
  pages: new Set(files),
  included: new Map(INCLUDED.map((file) => [file, `/${file.replace(/^docs\//, '')}`])),
  repository,
}

rmSync(PAGES, { recursive: true, force: true })
for (const file of files) write(pageOf(file), rewriteLinks(file, read(file), targets))
for (const file of INCLUDED) write(join('public', file.replace(/^docs\//, '')), read(file))
write('public/llms.txt', llmsText(CHAPTERS, read))
write('reference/http.md', httpReference(JSON.parse(read('docs/openapi.json'))))
cpSync(join(PROJECT, IMAGES), join(PAGES, 'public/images'), { recursive: true })
run(
  'typedoc/bin/typedoc',
  '--options',
  join(SITE, 'typedoc.json'),
  '--out',
  join(PAGES, 'reference/library'),
  ...ENTRIES,
)
run('vitepress/bin/vitepress.js', 'build', SITE)
