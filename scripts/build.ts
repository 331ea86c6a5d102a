/**
 * `npm run build`: builds the package in `dist/`. The library, the constructs, the local server and the command line become
 * modules with types, and each Lambda function becomes one bundled file.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundles, OUTPUT_FILE } from '../infra/bundle.ts'

const project = join(import.meta.dirname, '..')
const dist = join(project, 'dist')

rmSync(dist, { recursive: true, force: true })
execFileSync(process.execPath, [join(project, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: project,
  stdio: 'inherit',
})
for (const [entry, contents] of bundles()) {
  mkdirSync(join(dist, 'bundles', entry), { recursive: true })
  writeFileSync(join(dist, 'bundles', entry, OUTPUT_FILE), contents)
}
copyFileSync(join(project, 'functions/local/engine-guard.mjs'), join(dist, 'functions/local/engine-guard.mjs'))
cpSync(join(project, 'console/assets'), join(dist, 'console/assets'), { recursive: true })
chmodSync(join(dist, 'cli/holdfast.js'), 0o755)
