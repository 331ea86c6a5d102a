/** The code in the documentation is compiled and run, as a newcomer would run it: with no setting of AWS's around. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, expect, test } from 'vitest'
import { bundledCommand } from '../cli/bundled-command.ts'
import { startServerProcess } from '../functions/local/server-process.ts'
import { type CodeBlock, codeBlocks, DOCUMENTS, nameOf, PROJECT } from './code-blocks.ts'

const LOCAL_SERVER = 'http://127.0.0.1:9324'
/** Some seventy processes start one after the other. */
const SHELL_TIMEOUT_MS = 600_000
const LANGUAGES = ['sh', 'ts', 'js', 'json', 'text', 'http']

const blocks = DOCUMENTS.flatMap(codeBlocks)
const inLanguage = (...languages: string[]) => blocks.filter(({ language }) => languages.includes(language))

/** Below `node_modules`, so that the blocks find the packages that they name. */
const work = mkdtempSync(join(PROJECT, 'node_modules/.docs-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))
writeFileSync(join(work, 'package.json'), '{"type":"module"}')

const SOURCES = {
  holdfast: join(PROJECT, 'lib/index.ts'),
  'holdfast/testing': join(PROJECT, 'lib/testing.ts'),
  'holdfast/lambda': join(PROJECT, 'lib/lambda.ts'),
  'holdfast/opentelemetry': join(PROJECT, 'lib/opentelemetry.ts'),
  'holdfast/cdk': join(PROJECT, 'infra/index.ts'),
}

/** A block as a module. Paths in it are relative to its document. */
const write = (block: CodeBlock, url = LOCAL_SERVER): string => {
  const program = block.within?.replace('…', () => block.code) ?? block.code
  const file = join(work, `${nameOf(block).replace(/\W/g, '-')}.ts`)
  const from = dirname(join(PROJECT, block.file))
  const text = program
    .replaceAll(/from '(\.\.?\/[^']+)'/g, (_, path: string) => `from '${join(from, path)}'`)
    .replaceAll(LOCAL_SERVER, url)
  // A program without imports is a module all the same.
  writeFileSync(file, /^(import|export) /m.test(text) ? text : `${text}\nexport {}\n`)
  return file
}

const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(AWS_|HOLDFAST_|npm_|NODE_|VITEST|POWERTOOLS_)/.test(name)),
  )

const execute = promisify(execFile)
const run = async (command: string, args: readonly string[], cwd = PROJECT): Promise<string> => {
  try {
    return (await execute(command, args, { cwd, env: environment() })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`)
  }
}

/** Runs a block of TypeScript; answers what it prints. */
const runTypeScript = async (block: CodeBlock, url?: string): Promise<string> => {
  const entry = write(block, url)
  const outfile = entry.replace(/\.ts$/, '.mjs')
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    alias: SOURCES,
    logLevel: 'silent',
  })
  return run(process.execPath, [outfile], work)
}

test('every block names a language that this test handles, so that each is checked', () => {
  for (const file of DOCUMENTS) {
    const fences = readFileSync(join(PROJECT, file), 'utf8').match(/^ *```/gm) ?? []
    const own = codeBlocks(file)
    expect([file, fences.length]).toEqual([file, 2 * own.length])
    expect(own.filter(({ language }) => !LANGUAGES.includes(language)).map(nameOf)).toEqual([])
  }
})

test('each block that no test runs has a reason, and these are all of them', () => {
  const reasons = new Map<string, string[]>()
  for (const { file, notRun } of blocks) {
    if (notRun !== undefined) reasons.set(notRun, [...(reasons.get(notRun) ?? []), file])
  }
  expect(Object.fromEntries(reasons)).toMatchInlineSnapshot(`
    {
      "is the gate itself": [
        "README.md",
        "README.md",
        "CONTRIBUTING.md",
        "CONTRIBUTING.md",
      ],
      "needs Docker": [
        "docs/docker.md",
        "docs/docker.md",
        "docs/docker.md",
        "docs/triggers.md",
      ],
      "needs Go, and takes minutes": [
        "docs/simulation.md",
      ],
      "needs a handler of the reader's": [
        "docs/triggers.md",
      ],
      "needs an AWS account": [
        "README.md",
        "docs/console.md",
        "docs/deploy.md",
        "docs/deploy.md",
        "docs/deploy.md",
        "docs/deploy.md",
      ],
      "needs the AWS command line": [
        "README.md",
        "docs/sqs.md",
      ],
      "needs the server of the reader": [
        "docs/triggers.md",
      ],
      "npm run test:package does this": [
        "docs/library.md",
        "docs/library.md",
      ],
      "runs for minutes": [
        "docs/fuzzing.md",
      ],
      "takes half an hour": [
        "docs/scale.md",
      ],
      "takes more than an hour": [
        "docs/simulation.md",
      ],
      "test/infra/runbook.test.ts runs it": [
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
        "docs/runbook.md",
      ],
    }
  `)
})

test('every block of TypeScript compiles against the sources', async () => {
  // What needs Docker imports a package that is not installed.
  const typed = inLanguage('ts', 'js').filter(({ notRun }) => notRun !== 'needs Docker')
  expect(typed.length).toBeGreaterThan(10)
  const files = typed.map((block) => write(block))
  writeFileSync(
    join(work, 'tsconfig.json'),
    JSON.stringify({
      extends: join(PROJECT, 'tsconfig.json'),
      compilerOptions: {
        paths: Object.fromEntries(Object.entries(SOURCES).map(([name, path]) => [name, [path]])),
        noUnusedLocals: false,
        noUnusedParameters: false,
        declaration: false,
      },
      include: [],
      exclude: [],
      files,
    }),
  )
  await expect(run('npx', ['tsc', '-p', join(work, 'tsconfig.json')])).resolves.toBe('')
})

test('every block of JSON is JSON', () => {
  for (const block of inLanguage('json')) expect(() => JSON.parse(block.code), nameOf(block)).not.toThrow()
})

const recipes = codeBlocks('docs/library.md').filter(({ language }) => language === 'ts')

test('the library guide has thirteen recipes, each with what it prints', () => {
  expect(recipes.filter(({ prints }) => prints === undefined).map(nameOf)).toEqual([])
  expect(recipes.length).toBeGreaterThanOrEqual(13)
})

test.each(recipes.map((block) => [nameOf(block), block] as const))(
  '%s prints what the guide shows',
  async (_, block) => {
    const server = block.code.includes(LOCAL_SERVER) ? await startServerProcess({ args: ['--memory'] }) : undefined
    expect(await runTypeScript(block, server?.url)).toBe(block.prints)
    await server?.end('SIGTERM')
  },
)

test(
  'the blocks of shell run in their order, each document against a server of its own, and in between the programs of the README',
  async () => {
    const command = await bundledCommand()
    for (const file of DOCUMENTS) {
      const isProgram = ({ language }: CodeBlock) => file === 'README.md' && language === 'ts'
      const isShell = ({ language, notRun }: CodeBlock) => language === 'sh' && notRun === undefined
      const blocks = codeBlocks(file).filter((block) => isProgram(block) || isShell(block))
      if (blocks.length === 0) continue
      const server = await startServerProcess({ args: ['--memory'] })
      for (const block of blocks) {
        if (isProgram(block)) {
          await expect(runTypeScript(block, server.url), nameOf(block)).resolves.toEqual(expect.any(String))
          continue
        }
        // A refused request fails the block. `…` stands for the receipt handle of the answer before.
        const script = `set -euo pipefail
        curl() {
          answer=$(command curl --silent --show-error --fail-with-body "$@")
          HANDLE=$(grep -o '"receiptHandle":"[^"]*"' <<< "$answer" | head -1 | cut -d '"' -f 4 || true)
          echo "$answer"
        }
        holdfast() { node "${command}" "$@"; }
        export HOLDFAST_URL=${server.url}
        ${block.code
          .replaceAll(LOCAL_SERVER, server.url)
          .replaceAll(/--histories \d+/g, '--histories 4')
          .replaceAll(/[\w-]+\.ndjson/g, (file) => join(work, file))
          .replaceAll('"…"', () => `"'"$HANDLE"'"`)}`
        expect(await run('bash', ['-c', script]), nameOf(block)).not.toMatch(/"ok":false|"error":/)
      }
      await server.end('SIGTERM')
    }
  },
  SHELL_TIMEOUT_MS,
)
