import { createEngine, type Engine, type Observer } from '../../lib/engine.ts'
import { dynamodbClient } from '../../lib/store/dynamodb/client.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'

/**
 * The composition root: what operations share is built here, once per process, from the environment. Another engine
 * can take its place (`useEngine`), as the local server and the tests do.
 *
 * HOLDFAST_TABLE: the table's name. Region, credentials and endpoint come from the SDK's standard variables.
 */
let composed: Engine | undefined
let observer: Observer = () => {}

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

const engineFromEnvironment = ({ HOLDFAST_TABLE: table }: NodeJS.ProcessEnv): Engine => {
  if (!table) throw new Error('the environment variable HOLDFAST_TABLE must name the DynamoDB table')
  return createEngine({
    store: dynamodbStore({ client: dynamodbClient(), table }),
    observe: (event) => observer(event),
  })
}
