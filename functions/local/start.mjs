// @ts-check
// `npm start`. Bundles the local server, which takes a twentieth of a second, and runs the bundle: loading its hundred
// files one by one would take three times as long until the first request is answered.
import { copyFile, cp, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const here = import.meta.dirname
const project = join(here, '../..')
// Inside node_modules, so that the bundle can import the packages, which are not part of it.
const cache = join(project, 'node_modules/.cache/holdfast')

/** Path of the bundle; undefined if node_modules is read-only. */
const bundled = async () => {
  const { outputFiles } = await build({
    absWorkingDir: project,
    entryPoints: ['functions/local/main.ts'],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: `node${process.versions.node}`,
    sourcemap: 'inline',
    sourcesContent: false,
    outfile: join(cache, 'local.mjs'),
    write: false,
    logLevel: 'error',
  })
  const path = join(cache, 'local.mjs')
  const written = `${path}.${process.pid}`
  try {
    await mkdir(cache, { recursive: true })
    await writeFile(written, outputFiles[0]?.contents ?? '')
    await copyFile(join(here, 'engine-guard.mjs'), join(cache, 'engine-guard.mjs'))
    await cp(join(project, 'console/assets'), join(cache, 'console-assets'), { recursive: true })
    // Another server may be reading the bundle at this moment: a rename replaces it as a whole.
    await rename(written, path)
    return path
  } catch {
    return undefined
  }
}

process.setSourceMapsEnabled(true)
const path = await bundled()
if (path) await import(pathToFileURL(path).href)
else {
  const { tsImport } = await import('tsx/esm/api')
  await tsImport('./main.ts', import.meta.url)
}
