import type { DynamoDBClient, DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { dynamodbStore } from '../../lib/dynamodb/dynamodb-store.ts'
import { createTable } from '../../lib/dynamodb/table.ts'
import type { Store } from '../../lib/store.ts'
import { dynamodbClient } from '../compose.ts'

/** What emulators take for credentials and region. */
export const LOCAL_ACCESS = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
} as const satisfies DynamoDBClientConfig

/** A store on a table, which is created when it is missing. */
export const openTable = async ({
  table,
  ...config
}: { table: string } & DynamoDBClientConfig): Promise<{ store: Store; client: DynamoDBClient }> => {
  // Of use to who chooses the SDK's version, not to who starts this server.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const client = dynamodbClient(config)
  await createTable(client, table)
  return { store: dynamodbStore({ client, table }), client }
}

/** Stand-ins for region and credentials where none are configured: emulators ask for some, and never look at them. */
export const standInCredentials = async (env: NodeJS.ProcessEnv): Promise<DynamoDBClientConfig> => {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE, AWS_ACCESS_KEY_ID } = env
  const configured =
    AWS_PROFILE || AWS_ACCESS_KEY_ID || env.AWS_WEB_IDENTITY_TOKEN_FILE || env.AWS_CONTAINER_CREDENTIALS_FULL_URI
  return {
    ...(!(AWS_REGION || AWS_DEFAULT_REGION || AWS_PROFILE) && { region: LOCAL_ACCESS.region }),
    ...(!configured && { credentials: LOCAL_ACCESS.credentials }),
  }
}
