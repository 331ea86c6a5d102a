import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { openPlace } from '../../lib/client/places/open.ts'
import { dynamodbClient } from '../../lib/store/dynamodb/client.ts'
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
  const { engine, transport } = openPlace({ table, dynamodb: client })
  if (!engine) throw new Error('a table has an engine')
  const target = inProcessTarget({
    engine,
    name: `table ${table}`,
    options: `--table ${table}${region === undefined ? '' : ` --region ${region}`}`,
    close: async () => {
      await transport.close()
      client.destroy()
    },
  })
  const aws = async () => ({ region: await client.config.region(), credentials: await client.config.credentials() })
  return { ...target, aws, table: { name: table, client, engine } }
}
