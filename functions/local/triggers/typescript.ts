import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

export const isTypeScript = (file: string): boolean => /\.[cm]?ts$/.test(file)

/**
 * What Node needs to load a TypeScript module: tsx, of the module's own project or else of this package. It also takes what Node
 * does not when it strips types itself: enums, and imports of `./other.js` that mean `./other.ts`. Without tsx, Node
 * strips the types, from version 22.18 on; nothing where neither can be had.
 */
export const typeScriptFlags = (file: string): readonly string[] | undefined => {
  for (const from of [file, import.meta.url]) {
    try {
      return ['--import', pathToFileURL(createRequire(from).resolve('tsx')).href]
    } catch {
      // Not installed there.
    }
  }
  return (process.features as { typescript?: unknown }).typescript ? [] : undefined
}
