import { readdir } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'
import { readAddress, type ServerAddress } from '../../functions/local/address-file.ts'
import { isLoopback } from '../../lib/transport/api-url.ts'

const DATA_DIRECTORY = '.holdfast'
/** The default address of `holdfast dev`. A server that keeps nothing on disk is found at this address alone. */
const DEFAULT_URL = 'http://127.0.0.1:9324'
/** A server on this machine that does not answer within this time counts as none. */
const ANSWER_MS = 2_000

/**
 * The local server that runs for a directory: the one whose data is in `.holdfast/` there or in a directory above, else one at the
 * default port. A file that a killed server left behind is ignored, since no server answers at its address. A file that names another
 * machine is ignored too: a directory that was copied here must not make this machine send messages and signatures elsewhere.
 */
export const findLocalServer = async (
  directory: string,
  answers: (url: string) => Promise<boolean> = isHoldfast,
): Promise<ServerAddress | undefined> => {
  for (const address of await addressesAbove(directory)) if (await answers(address.url)) return address
  return (await answers(DEFAULT_URL)) ? { url: DEFAULT_URL, pid: 0, httpOpen: true } : undefined
}

const addressesAbove = async (directory: string): Promise<ServerAddress[]> => {
  const found: ServerAddress[] = []
  for (let here = directory; ; here = dirname(here)) {
    const data = join(here, DATA_DIRECTORY)
    const inside = await readdir(data, { withFileTypes: true }).catch(() => [])
    const places = [data, ...inside.filter((entry) => entry.isDirectory()).map(({ name }) => join(data, name))]
    for (const place of places) {
      const address = await readAddress(place)
      if (address && isOfThisMachine(address.url)) found.push(address)
    }
    if (dirname(here) === here) return found
  }
}

const isOfThisMachine = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  if (url.protocol !== 'http:') return false
  const own = Object.values(networkInterfaces()).flatMap((some) => some?.map(({ address }) => address) ?? [])
  const name = url.hostname.replace(/^\[|\]$/g, '')
  return isLoopback(url) || own.includes(name) || name === hostname().toLowerCase()
}

const isHoldfast = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(ANSWER_MS) })
    return response.ok && ((await response.json()) as { status?: unknown }).status === 'ok'
  } catch {
    return false
  }
}
