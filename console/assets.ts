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
  /** Address with the hash of the contents: it may be kept for ever. */
  readonly href: string
}

/** Directories that may hold the files: beside this module, and where the local server's bundle has them. */
const PLACES = ['./assets/', './console-assets/']

/** The files that pages name, read once. */
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
  throw new Error(`the console's file ${name} is missing beside ${import.meta.url}`)
}
