import { addUsage, NO_USAGE, type Usage } from '../../functions/runtime/usage.ts'
import { USAGE_LINE } from '../../functions/runtime/usage-lines.ts'
import { type AwsAccess, callAws } from './aws.ts'

export interface LogQuery {
  readonly aws: AwsAccess
  /** The CloudFormation stack of the functions: their log groups begin with its name. */
  readonly stack: string
  /** Epoch ms. */
  readonly from: number
  readonly to: number
  /** Waits; throws at Ctrl-C. */
  readonly sleep: (ms: number) => Promise<void>
}

/** Maximum number of log groups in one query. */
const GROUPS = 50
const CHECK_EVERY_MS = 500
/** Maximum number of rows that a query returns, one row a queue. */
const QUEUES = 10_000

const FIELDS = Object.keys(NO_USAGE) as readonly (keyof Usage)[]
const QUERY = [
  `filter holdfast = "${USAGE_LINE}"`,
  `stats ${FIELDS.map((field) => `sum(${field}) as total_${field}`).join(', ')} by queue`,
].join(' | ')

/**
 * What each queue used, summed from the lines that the functions write into their logs.
 *
 * @throws `Error` where the stack has no logs, or CloudWatch refuses
 */
export const loggedUsage = async (query: LogQuery): Promise<ReadonlyMap<string, Usage>> => {
  const groups = await logGroups(query)
  if (groups.length === 0) {
    throw new Error(`no log group begins with ${query.stack}-: name the stack of the functions with --stack`)
  }
  const usage = new Map<string, Usage>()
  for (let start = 0; start < groups.length; start += GROUPS) {
    for (const [queue, more] of await sumsOf(query, groups.slice(start, start + GROUPS))) {
      usage.set(queue, addUsage(usage.get(queue) ?? NO_USAGE, more))
    }
  }
  return usage
}

/**
 * What CloudFormation adds to the name of a stack: the logical id, and characters of its own. The log groups of a stack
 * `shop-test` begin with `shop-` too, and do not belong to `shop`.
 */
const OF_ONE_STACK = /^-[A-Za-z0-9]+-[A-Za-z0-9]+$/
/** The API's log of its requests has no lines of usage, and a query pays for each byte that it reads. */
const ACCESS_LOG = /AccessLog[0-9A-F]{8}-[A-Za-z0-9]+$/

const logGroups = async ({ aws, stack }: LogQuery): Promise<string[]> => {
  const found: string[] = []
  for (let nextToken: string | undefined, more = true; more; more = nextToken !== undefined) {
    const page = await callAws<{ logGroups?: { logGroupName: string }[]; nextToken?: string }>(
      aws,
      'logs',
      'DescribeLogGroups',
      { logGroupNamePrefix: `${stack}-`, nextToken },
    )
    const names = (page.logGroups ?? []).map(({ logGroupName }) => logGroupName)
    found.push(...names.filter((name) => OF_ONE_STACK.test(name.slice(stack.length)) && !ACCESS_LOG.test(name)))
    nextToken = page.nextToken
  }
  return found
}

interface Results {
  readonly status: string
  readonly results?: readonly (readonly { readonly field: string; readonly value: string }[])[]
}

const sumsOf = async (
  { aws, from, to, sleep }: LogQuery,
  logGroupNames: readonly string[],
): Promise<[string, Usage][]> => {
  const { queryId } = await callAws<{ queryId: string }>(aws, 'logs', 'StartQuery', {
    logGroupNames,
    startTime: Math.floor(from / 1_000),
    endTime: Math.ceil(to / 1_000),
    queryString: QUERY,
    limit: QUEUES,
  })
  try {
    for (;;) {
      const { status, results = [] } = await callAws<Results>(aws, 'logs', 'GetQueryResults', { queryId })
      if (status === 'Complete') return results.map(rowOf)
      if (!UNDER_WAY.has(status)) throw new Error(`the query of the logs ended: ${status}`)
      await sleep(CHECK_EVERY_MS)
    }
  } catch (error) {
    await callAws(aws, 'logs', 'StopQuery', { queryId }).catch(() => {})
    throw error
  }
}

const UNDER_WAY: ReadonlySet<string> = new Set(['Scheduled', 'Running', 'Unknown'])

const rowOf = (fields: NonNullable<Results['results']>[number]): [string, Usage] => {
  const values = new Map(fields.map(({ field, value }) => [field, value]))
  const usage = Object.fromEntries(FIELDS.map((field) => [field, Number(values.get(`total_${field}`)) || 0]))
  return [values.get('queue') ?? '', usage as unknown as Usage]
}
