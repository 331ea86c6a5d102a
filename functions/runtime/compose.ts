import { createEngine, type Engine } from '../../lib/engine.ts'
import type { Observer } from '../../lib/model/engine-event.ts'
import { dynamodbClient } from '../../lib/store/dynamodb/client.ts'
import type { Consumption } from '../../lib/store/dynamodb/consumption.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import { type Denied, reportingDenials } from './missing-rights.ts'

/**
 * The composition root: it builds what operations share, once per process, from the environment. The local server and
 * the tests replace the engine (`useEngine`).
 *
 * HOLDFAST_TABLE: the table's name. Region, credentials and endpoint come from the SDK's standard variables.
 */
let composed: Engine | undefined
let observer: Observer = () => {}
let onDenied: Denied = () => {}
let onConsumed: ((consumption: Consumption) => void) | undefined

export const theEngine = (): Engine => {
  composed ??= engineFromEnvironment(process.env)
  return composed
}

export const useEngine = (engine: Engine | undefined): void => {
  composed = engine
}

/** Sets the observer of the engine's events. */
export const observeEngine = (observe: Observer): void => {
  observer = observe
}

/** Sets what is called when the role of this process lacks a right on the table. */
export const observeDenials = (denied: Denied): void => {
  onDenied = denied
}

/** Sets what is called with the capacity that each request to the table consumed. It counts for an engine that is built afterwards. */
export const observeConsumption = (consumed: (consumption: Consumption) => void): void => {
  onConsumed = consumed
}

const engineFromEnvironment = ({ HOLDFAST_TABLE: table }: NodeJS.ProcessEnv): Engine => {
  if (!table) throw new Error('the environment variable HOLDFAST_TABLE must name the DynamoDB table')
  return createEngine({
    store: reportingDenials(
      dynamodbStore({ client: dynamodbClient(), table, ...(onConsumed && { consumed: onConsumed }) }),
      (...denial) => onDenied(...denial),
    ),
    observe: (event) => observer(event),
  })
}
