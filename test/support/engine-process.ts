import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const require = createRequire(import.meta.url)

/** Path of the embedded engine for this platform; nothing where its package is not installed. */
export const enginePath = (): string | undefined => {
  try {
    const home = dirname(require.resolve(`@dynoxide/${process.platform}-${process.arch}/package.json`))
    return join(home, process.platform === 'win32' ? 'dynoxide.exe' : 'dynoxide')
  } catch {
    return undefined
  }
}

export interface EngineProcess {
  readonly endpoint: string
  stop(): Promise<void>
}

const READY_TRIES = 200

/** Starts an embedded engine on a free port of 127.0.0.1, its data in memory, and waits until it answers. */
export const startEngineProcess = async (binary: string): Promise<EngineProcess> => {
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const child = spawnTied(binary, ['serve', '-p', String(port)])
  for (let attempt = 1; !(await answers(endpoint)); attempt++) {
    if (child.exitCode !== null || attempt === READY_TRIES) {
      child.stdin?.end()
      throw new Error(`the embedded engine did not start on ${endpoint} (exit code ${child.exitCode})`)
    }
    await sleep(25)
  }
  return {
    endpoint,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.stdin?.end()
      await ended
    },
  }
}

/** The child ends when its standard input ends, so it never outlives this process, however this process ends. */
const spawnTied = (binary: string, args: readonly string[]): ChildProcess => {
  const script = '"$0" "$@" </dev/null & pid=$!; cat >/dev/null; kill $pid; wait $pid'
  return spawn('/bin/sh', ['-c', script, binary, ...args], { stdio: ['pipe', 'ignore', 'ignore'] })
}

export const answers = async (endpoint: string): Promise<boolean> => {
  try {
    await (await fetch(endpoint)).text()
    return true
  } catch {
    return false
  }
}

const freePort = async (): Promise<number> => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const closed = once(server, 'close')
  server.close()
  await closed
  return address.port
}
