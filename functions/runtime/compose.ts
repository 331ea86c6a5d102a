import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { createEngine, type Engine, type Observer } from '../../lib/engine.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import { type Denied, reportingDenials } from './missing-rights.ts'

/**
 * The composition root: what operations share is built here, once per process, from the environment. Another engine
 * can take its place (`useEngine`), as the local server and the tests do.
 *
 * HOLDFAST_TABLE: the table's name. Region, credentials and endpoint come from the SDK's standard variables.
 */
let composed: Engine | undefined
let observer: Observer = () => {}
let onDenied: Denied = () => {}

export const theEngine = (): Engine => {
  composed ??= engineFromEnvironment(process.env)
  return composed
}

export const useEngine = (engine: Engine | undefined): void => {
  composed = engine
}

/** Who is told what the engine counts; to be set before the engine is first asked for. */
export const observeEngine = (observe: Observer): void => {
  observer = observe
}

/** Who is told that the role of this process lacks a right on the table. */
export const observeDenials = (denied: Denied): void => {
  onDenied = denied
}

const engineFromEnvironment = ({ HOLDFAST_TABLE: table }: NodeJS.ProcessEnv): Engine => {
  if (!table) throw new Error('the environment variable HOLDFAST_TABLE must name the DynamoDB table')
  return createEngine({
    store: reportingDenials(dynamodbStore({ client: dynamodbClient(), table }), (...denial) => onDenied(...denial)),
    observe: (event) => observer(event),
  })
}

/**
 * Requests to DynamoDB that take longer than a second are dead more often than slow, so they are sent again soon;
 * every write is safe to repeat.
 */
export const dynamodbClient = (config: DynamoDBClientConfig = {}): DynamoDBClient => {
  const client = new DynamoDBClient({
    maxAttempts: 3,
    // Together about a third of the SDK's CPU time for a call.
    cacheMiddleware: true,
    accountIdEndpointMode: 'disabled',
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
    ...config,
  })
  // It copies input and output of every call for a logger that there is none of: a tenth of the CPU time.
  client.middlewareStack.remove('loggerMiddleware')
  return client
}
