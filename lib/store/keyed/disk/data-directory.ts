import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A data directory that no other process can take until this one releases it. */
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
  /** The holder's process id, for error messages. */
  readonly pid: number
  /** The socket, or on Windows the pipe, on which the holder answers as long as it runs. */
  readonly socket: string
  /** The holder's answer. */
  readonly nonce: string
}

/**
 * Takes a data directory, and creates it if it is missing. The file `lock` names the process that holds the directory, and a
 * socket in the file system on which that process answers as long as it runs. So the lock of a killed process needs no
 * manual removal, and another process with the same process id does not count as the holder.
 *
 * @throws `DataDirectoryInUse`
 */
export const takeDataDirectory = async (path: string): Promise<DataDirectory> => {
  await makeDirectory(path)
  const lock = join(path, 'lock')
  const nonce = randomUUID()
  const { witness, socket } = await startWitness(path, nonce)
  const own = join(path, `lock.${nonce}`)
  try {
    await writeFile(own, JSON.stringify({ pid: process.pid, socket, nonce } satisfies Holder), { mode: 0o600 })
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
      // A directory that was removed while it was held may be another process's by now. No process takes this lock before the witness ends.
      if ((await readHolder(lock))?.nonce === nonce) await rm(lock, { force: true })
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
    // A directory that exists is no error. For a file under this name, Node's error names it.
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
    if (holder && (await lives(holder))) throw new DataDirectoryInUse(path, holder.pid)
    await clearStale(lock)
    await sleep(PAUSE_MS)
  }
  throw new Error(`${lock} can be neither taken nor cleared: remove it when no Holdfast is running on this data`)
}

/** A guard of this age was left by a crash within the few milliseconds of clearing, and is ignored. */
const GUARD_MS = 5_000

/**
 * Removes the lock of a holder that has ended. One process at a time does so, under a guard, and it reads the lock again: a
 * running process may have taken the lock meanwhile.
 */
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
    if (!holder || !(await lives(holder))) {
      await rm(lock, { force: true })
      if (holder && process.platform !== 'win32') await rm(holder.socket, { force: true })
    }
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
    const { pid, socket, nonce } = JSON.parse(await readFile(lock, 'utf8')) as Partial<Holder>
    // A lock of an earlier version has a port in place of the socket; its holder counts as ended.
    return pid !== undefined && socket !== undefined && nonce !== undefined ? { pid, socket, nonce } : undefined
  } catch {
    return undefined
  }
}

/** The longest path of a socket that every operating system accepts, in bytes. */
const MAX_SOCKET_PATH = 100

const startWitness = async (path: string, nonce: string): Promise<{ witness: Server; socket: string }> => {
  const name = `holdfast-${nonce.slice(0, 8)}.sock`
  if (process.platform === 'win32') {
    const pipe = `\\\\.\\pipe\\${name}`
    return { witness: await listen(pipe, nonce), socket: pipe }
  }
  const here = join(path, name)
  const elsewhere = join(tmpdir(), name)
  if (Buffer.byteLength(here) > MAX_SOCKET_PATH) return { witness: await listen(elsewhere, nonce), socket: elsewhere }
  try {
    return { witness: await listen(here, nonce), socket: here }
  } catch (error) {
    // Some file systems have no sockets, such as those that are mounted from another machine.
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EROFS') throw error
    return { witness: await listen(elsewhere, nonce), socket: elsewhere }
  }
}

const listen = async (socket: string, nonce: string): Promise<Server> => {
  const server = createServer((client) => {
    client.on('error', () => {})
    client.end(nonce)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, resolve)
  })
  return server.unref()
}

/** A holder whose socket gives no answer for this long counts as running, but suspended. */
const ANSWER_MS = 2_000

const lives = ({ socket: path, nonce }: Holder): Promise<boolean> =>
  new Promise((resolve) => {
    let answer = ''
    const socket = connect(path)
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

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
