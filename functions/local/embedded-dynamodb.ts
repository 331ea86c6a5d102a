import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A DynamoDB engine in a child process, which keeps its data in a file. */
export interface EmbeddedDynamodb {
  readonly endpoint: string
  /** Resolves when the process has ended, whether this server ended it or not. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/** Platforms that the engine is installed on, as npm names its packages. */
const PLATFORMS = ['linux-x64']

/** Path of the engine's program; undefined if its package is not installed. */
const enginePath = (): string | undefined => {
  try {
    const require = createRequire(import.meta.url)
    const home = dirname(require.resolve(`@dynoxide/${process.platform}-${process.arch}/package.json`))
    return join(home, process.platform === 'win32' ? 'dynoxide.exe' : 'dynoxide')
  } catch {
    return undefined
  }
}

const missingEngine = (): Error => {
  const platform = `${process.platform}-${process.arch}`
  const hint = PLATFORMS.includes(platform)
    ? `it comes with npm's optional dependencies: run npm install --include=optional`
    : `npm installs it on ${PLATFORMS.join(', ')} only`
  return new Error(
    [
      `the embedded DynamoDB engine @dynoxide/${platform} is not installed; ${hint}.`,
      'Without it: npm start -- --engine disk keeps everything in files, --engine memory in memory, and',
      'AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8000 npm start uses another DynamoDB, such as DynamoDB Local.',
    ].join('\n'),
  )
}

const MAX_STARTS = 3

/** Starts the engine on a free port of 127.0.0.1 and waits until it answers. */
export const startEmbeddedDynamodb = async (file: string, env: NodeJS.ProcessEnv): Promise<EmbeddedDynamodb> => {
  const engine = enginePath()
  if (!engine) throw missingEngine()
  let failure = ''
  // Another process may take the port after it was found free and before the engine listens on it.
  for (let start = 0; start < MAX_STARTS; start++) {
    const port = await freePort()
    const guarded = guard(engine, ['serve', '--host', '127.0.0.1', '-p', String(port), '--db-path', file], env)
    const endpoint = `http://127.0.0.1:${port}`
    if (await answers(endpoint, guarded)) return { endpoint, ended: guarded.ended, stop: guarded.stop }
    await guarded.stop()
    failure = guarded.errorOutput()
  }
  throw new Error(`the embedded DynamoDB engine did not start on ${file}: ${failure.trim() || 'it gave no reason'}`)
}

interface Guarded {
  readonly ended: Promise<void>
  readonly hasEnded: () => boolean
  /** The end of what the engine wrote to standard error. */
  readonly errorOutput: () => string
  stop(): Promise<void>
}

const KEPT_CHARACTERS = 2_000

const guard = (engine: string, args: readonly string[], env: NodeJS.ProcessEnv): Guarded => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'engine-guard.mjs'), engine, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // A session of its own, so that the signals that a terminal sends to its processes reach the server alone.
    detached: true,
    env: engineEnvironment(env),
    windowsHide: true,
  })
  let errorOutput = ''
  let enginePid: number | undefined
  let hasEnded = false
  child.stderr.on('data', (chunk: Buffer) => {
    errorOutput = (errorOutput + chunk.toString()).slice(-KEPT_CHARACTERS)
  })
  child.stdout.on('data', (chunk: Buffer) => {
    enginePid = Number.parseInt(chunk.toString(), 10)
  })
  child.stdin.on('error', () => {})
  const ended = once(child, 'exit').then(() => {
    hasEnded = true
    // A guard that was killed could not end the engine.
    if (child.signalCode !== null && enginePid !== undefined) killIfRunning(enginePid)
  })
  return {
    ended,
    hasEnded: () => hasEnded,
    errorOutput: () => errorOutput,
    stop: async () => {
      child.stdin.end()
      await ended
    },
  }
}

/** Variables that name the directory of temporary files, and one without which Windows opens no socket. */
const ENGINE_VARIABLES = ['TMPDIR', 'TMP', 'TEMP', 'SystemRoot']

/** The engine gets none of the shell's other variables: credentials of AWS may be among them. */
const engineEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(ENGINE_VARIABLES.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))

const killIfRunning = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // The engine had ended already.
  }
}

const MAX_TRIES = 400
const TRY_EVERY_MS = 25

const answers = async (endpoint: string, guarded: Guarded): Promise<boolean> => {
  for (let attempt = 0; attempt < MAX_TRIES && !guarded.hasEnded(); attempt++) {
    const answered = await fetch(endpoint, {
      method: 'POST',
      headers: { 'x-amz-target': 'DynamoDB_20120810.ListTables', 'content-type': 'application/x-amz-json-1.0' },
      body: '{}',
    }).then(
      async (response) => (await response.arrayBuffer()).byteLength > 0,
      () => false,
    )
    if (answered) return true
    await sleep(TRY_EVERY_MS)
  }
  return false
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
