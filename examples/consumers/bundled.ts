import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

/** A folder with the code of one of the functions beside this file, as one module. */
export const bundled = (name: string): string => {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  buildSync({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outfile: join(folder, 'index.mjs'),
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // CommonJS packages call `require`, which an ES module does not have.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    logLevel: 'error',
  })
  return folder
}
