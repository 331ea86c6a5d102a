import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface CloudWatchParts {
  /** What functions have printed, by log group. */
  readonly logs: () => Readonly<Record<string, string>>
  /** The sum of a metric of DynamoDB, by its name. */
  readonly metric?: (name: string) => number
}

export interface CloudWatch {
  readonly endpoint: string
  /** The actions that were called, in order. */
  readonly calls: readonly string[]
  stop(): Promise<void>
}

type Json = Record<string, unknown>

/** The few actions of CloudWatch and its logs that the command line uses. The server reads the query, and ignores the sender. */
export const startCloudWatch = async ({ logs, metric = () => 0 }: CloudWatchParts): Promise<CloudWatch> => {
  const calls: string[] = []
  const queries = new Map<string, { rows: unknown; looks: number }>()
  const actions: Record<string, (input: Json) => Json> = {
    'logs Logs_20140328.DescribeLogGroups': ({ logGroupNamePrefix, nextToken }) => {
      const names = Object.keys(logs()).filter((name) => name.startsWith(String(logGroupNamePrefix)))
      // One name a page.
      const at = Number(nextToken ?? 0)
      const logGroups = names.slice(at, at + 1).map((logGroupName) => ({ logGroupName }))
      return { logGroups, ...(at + 1 < names.length && { nextToken: String(at + 1) }) }
    },
    'logs Logs_20140328.StartQuery': ({ logGroupNames, queryString, startTime, endTime }) => {
      if (!Number.isInteger(startTime) || !Number.isInteger(endTime)) throw new Error('times are whole seconds')
      const lines = (logGroupNames as string[]).flatMap((name) => logs()[name]?.split('\n') ?? [])
      const queryId = `query-${queries.size}`
      queries.set(queryId, { rows: answerOf(String(queryString), lines), looks: 0 })
      return { queryId }
    },
    'logs Logs_20140328.GetQueryResults': ({ queryId }) => {
      const query = queries.get(String(queryId))
      if (!query) throw new Error('there is no such query')
      return query.looks++ === 0 ? { status: 'Running', results: [] } : { status: 'Complete', results: query.rows }
    },
    'logs Logs_20140328.StopQuery': () => ({ success: true }),
    'monitoring GraniteServiceVersion20100801.GetMetricData': ({ MetricDataQueries }) => ({
      MetricDataResults: (MetricDataQueries as { Id: string; MetricStat: { Metric: { MetricName: string } } }[]).map(
        ({ Id, MetricStat }) => ({ Id, Values: [metric(MetricStat.Metric.MetricName)] }),
      ),
    }),
  }
  const server = createServer(async (request, response) => {
    const [, service] =
      /Credential=[^/]+\/\d+\/[\w-]+\/(\w+)\/aws4_request/.exec(request.headers.authorization ?? '') ?? []
    const call = `${service} ${request.headers['x-amz-target']}`
    calls.push(call.split('.').at(-1) ?? '')
    try {
      const input = JSON.parse((await buffer(request)).toString()) as Json
      const action = actions[call]
      if (!action) throw new Error(`there is no ${call}`)
      response.end(JSON.stringify(action(input)))
    } catch (error) {
      response.writeHead(400).end(JSON.stringify({ __type: 'ValidationException', message: (error as Error).message }))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const QUERY = /^filter (\w+) = "([^"]*)" \| stats (.+) by (\w+)$/
const SUM = /^sum\((\w+)\) as (\w+)$/

/** A query of the form that the command line sends, on lines that are JSON. */
const answerOf = (text: string, lines: readonly string[]) => {
  const [, field = '', value, stats = '', by = ''] = QUERY.exec(text) ?? []
  if (field === '') throw new Error(`MalformedQueryException: ${text}`)
  const sums = stats.split(', ').map((one) => {
    const [, of = '', as = ''] = SUM.exec(one) ?? []
    if (of === '') throw new Error(`MalformedQueryException: ${one}`)
    return { of, as }
  })
  const groups = new Map<string, Map<string, number>>()
  for (const record of lines.flatMap(jsonOf)) {
    if (record[field] !== value) continue
    const key = String(record[by])
    const group = groups.get(key) ?? new Map<string, number>()
    for (const { of, as } of sums) group.set(as, (group.get(as) ?? 0) + (Number(record[of]) || 0))
    groups.set(key, group)
  }
  return [...groups].map(([key, group]) => [
    { field: by, value: key },
    ...[...group].map(([name, sum]) => ({ field: name, value: String(sum) })),
    { field: '@ptr', value: 'none' },
  ])
}

const jsonOf = (line: string): Json[] => {
  try {
    return [JSON.parse(line) as Json]
  } catch {
    return []
  }
}
