import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import biome from '../../biome.json' with { type: 'json' }
import manifest from '../../package.json' with { type: 'json' }

const PROJECT = join(import.meta.dirname, '../..')
const guide = readFileSync(join(PROJECT, 'CONTRIBUTING.md'), 'utf8')

/** The folders of `lib` by floor, the highest first, as the guide draws them. */
const floors = [...guide.matchAll(/^\| (\d+) \| `(\w+)`/gm)].map(([, floor, folder = '']) => ({
  floor: Number(floor),
  folder,
}))

/** For each folder of `lib` that the linter has a rule for, the folders that it may not import. */
const restricted = new Map(
  biome.overrides.flatMap(({ includes, linter }) => {
    const folder = /^lib\/(\w+)\/\*\*$/.exec(includes[0] ?? '')?.[1]
    if (folder === undefined) return []
    const text = JSON.stringify(linter)
    return [[folder, new Set([...text.matchAll(/"\*\*\/(\w+)\/\*\*"/g)].map(([, name = '']) => name))] as const]
  }),
)

const inLib = readdirSync(join(PROJECT, 'lib'), { withFileTypes: true })

test('the map and the linter have every folder of lib, and no other', () => {
  const folders = inLib.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  expect(floors.map(({ folder }) => folder).sort()).toEqual(folders.sort())
  expect([...restricted.keys()].sort()).toEqual(folders.sort())
})

test('beside its folders lib holds at most eight files', () => {
  expect(inLib.filter((entry) => entry.isFile()).length).toBeLessThanOrEqual(8)
})

test('the linter refuses every import from a higher floor', () => {
  for (const { folder, floor } of floors) {
    const above = floors.filter((other) => other.floor > floor).map((other) => other.folder)
    const missing = above.filter((name) => !restricted.get(folder)?.has(name))
    expect([folder, missing]).toEqual([folder, []])
  }
})

test('paths and scripts that the guide names exist', () => {
  const paths = [...guide.matchAll(/`((?:lib|functions|infra|test|docs|bench|examples)\/[\w./-]*)`/g)].map(
    ([, path = '']) => path,
  )
  expect(paths.length).toBeGreaterThan(10)
  expect(paths.filter((path) => !existsSync(join(PROJECT, path)))).toEqual([])
  const scripts = [...guide.matchAll(/npm run ([\w:-]+)/g)].map(([, script = '']) => script)
  expect(scripts.filter((script) => !(script in manifest.scripts))).toEqual([])
})
