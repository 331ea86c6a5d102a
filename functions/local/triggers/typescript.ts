import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

export const isTypeScript = (file: string): boolean => /\.[cm]?ts$/.test(file)

/**
 * Node's options to load a TypeScript module: with tsx from the module's own project, or else from this package. tsx also
 * accepts enums, and imports of `./other.js` that mean `./other.ts`, which Node does not when it strips types itself.
 * Without tsx, Node strips the types from version 22.18 on. Undefined where there is neither.
 */
export const typeScriptFlags = (file: string): readonly string[] | undefined => {
  for (const from of [file, import.meta.url]) {
    try {
      return ['--import', pathToFileURL(createRequire(from).resolve('tsx')).href]
    } catch {
      // tsx is not installed there.
    }
  }
  return (process.features as { typescript?: unknown }).typescript ? [] : undefined
}
