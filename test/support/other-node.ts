import { execFile } from 'node:child_process'
import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/holdfast')
const TIMEOUT_MS = 300_000

/**
 * A Node of another major version: its executable from npm, fetched once and kept beside the installed packages. The
 * project does not depend on it, since npm would put it before the installed Node. Returns the reason where the registry or
 * the platform has no such Node.
 */
export const otherNode = async (major: number): Promise<{ path: string } | { missing: string }> => {
  const name = `node-${process.platform}-${process.arch}`
  const folder = join(CACHE, `node-${major}`)
  const path = join(folder, 'node_modules', name, 'bin', 'node')
  try {
    if (!(await exists(path))) {
      await mkdir(folder, { recursive: true })
      const retries = ['--fetch-retries=1', '--fetch-timeout=60000']
      const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-save']
      await run('npm', ['install', '--prefix', folder, ...quiet, ...retries, `${name}@${major}`], {
        timeout: TIMEOUT_MS,
      })
    }
    const { stdout } = await run(path, ['--version'])
    return stdout.startsWith(`v${major}.`) ? { path } : { missing: `${path} is Node ${stdout.trim()}` }
  } catch (error) {
    return { missing: `Node ${major} could not be installed from npm: ${(error as Error).message.split('\n')[0]}` }
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
