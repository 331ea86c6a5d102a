// @ts-check
// The local server as one file, which is kept for the next start: see `bundlePath`.
import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'

/**
 * The record of a kept bundle: `key` is a hash of all that the build reads beside its sources, `sources` has the hash of
 * each source, by its path in the project, and `files` the hash of each file that the build made, by its name. The first
 * file is the bundle.
 *
 * @typedef {{ key: string, sources: Record<string, string>, files: Record<string, string> }} Manifest
 */

const MANIFEST = 'local.json'
/** Files that change what a build makes of the same sources; esbuild's `package.json` has its version. */
const SETTINGS = ['functions/local/bundle.mjs', 'tsconfig.json', 'package.json', 'node_modules/esbuild/package.json']

const OPTIONS = /** @type {const} */ ({
  entryPoints: ['functions/local/main.ts'],
  bundle: true,
  // Packages stay where they are: an upgrade of one needs no new bundle.
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: `node${process.versions.node}`,
  sourcemap: 'inline',
  sourcesContent: false,
  tsconfig: 'tsconfig.json',
  write: false,
  logLevel: 'error',
})

/**
 * Files that the server reads beside its bundle: their paths in the project, by their paths beside the bundle.
 *
 * @param {string} project
 * @returns {Record<string, string>}
 */
const companionsIn = (project) => ({
  'engine-guard.mjs': 'functions/local/engine-guard.mjs',
  ...Object.fromEntries(
    readdirSync(join(project, 'console/assets')).map((name) => [`console-assets/${name}`, `console/assets/${name}`]),
  ),
})

/**
 * Path of a bundle that is made of the project's present sources: the one that an earlier start kept, or a new one.
 * Undefined where no kept bundle fits and `cache` can't be written.
 *
 * Sources are compared by their content, and recorded as esbuild was given them, so neither a wrong clock nor an edit
 * during a build makes an old bundle look new.
 *
 * @param {string} project
 * @param {string} cache A directory inside the project's `node_modules`, so that the bundle can import the packages.
 */
export const bundlePath = async (project, cache) => {
  // Computed before the build reads the files: a change during the build then causes another build.
  const key = keyOf(project)
  const kept = keptIn(cache)
  if (kept && isPresent(kept, { project, cache, key })) return join(cache, nameOf(kept))
  const { manifest, contents } = await built(project, cache, key)
  try {
    await keep(cache, manifest, contents)
  } catch {
    return undefined
  }
  await removeOld(cache, [manifest, kept]).catch(() => {})
  return join(cache, nameOf(manifest))
}

/** @param {Manifest} manifest */
const nameOf = ({ files }) => Object.keys(files)[0] ?? ''

/** @param {string | Uint8Array} content */
const hashOf = (content) => createHash('sha256').update(content).digest('hex')

/** @param {string} project */
const keyOf = (project) =>
  hashOf(
    JSON.stringify([
      OPTIONS,
      SETTINGS.map((path) => hashOf(readFileSync(join(project, path)))),
      Object.values(companionsIn(project)),
    ]),
  )

/** @returns {Manifest | undefined} */
const keptIn = (/** @type {string} */ cache) => {
  try {
    return JSON.parse(readFileSync(join(cache, MANIFEST), 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * @param {Manifest} manifest
 * @param {{ project: string, cache: string, key: string }} present
 */
const isPresent = (manifest, { project, cache, key }) =>
  manifest.key === key && areIn(project, manifest.sources) && areIn(cache, manifest.files)

/**
 * Whether each file has the content that was recorded. Reads them one by one: starting many reads at once takes longer.
 *
 * @param {string} directory
 * @param {Record<string, string>} hashes
 */
const areIn = (directory, hashes) => {
  try {
    return Object.entries(hashes).every(([path, hash]) => hashOf(readFileSync(join(directory, path))) === hash)
  } catch {
    return false
  }
}

/**
 * @param {string} project
 * @param {string} cache
 * @param {string} key
 */
const built = async (project, cache, key) => {
  const { build } = await import('esbuild')
  /** @type {Record<string, string>} */
  const sources = {}
  const recorder = {
    name: 'recorder',
    setup: (/** @type {import('esbuild').PluginBuild} */ { onLoad }) =>
      onLoad({ filter: /./, namespace: 'file' }, async ({ path }) => {
        const contents = await readFile(path)
        sources[relative(project, path).replaceAll(sep, '/')] = hashOf(contents)
        return { contents, loader: 'default' }
      }),
  }
  const options = { ...OPTIONS, entryPoints: [...OPTIONS.entryPoints], absWorkingDir: project, plugins: [recorder] }
  const { outputFiles } = await build({ ...options, outfile: join(cache, 'local.mjs') })
  const bundle = outputFiles[0]?.contents ?? new Uint8Array()
  // The name depends on the content, so that another start can't replace a bundle between its choice and its import.
  /** @type {Record<string, Uint8Array>} */
  const contents = { [`local-${hashOf(bundle).slice(0, 16)}.mjs`]: bundle }
  for (const [name, path] of Object.entries(companionsIn(project))) {
    const content = await readFile(join(project, path))
    contents[name] = content
    sources[path] = hashOf(content)
  }
  const files = Object.fromEntries(Object.entries(contents).map(([name, content]) => [name, hashOf(content)]))
  return { manifest: { key, sources, files }, contents }
}

/**
 * @param {string} cache
 * @param {Manifest} manifest
 * @param {Record<string, Uint8Array>} contents
 */
const keep = async (cache, manifest, contents) => {
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(dirname(join(cache, name)), { recursive: true })
    await replace(join(cache, name), content)
  }
  await replace(join(cache, MANIFEST), JSON.stringify(manifest))
}

/** Old bundles are kept for this long: another start may have chosen one and not have imported it yet. */
const MIN_AGE_MS = 3_600_000

/**
 * @param {string} cache
 * @param {readonly (Manifest | undefined)[]} needed
 */
const removeOld = async (cache, needed) => {
  const names = needed.map((manifest) => manifest && nameOf(manifest))
  for (const name of await readdir(cache)) {
    if (!/^local(-\w+)?\.mjs(\.[\w-]+)?$/.test(name) || names.includes(name)) continue
    const path = join(cache, name)
    if (Date.now() - (await stat(path)).mtimeMs > MIN_AGE_MS) await rm(path, { force: true })
  }
}

/**
 * Replaces a file as a whole, because another start may be reading it.
 *
 * @param {string} path
 * @param {string | Uint8Array} content
 */
const replace = async (path, content) => {
  // Containers that share a checkout may have the same process ids.
  const written = `${path}.${randomUUID()}`
  await writeFile(written, content)
  await rename(written, path)
}
