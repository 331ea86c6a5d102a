import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { BASE } from './context.ts'

const TYPES = {
  'console.css': 'text/css; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const
export type AssetName = keyof typeof TYPES

export interface Asset {
  readonly type: string
  readonly contents: string
  /** The address contains the hash of the contents, so a browser may cache the file without an end. */
  readonly href: string
}

/** Directories that may contain the files: beside this module, and in the bundle of the local server. */
const PLACES = ['./assets/', './console-assets/']

/** Reads the files that pages refer to. The console reads them once, when its process starts. */
export const readAssets = (): Readonly<Record<AssetName, Asset>> =>
  Object.fromEntries(
    Object.entries(TYPES).map(([name, type]) => {
      const contents = contentsOf(name)
      const version = createHash('sha256').update(contents).digest('base64url').slice(0, 12)
      return [name, { type, contents, href: `${BASE}/assets/${version}/${name}` }]
    }),
  ) as Record<AssetName, Asset>

const contentsOf = (name: string): string => {
  for (const place of PLACES) {
    try {
      return readFileSync(fileURLToPath(new URL(`${place}${name}`, import.meta.url)), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  throw new Error(`The console's file ${name} is missing beside ${import.meta.url}: install or build Holdfast again`)
}
