import { build } from 'esbuild'
import { expect, test } from 'vitest'

/** Whatever packages an entry of the library reaches, static and dynamic imports alike. */
const packagesOf = async (entry: string): Promise<Set<string>> => {
  const { metafile } = await build({
    entryPoints: [`lib/${entry}.ts`],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    write: false,
    metafile: true,
  })
  return new Set(Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path)))
}

test.each(['index', 'lambda', 'testing'])('the entry %s does without OpenTelemetry', async (entry) => {
  const packages = await packagesOf(entry)
  expect(packages.size).toBeGreaterThan(0)
  expect([...packages].filter((path) => path.includes('opentelemetry'))).toEqual([])
})

test('the entry opentelemetry needs its API alone, and no SDK', async () => {
  const packages = await packagesOf('opentelemetry')
  expect([...packages].filter((path) => path.startsWith('@'))).toEqual(['@opentelemetry/api'])
})
