import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where a running server is reached, in a file in its data directory: the `holdfast` command finds it there. */
export interface ServerAddress {
  readonly url: string
  readonly pid: number
  /** Whether the HTTP API answers. */
  readonly httpOpen: boolean
}

const ADDRESS_FILE = 'address.json'

/** Best effort: without the file, as without a directory, users of the command pass the address with `--url`. */
export const writeAddress = async (directory: string | undefined, address: ServerAddress): Promise<void> => {
  if (directory === undefined) return
  await writeFile(join(directory, ADDRESS_FILE), `${JSON.stringify(address)}\n`, { mode: 0o600 }).catch(() => {})
}

/** Another server may have put its address there, if the directory was removed while this one ran. */
export const removeAddress = async (directory: string | undefined): Promise<void> => {
  if (directory === undefined || (await readAddress(directory))?.pid !== process.pid) return
  await rm(join(directory, ADDRESS_FILE), { force: true }).catch(() => {})
}

const isPid = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0

type Given = { readonly [K in keyof ServerAddress]?: unknown }

/** The address in a directory's file; undefined where there is none. A server that was killed leaves its file behind. */
export const readAddress = async (directory: string): Promise<ServerAddress | undefined> => {
  try {
    const { url, pid, httpOpen } = JSON.parse(await readFile(join(directory, ADDRESS_FILE), 'utf8')) as Given
    if (typeof url !== 'string' || !URL.canParse(url) || !isPid(pid)) return undefined
    return { url, pid, httpOpen: httpOpen === true }
  } catch {
    return undefined
  }
}
