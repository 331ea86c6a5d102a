import { cp, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PlantedBug } from './bugs.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Folders that commands make, or that belong to this machine alone. */
const NOT_COPIED = ['node_modules', '.git', '.holdfast', 'cdk.out', 'coverage', 'dist']

/** A copy of the project to plant bugs in. The copy is whole, since suites import from every folder. */
export const newCopy = async (): Promise<string> => {
  const copy = await mkdtemp(join(tmpdir(), 'holdfast-planted-'))
  for (const path of await readdir(ROOT)) {
    if (!NOT_COPIED.includes(path)) await cp(join(ROOT, path), join(copy, path), { recursive: true })
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/** Plants a bug into a copy. Returns a function that undoes that, or nothing when the bug does not fit the code. */
export const plant = async (
  copy: string,
  { file: path, replace, by }: Pick<PlantedBug, 'file' | 'replace' | 'by'>,
): Promise<(() => Promise<void>) | undefined> => {
  const file = join(copy, path)
  const source = await readFile(file, 'utf8')
  if (source.split(replace).length !== 2) return undefined
  await writeFile(
    file,
    source.replace(replace, () => by),
  )
  return () => writeFile(file, source)
}
