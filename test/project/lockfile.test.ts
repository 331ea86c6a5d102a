import { expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import lockfile from '../../package-lock.json' with { type: 'json' }

interface LockedPackage {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  /** Part of the archive of the package that it lies in, whose hash covers it. */
  readonly inBundle?: boolean
}

const locked = Object.entries(lockfile.packages as Record<string, LockedPackage>).filter(([path]) => path !== '')

test('every package has a hash, but for those that lie in another’s archive', () => {
  expect(locked.length).toBeGreaterThan(200)
  const without = locked.filter(
    ([, { integrity, inBundle }]) => !inBundle && !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''),
  )
  expect(without.map(([path]) => path)).toEqual([])
})

test('what lies in another’s archive lies in one that has a hash', () => {
  const hashed = new Set(locked.filter(([, { integrity }]) => integrity).map(([path]) => path))
  const bundled = locked.filter(([, { inBundle }]) => inBundle).map(([path]) => path)
  expect(bundled.filter((path) => !hashed.has(path.slice(0, path.lastIndexOf('/node_modules/'))))).toEqual([])
})

test('no package is bound to one registry', () => {
  expect(locked.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
})

test('every dependency is pinned to one version, which is the locked one', () => {
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
  const versions = Object.fromEntries(locked.map(([path, { version }]) => [path, version]))
  const found = Object.keys(wanted).map((name) => [name, versions[`node_modules/${name}`]])
  expect(Object.fromEntries(found)).toEqual(wanted)
})
