import { execFile, execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { bundlePath } from '../../../functions/local/bundle.mjs'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const PROJECT = join(import.meta.dirname, '../../..')
const run = promisify(execFile)

const SOURCES = {
  'functions/local/main.ts': `import { word } from '../../lib/word.ts'\nconsole.log(word)\n`,
  'lib/word.ts': `export const word = 'first'\n`,
  'functions/local/engine-guard.mjs': `console.log('guard')\n`,
  'console/assets/console.css': 'first {}\n',
} as const
const SETTINGS = {
  'functions/local/bundle.mjs': '// the builder\n',
  'tsconfig.json': '{ "compilerOptions": { "target": "es2023" } }\n',
  'package.json': '{ "type": "module" }\n',
  'node_modules/esbuild/package.json': '{ "version": "0.28.2" }\n',
} as const

/** A project with few files. */
const smallProject = async () => {
  const project = await temporaryDirectory()
  const pathOf = (path: string) => join(project, path)
  const write = (path: string, content: string) => {
    mkdirSync(dirname(pathOf(path)), { recursive: true })
    writeFileSync(pathOf(path), content)
  }
  for (const [path, content] of Object.entries({ ...SOURCES, ...SETTINGS })) write(path, content)
  const cache = pathOf('node_modules/.cache/holdfast')
  const manifest = join(cache, 'local.json')
  return {
    project,
    cache,
    pathOf,
    write,
    bundle: () => bundlePath(project, cache),
    /** Differs after each build: a build replaces the manifest. */
    build: () => statSync(manifest, { bigint: true }).ino,
    manifest,
  }
}

const outputOf = async (path = 'missing'): Promise<string> => (await run(process.execPath, [path])).stdout

describe('the bundle of the local server', () => {
  test('is reused while nothing changed', async () => {
    const { bundle, build } = await smallProject()
    const first = await bundle()
    const firstBuild = build()
    expect(await outputOf(first)).toBe('first\n')
    expect(await bundle()).toBe(first)
    expect(build()).toBe(firstBuild)
  })

  test.each([...Object.keys(SOURCES), ...Object.keys(SETTINGS)])(
    'is built again after an edit of %s, even one that keeps size and time',
    async (path) => {
      const { bundle, build, pathOf } = await smallProject()
      await bundle()
      const firstBuild = build()
      const { atime, mtime } = statSync(pathOf(path))
      const content = readFileSync(pathOf(path), 'utf8')
      writeFileSync(pathOf(path), content.replace(/console|first|builder|es2023|module|0\.28\.2/, edited))
      utimesSync(pathOf(path), atime, mtime)
      await bundle()
      expect(build()).not.toBe(firstBuild)
    },
  )

  test('has what an edit changed, and the guard beside it too', async () => {
    const { bundle, write, cache } = await smallProject()
    await bundle()
    write('lib/word.ts', `export const word = 'second'\n`)
    write('functions/local/engine-guard.mjs', `console.log('new guard')\n`)
    expect(await outputOf(await bundle())).toBe('second\n')
    expect(await outputOf(join(cache, 'engine-guard.mjs'))).toBe('new guard\n')
  })

  test('has files that were added to those that it reads', async () => {
    const { bundle, write, cache } = await smallProject()
    await bundle()
    write('console/assets/icon.svg', '<svg/>')
    await bundle()
    expect(readFileSync(join(cache, 'console-assets/icon.svg'), 'utf8')).toBe('<svg/>')
  })

  test('is not taken for the present one after an edit while it was built', async () => {
    const { bundle, write, pathOf } = await smallProject()
    // The build stops at a pipe, after it has read the file that imports it.
    rmSync(pathOf('lib/word.ts'))
    execFileSync('mkfifo', [pathOf('lib/word.ts')])
    const building = bundle()
    const pipe = await open(pathOf('lib/word.ts'), 'w')
    write('functions/local/main.ts', `console.log('edited')\n`)
    await pipe.writeFile(SOURCES['lib/word.ts'])
    await pipe.close()
    expect(await outputOf(await building)).toBe('first\n')
    rmSync(pathOf('lib/word.ts'))
    write('lib/word.ts', SOURCES['lib/word.ts'])
    expect(await outputOf(await bundle())).toBe('edited\n')
  })

  test.each(['bundle', 'manifest', 'guard'] as const)('is built again if its %s is damaged', async (which) => {
    const { bundle, manifest, cache } = await smallProject()
    const path = { bundle: await bundle(), manifest, guard: join(cache, 'engine-guard.mjs') }[which] ?? ''
    const content = readFileSync(path, 'utf8')
    writeFileSync(path, content.slice(0, content.length / 2))
    expect(await outputOf(await bundle())).toBe('first\n')
    if (which !== 'manifest') expect(readFileSync(path, 'utf8')).toBe(content)
  })

  test('is whole for starts at once, before and after an edit', async () => {
    const { project, cache, write } = await smallProject()
    const module = pathToFileURL(join(PROJECT, 'functions/local/bundle.mjs')).href
    const start = `const { bundlePath } = await import('${module}'); await import(await bundlePath('${project}', '${cache}'))`
    const starts = () =>
      Promise.all(Array.from({ length: 4 }, () => run(process.execPath, ['--input-type=module', '--eval', start])))
    expect((await starts()).map(({ stdout }) => stdout)).toEqual(Array(4).fill('first\n'))
    write('lib/word.ts', `export const word = 'second'\n`)
    expect((await starts()).map(({ stdout }) => stdout)).toEqual(Array(4).fill('second\n'))
  })

  test('leaves the one before in place, and removes older ones after an hour', async () => {
    const { bundle, write, cache } = await smallProject()
    const kept = () => readdirSync(cache).filter((name) => name.startsWith('local-'))
    const made: string[] = []
    for (const word of ['first', 'second', 'third', 'fourth']) {
      write('lib/word.ts', `export const word = '${word}'\n`)
      const path = (await bundle()) ?? ''
      made.push(path)
      if (word !== 'second') utimesSync(path, 0, 0)
    }
    expect(kept().sort()).toEqual(
      made
        .slice(1)
        .map((path) => path.slice(cache.length + 1))
        .sort(),
    )
  })

  test('does not exist where it can not be kept', async () => {
    const { project, pathOf, write } = await smallProject()
    write('occupied', '')
    expect(await bundlePath(project, pathOf('occupied/holdfast'))).toBeUndefined()
  })
})

test('the server starts from its sources where no bundle can be kept', async () => {
  const project = await temporaryDirectory()
  for (const path of ['cli', 'console', 'functions', 'lib', 'package.json', 'tsconfig.json']) {
    cpSync(join(PROJECT, path), join(project, path), { recursive: true })
  }
  mkdirSync(join(project, 'node_modules'))
  for (const name of readdirSync(join(PROJECT, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(PROJECT, 'node_modules', name), join(project, 'node_modules', name))
  }
  writeFileSync(join(project, 'node_modules/.cache'), '')
  const { stdout } = await run(process.execPath, [join(project, 'functions/local/start.mjs'), '--help'])
  expect(stdout).toContain('Usage: holdfast dev')
})

/** Another text of the same length that is as valid. */
const edited = (text: string): string =>
  ({ es2023: 'es2022', module: 'commonj', '0.28.2': '0.28.3' })[text] ?? text.toUpperCase()
