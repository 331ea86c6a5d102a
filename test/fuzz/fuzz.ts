/**
 * `npm run test:fuzz -- --target sqs-json --seconds 300`: feeds a target with inputs that a coverage-guided fuzzer makes, and
 * stops at the first that breaks a promise. Without `--target` it tries each in turn. `--keep` puts what reaches more code into
 * the kept corpus, and removes from it what reaches nothing of its own; with `--seconds 0` that is all.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { keepSmallest } from './keep.ts'
import { suitOlderGlibc } from './older-glibc.ts'
import type { Target } from './target.ts'

const HERE = import.meta.dirname
const PROJECT = join(HERE, '../..')
const BUILD = join(HERE, '.build')
const CORPUS = join(HERE, 'corpus')
const JAZZER = join(HERE, 'node_modules/@jazzer.js/core/dist/cli.js')

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '0' },
    keep: { type: 'boolean', default: false },
  },
})

/** The target as one file of CommonJS: the fuzzer counts the branches of what it loads, and packages are loaded as they are. */
const bundled = async (name: string): Promise<string> => {
  const outfile = join(BUILD, `${name}.cjs`)
  await build({
    entryPoints: [join(HERE, 'targets', `${name}.ts`)],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    // The console reads its assets from beside its own module.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(PROJECT, 'console/assets.ts')).href) },
    outfile,
    logLevel: 'warning',
  })
  return outfile
}

const asDictionary = (words: readonly string[]): string =>
  words
    .map((word) => `"${[...Buffer.from(word)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"\n`)
    .join('')

/** Holdfast makes neither commands nor paths of what it reads: only the search for polluted prototypes is of use. */
const DETECTORS = ['command-injection', 'path-traversal', 'ssrf', 'remote-code'].flatMap((name) => [
  '--disableBugDetectors',
  name,
])

const found = (name: string): string => join(BUILD, 'corpus', name)

const optionsFor = async (name: string, seconds: number): Promise<string[]> => {
  const { dictionary } = (await import(join(HERE, 'targets', `${name}.ts`))) as Target
  const words = join(BUILD, `${name}.dict`)
  writeFileSync(words, asDictionary(dictionary))
  return [
    `-max_total_time=${seconds}`,
    `-seed=${values.seed}`,
    `-dict=${words}`,
    `-artifact_prefix=${join(BUILD, 'findings')}/${name}-`,
    '-use_value_profile=1',
    '-max_len=4096',
    '-rss_limit_mb=3000',
    '-print_final_stats=1',
    '-reload=0',
  ]
}

const jazzer = (args: readonly string[]): Promise<Run> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [JAZZER, ...args], { stdio: ['ignore', 'inherit', 'pipe'], cwd: PROJECT })
    const lines: Buffer[] = []
    child.stderr.on('data', (chunk) => {
      lines.push(chunk)
      process.stderr.write(chunk)
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve({ code: code ?? signal, report: Buffer.concat(lines).toString() }))
  })

interface Outcome {
  readonly name: string
  readonly executions: number
  readonly edges: number
  readonly finding: string | undefined
}

/** How a run of the fuzzer ended: a code, or the signal that ended it. */
interface Run {
  readonly code: number | string | null
  readonly report: string
}

/**
 * Runs the fuzzer for the whole time. Its native part sometimes ends by a signal, on which no input has any influence: it then goes on
 * from the inputs that it has found.
 */
const runs = async (argsFor: (seconds: number) => Promise<string[]>): Promise<Run[]> => {
  const endsAt = Date.now() + Number(values.seconds) * 1_000
  const ended: Run[] = []
  for (let left = Number(values.seconds); left > 0; left = Math.round((endsAt - Date.now()) / 1_000)) {
    const run = await jazzer(await argsFor(left))
    ended.push(run)
    if (!String(run.code).startsWith('SIG') || WRITTEN.test(run.report)) break
  }
  return ended
}

/** Not an input that only took long by the clock, on a busy machine: the judge measures the CPU. */
const WRITTEN = /Test unit written to (.*-(?:crash|timeout|oom)-.*)/

const tried = async (name: string): Promise<Outcome> => {
  const bundle = await bundled(name)
  for (const folder of [found(name), join(BUILD, 'findings'), join(CORPUS, name)])
    mkdirSync(folder, { recursive: true })
  const ended = await runs(async (seconds) => [
    bundle,
    found(name),
    join(CORPUS, name),
    ...DETECTORS,
    // The time that counts is the CPU's, which the judge measures; this ends what hangs.
    '--timeout',
    '60000',
    '--',
    ...(await optionsFor(name, seconds)),
  ])
  const last = (pattern: RegExp): number[] =>
    ended.map(({ report }) => Number([...report.matchAll(pattern)].at(-1)?.[1]) || 0)
  if (values.keep) {
    const { added, removed } = await keepSmallest(bundle, join(CORPUS, name), found(name))
    console.log(`${name}: ${added} more inputs kept, ${removed} removed that reach nothing of their own`)
  }
  const { code, report } = ended.at(-1) ?? { code: null, report: '' }
  return {
    name,
    executions: last(/^#(\d+)\s/gm).reduce((sum, count) => sum + count, 0),
    edges: Math.max(0, ...last(/ cov: (\d+) /g)),
    finding:
      WRITTEN.exec(report)?.[1] ??
      (ended.length === 0 || code === 0 || String(code).startsWith('SIG')
        ? undefined
        : `the fuzzer ended with ${code}`),
  }
}

const installed = (): void => {
  if (!existsSync(JAZZER)) execFileSync('npm', ['ci', '--prefix', HERE], { stdio: 'inherit' })
  const binary = join(HERE, 'node_modules/@jazzer.js/fuzzer/prebuilds', `fuzzer-linux-${process.arch}.node`)
  if (existsSync(binary)) suitOlderGlibc(binary)
}

const targets = readdirSync(join(HERE, 'targets')).map((file) => file.replace(/\.ts$/, ''))
const chosen = values.target === undefined ? targets : [values.target]
if (!chosen.every((name) => targets.includes(name))) {
  console.error(`--target must be one of ${targets.join(', ')}`)
  process.exit(2)
}

installed()
mkdirSync(BUILD, { recursive: true })
const outcomes: Outcome[] = []
for (const name of chosen) outcomes.push(await tried(name))
for (const { name, executions, edges, finding } of outcomes) {
  console.log(`${name}: ${executions} inputs, ${edges} branches reached, ${finding ?? 'no finding'}`)
}
process.exitCode = outcomes.some(({ finding }) => finding !== undefined) ? 1 : 0
