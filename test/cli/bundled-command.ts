import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll } from 'vitest'

const PROJECT = join(import.meta.dirname, '../..')

/** The command as one file, which starts in a tenth of the time of its sources. Inside node_modules, to find its packages. */
const bundle = async (): Promise<string> => {
  const outfile = join(PROJECT, `node_modules/.cache/holdfast/command-${process.pid}.mjs`)
  await build({
    absWorkingDir: PROJECT,
    entryPoints: ['cli/holdfast.ts'],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    logLevel: 'error',
  })
  return outfile
}

let bundled: Promise<string> | undefined

/** The path of the command, to run it in a process. It is there to the end of the file's tests. */
export const bundledCommand = (): Promise<string> => {
  bundled ??= bundle()
  return bundled
}

afterAll(async () => {
  const file = await bundled
  if (file !== undefined) await rm(file, { force: true })
})
