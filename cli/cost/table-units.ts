import { type AwsAccess, callAws } from './aws.ts'

export interface Units {
  readonly readUnits: number
  readonly writeUnits: number
}

const MINUTE = 60
/** CloudWatch keeps minutes for 15 days, five minutes for 63, and hours for 455. */
const PERIODS = [
  { days: 15, seconds: MINUTE },
  { days: 63, seconds: 5 * MINUTE },
  { days: 455, seconds: 60 * MINUTE },
] as const
const DAY_MS = 86_400_000

/** All units of a table that AWS billed in a period, including those of other programs. @param from epoch ms */
export const tableUnits = async (
  aws: AwsAccess,
  table: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Units> => {
  const period = PERIODS.find(({ days }) => to - from <= days * DAY_MS)?.seconds ?? 60 * MINUTE
  const sums = new Map<string, number>()
  for (let NextToken: string | undefined, more = true; more; more = NextToken !== undefined) {
    const page = await callAws<Page>(aws, 'metrics', 'GetMetricData', {
      MetricDataQueries: (['Read', 'Write'] as const).map((side) => metric(table, side, period)),
      StartTime: Math.floor(from / 1_000 / period) * period,
      EndTime: Math.ceil(to / 1_000),
      NextToken,
    })
    for (const { Id, Values = [] } of page.MetricDataResults ?? []) {
      sums.set(
        Id,
        Values.reduce((sum, value) => sum + value, sums.get(Id) ?? 0),
      )
    }
    NextToken = page.NextToken
  }
  return { readUnits: sums.get('read') ?? 0, writeUnits: sums.get('write') ?? 0 }
}

interface Page {
  readonly MetricDataResults?: readonly { readonly Id: string; readonly Values?: readonly number[] }[]
  readonly NextToken?: string
}

const metric = (table: string, side: 'Read' | 'Write', period: number) => ({
  Id: side.toLowerCase(),
  MetricStat: {
    Metric: {
      Namespace: 'AWS/DynamoDB',
      MetricName: `Consumed${side}CapacityUnits`,
      Dimensions: [{ Name: 'TableName', Value: table }],
    },
    Period: period,
    Stat: 'Sum',
  },
})
