import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A DynamoDB of our own in a child process, its data in a file. */
export interface EmbeddedDynamodb {
  readonly endpoint: string
  /** Resolves when the process has ended, wanted or not. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/** Platforms that the engine is installed on, as npm names its packages. */
const PLATFORMS = ['linux-x64']

/** Path of the engine; nothing where its package is not installed. */
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

const STARTS = 3
const LOOKS = 400
const LOOK_MS = 25

/** Starts the engine on a free port of 127.0.0.1 and waits until it answers. */
export const startEmbeddedDynamodb = async (file: string): Promise<EmbeddedDynamodb> => {
  const engine = enginePath()
  if (!engine) throw missingEngine()
  let failure = ''
  // Between finding a free port and taking it someone else may take it.
  for (let start = 0; start < STARTS; start++) {
    const port = await freePort()
    const guarded = guard(engine, ['serve', '--host', '127.0.0.1', '-p', String(port), '--db-path', file])
    const endpoint = `http://127.0.0.1:${port}`
    if (await answers(endpoint, guarded)) return { endpoint, ended: guarded.ended, stop: guarded.stop }
    await guarded.stop()
    failure = guarded.complaints()
  }
  throw new Error(`the embedded DynamoDB engine did not start on ${file}: ${failure.trim() || 'it says nothing'}`)
}

interface Guarded {
  readonly ended: Promise<void>
  readonly hasEnded: () => boolean
  /** What it wrote to standard error, the last of it. */
  readonly complaints: () => string
  stop(): Promise<void>
}

const KEPT_CHARACTERS = 2_000

const guard = (engine: string, args: readonly string[]): Guarded => {
  const child: ChildProcess = spawn(
    process.execPath,
    [join(import.meta.dirname, 'engine-guard.mjs'), engine, ...args],
    // Its own session: what the terminal sends to all of its processes reaches the server alone.
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: { ...process.env, NODE_OPTIONS: '' }, windowsHide: true },
  )
  let heard = ''
  let enginePid: number | undefined
  let hasEnded = false
  child.stderr?.on('data', (chunk: Buffer) => {
    heard = (heard + chunk.toString()).slice(-KEPT_CHARACTERS)
  })
  child.stdout?.on('data', (chunk: Buffer) => {
    enginePid = Number.parseInt(chunk.toString(), 10)
  })
  child.stdin?.on('error', () => {})
  const ended = once(child, 'exit').then(() => {
    hasEnded = true
    // The guard was killed, so nobody else ends the engine.
    if (child.signalCode !== null && enginePid !== undefined) killIfThere(enginePid)
  })
  return {
    ended,
    hasEnded: () => hasEnded,
    complaints: () => heard,
    stop: async () => {
      child.stdin?.end()
      await ended
    },
  }
}

const killIfThere = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It had ended by itself.
  }
}

const answers = async (endpoint: string, guarded: Guarded): Promise<boolean> => {
  for (let look = 0; look < LOOKS && !guarded.hasEnded(); look++) {
    const answered = await fetch(endpoint, {
      method: 'POST',
      headers: { 'x-amz-target': 'DynamoDB_20120810.ListTables', 'content-type': 'application/x-amz-json-1.0' },
      body: '{}',
    }).then(
      async (response) => (await response.arrayBuffer()).byteLength > 0,
      () => false,
    )
    if (answered) return true
    await sleep(LOOK_MS)
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
