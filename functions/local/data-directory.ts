import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A data directory that this process holds alone until it releases it. */
export interface DataDirectory {
  readonly path: string
  release(): Promise<void>
}

/** Another server holds the directory. */
export class DataDirectoryInUse extends Error {
  override readonly name = 'DataDirectoryInUse'
  readonly pid: number

  constructor(path: string, pid: number) {
    super(`another Holdfast (process ${pid}) is using the data in ${path}`)
    this.pid = pid
  }
}

interface Holder {
  readonly pid: number
  /** The port of 127.0.0.1 on which the holder answers with its nonce. */
  readonly port: number
  /** What the holder answers. A process that was given the id or the port of a dead holder does not know it. */
  readonly nonce: string
}

/**
 * Takes a data directory and creates it when it is missing. Its file `lock` names the holder, and the holder answers on
 * a port of its own for as long as it lives. A server that was killed leaves nothing that somebody must clear away, and
 * another process that was given its process id or its port is not mistaken for it.
 *
 * @throws `DataDirectoryInUse`
 */
export const takeDataDirectory = async (path: string): Promise<DataDirectory> => {
  await makeDirectory(path)
  const lock = join(path, 'lock')
  const nonce = randomUUID()
  const witness = await startWitness(nonce)
  const own = join(path, `lock.${nonce}`)
  try {
    const holder = { pid: process.pid, port: portOf(witness), nonce } satisfies Holder
    await writeFile(own, JSON.stringify(holder), { mode: 0o600 })
    await takeLock(path, lock, own)
  } catch (error) {
    witness.close()
    throw error
  } finally {
    await rm(own, { force: true })
  }
  return {
    path,
    release: async () => {
      await rm(lock, { force: true })
      witness.close()
    },
  }
}

/**
 * Creates a directory and its parents. Node's recursive `mkdir` never ends where a file system refuses a directory with
 * the error for a missing parent, as /proc does.
 */
const makeDirectory = async (path: string): Promise<void> => {
  const parent = dirname(path)
  try {
    await makeUnlessPresent(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error
    await makeDirectory(parent)
    await makeUnlessPresent(path)
  }
}

const makeUnlessPresent = async (path: string): Promise<void> => {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    // Node's error names a file in the way; a directory that exists already is no error.
    const found = await stat(path).catch(() => undefined)
    if (!found?.isDirectory()) throw error
  }
}

const MAX_TRIES = 100
const PAUSE_MS = 50

const takeLock = async (path: string, lock: string, own: string): Promise<void> => {
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    // A link appears whole or not at all, and never replaces another file.
    if (await linked(own, lock)) return
    const holder = await readHolder(lock)
    if (holder && (await isAlive(holder))) throw new DataDirectoryInUse(path, holder.pid)
    await clearStale(lock)
    await sleep(PAUSE_MS)
  }
  throw new Error(`${lock} can be neither taken nor cleared: remove it when no Holdfast is running on this data`)
}

/** A crash during the few milliseconds of clearing leaves the guard behind; a guard of this age is ignored. */
const GUARD_MS = 5_000

/** Removes a dead holder's lock. One process at a time, after it has read the lock again: a living one may hold it by now. */
const clearStale = async (lock: string): Promise<void> => {
  const guard = `${lock}.clearing`
  try {
    await mkdir(guard)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    const since = await stat(guard).catch(() => undefined)
    if (since && Date.now() - since.mtimeMs > GUARD_MS) await rmdir(guard).catch(() => {})
    return
  }
  try {
    const holder = await readHolder(lock)
    if (!holder || !(await isAlive(holder))) await rm(lock, { force: true })
  } finally {
    await rmdir(guard).catch(() => {})
  }
}

const linked = async (from: string, to: string): Promise<boolean> => {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

const readHolder = async (lock: string): Promise<Holder | undefined> => {
  try {
    return JSON.parse(await readFile(lock, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

const startWitness = async (nonce: string): Promise<Server> => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end(nonce)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return server.unref()
}

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

/** A holder that takes longer than this to answer counts as alive, but suspended. */
const ANSWER_MS = 2_000

const isAlive = async ({ pid, port, nonce }: Holder): Promise<boolean> => {
  if (!isRunning(pid)) return false
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect({ port, host: '127.0.0.1' })
    socket.setTimeout(ANSWER_MS, () => {
      resolve(true)
      socket.destroy()
    })
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(answer === nonce))
  })
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // The process exists and belongs to another user.
    return codeOf(error) === 'EPERM'
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
