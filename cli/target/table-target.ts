import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { usageLog } from '../../functions/local/usage-log.ts'
import { createEngine } from '../../lib/engine.ts'
import { withClockCheck } from '../../lib/store/clock-check.ts'
import { dynamodbClient } from '../../lib/store/dynamodb/client.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import { serverClock } from '../../lib/store/dynamodb/server-clock.ts'
import { inProcessTarget } from './in-process-target.ts'
import type { Target } from './target.ts'

export interface TableTargetParts {
  readonly table: string
  /** @default that of the SDK's environment */
  readonly region?: string | undefined
  /** Is closed with the target. @default one with the SDK's environment */
  readonly client?: DynamoDBClient
}

/** A DynamoDB table, with the caller's own IAM role: region, credentials and endpoint are those of the SDK's environment. */
export const tableTarget = ({ table, region, client: given }: TableTargetParts): Target => {
  // The SDK's warning about Node's version is for developers who choose the SDK.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const client = given ?? dynamodbClient(region === undefined ? {} : { region })
  const clock = serverClock(client)
  const used = usageLog(clock, true)
  const store = dynamodbStore({ client, table, clock, consumed: used.consumed })
  const engine = createEngine({ store: withClockCheck(store, clock), clock })
  const target = inProcessTarget({
    engine,
    name: `table ${table}`,
    options: `--table ${table}${region === undefined ? '' : ` --region ${region}`}`,
    close: async () => client.destroy(),
  })
  const aws = async () => ({ region: await client.config.region(), credentials: await client.config.credentials() })
  return { ...target, aws, table: { name: table, client, engine, units: (queue) => used.read(queue, A_DAY) } }
}

const A_DAY = 86_400
