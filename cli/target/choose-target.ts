import { UsageError } from '../../functions/local/usage-error.ts'
import { httpTarget } from './http-target.ts'
import { findLocalServer } from './local-server.ts'
import type { Target } from './target.ts'

export interface TargetOptions {
  readonly table?: string
  readonly url?: string
  readonly region?: string
}

/**
 * The target that the options name, else the environment, else the local server.
 *
 * @throws `UsageError` where there is none, or more than one
 */
export const chooseTarget = async (given: TargetOptions, env: NodeJS.ProcessEnv, cwd: string): Promise<Target> => {
  const { table, url } = placeOf(given, env)
  const { region } = given
  if (table !== undefined) {
    const { tableTarget } = await import('./table-target.ts')
    return tableTarget({ table, region })
  }
  if (url !== undefined) {
    const options = `--url ${url}${region === undefined ? '' : ` --region ${region}`}`
    return httpTarget({ url, region, options: given.url === undefined ? '' : options })
  }
  const server = await findLocalServer(cwd)
  if (!server) throw new UsageError(NOWHERE)
  if (!server.httpOpen) throw new UsageError(`the local server at ${server.url} ${CLOSED}`)
  return httpTarget({ url: server.url, options: '' })
}

/** Options on the command line take precedence over the environment. */
const placeOf = ({ table, url }: TargetOptions, env: NodeJS.ProcessEnv): Pick<TargetOptions, 'table' | 'url'> => {
  if (table !== undefined && url !== undefined) throw new UsageError('--table and --url name two places: give one')
  if (table !== undefined) return { table }
  if (url !== undefined) return { url }
  const { HOLDFAST_TABLE, HOLDFAST_URL } = env
  if (HOLDFAST_TABLE && HOLDFAST_URL) {
    throw new UsageError('HOLDFAST_TABLE and HOLDFAST_URL name two places: unset one, or give --table or --url')
  }
  if (HOLDFAST_URL) return { url: HOLDFAST_URL }
  return HOLDFAST_TABLE ? { table: HOLDFAST_TABLE } : {}
}

const NOWHERE = `no local server is running here, and no other place is named.
  --table NAME   a DynamoDB table, with your own AWS credentials (or HOLDFAST_TABLE)
  --url URL      an HTTP API (or HOLDFAST_URL)
  holdfast dev   starts a local server, which this command then finds`
const CLOSED = 'runs with --auth, which closes its HTTP API: start it with --http-open to use this command'
