import { type FileHandle, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { UsageError } from '../../functions/local/usage-error.ts'
import type { MessageJson } from '../browse.ts'
import { jsonOf } from '../ndjson.ts'

/**
 * A file that an export writes, and beside it FILE.progress, which records how far the file is complete. The lines of a page are on disk
 * before the progress includes them. Lines beyond the progress belong to a page that was cut off; the next run of the export removes
 * them. So no message is missing and none is there twice, whatever ends the process.
 */
export interface ExportFile {
  /** Messages in it. */
  readonly count: number
  /** The cursor of the next page; absent at the beginning. */
  readonly cursor: string | undefined
  append(messages: readonly MessageJson[], cursor: string | undefined): Promise<void>
  /** Deletes the progress: the file is the whole export. */
  complete(): Promise<void>
  close(): Promise<void>
}

interface Exported {
  readonly queue: string
  readonly count: number
  readonly bytes: number
  readonly cursor?: string | undefined
}

/** @throws `UsageError` where the file is of something else */
export const openExportFile = async (path: string, queue: string): Promise<ExportFile> => {
  const progressPath = `${path}.progress`
  const begun = await readProgress(progressPath, isExport)
  if (begun && begun.queue !== queue) throw new UsageError(`${path} is an export of ${begun.queue}, not of ${queue}`)
  if (!begun && (await exists(path))) {
    throw new UsageError(`${path} exists, and is no export to go on with: name another file, or remove it`)
  }
  let progress: Exported = begun ?? { queue, count: 0, bytes: 0 }
  await writeProgress(progressPath, progress)
  const file = await openAt(path, progress.bytes)
  return {
    get count() {
      return progress.count
    },
    cursor: progress.cursor,
    append: async (messages, cursor) => {
      const text = Buffer.from(messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
      await file.write(text, 0, text.byteLength, progress.bytes)
      await file.datasync()
      const count = progress.count + messages.length
      progress = { queue, count, bytes: progress.bytes + text.byteLength, cursor }
      await writeProgress(progressPath, progress)
    },
    complete: () => rm(progressPath, { force: true }),
    close: () => file.close(),
  }
}

/** Opens the file, truncated to the bytes that the progress records. */
const openAt = async (path: string, bytes: number): Promise<FileHandle> => {
  const file = await open(path, bytes === 0 ? 'w' : 'r+', 0o600)
  const { size } = await file.stat()
  if (size < bytes) {
    await file.close()
    throw new UsageError(`${path} is shorter than its progress says: remove it and ${path}.progress, and begin anew`)
  }
  await file.truncate(bytes)
  return file
}

const exists = async (path: string): Promise<boolean> => {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && found.size > 0
}

/** Replaces the progress as a whole: a crash leaves the earlier one or this one. */
export const writeProgress = async (path: string, progress: object): Promise<void> => {
  await writeFile(`${path}.new`, JSON.stringify(progress), { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
}

/** What a file of a progress holds, whatever wrote it. */
export type ProgressJson = Readonly<Record<string, unknown>>

export const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

/** What the progress of an export and that of an import have in common. */
export const isTransfer = ({ queue, count, bytes }: ProgressJson): boolean =>
  typeof queue === 'string' && isCount(count) && isCount(bytes)

const isExport = (value: ProgressJson): value is ProgressJson & Exported =>
  isTransfer(value) && (value.cursor === undefined || typeof value.cursor === 'string')

/** @throws `UsageError` for a file that is no progress */
export const readProgress = async <P extends ProgressJson>(
  path: string,
  isProgress: (value: ProgressJson) => value is P,
): Promise<P | undefined> => {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const progress = jsonOf(text)
  if (typeof progress === 'object' && progress !== null && isProgress(progress as ProgressJson)) return progress as P
  throw new UsageError(`${path} is no progress of an export or an import: remove it to begin anew`)
}
