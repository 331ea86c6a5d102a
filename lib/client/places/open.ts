import { type Clock, monotonicClock, systemClock } from '../../clock.ts'
import { createEngine, type Engine } from '../../engine.ts'
import { withClockCheck } from '../../store/clock-check.ts'
import { dynamodbClient } from '../../store/dynamodb/client.ts'
import { dynamodbStore } from '../../store/dynamodb/dynamodb-store.ts'
import { serverClock } from '../../store/dynamodb/server-clock.ts'
import type { Server } from '../../telemetry/telemetry.ts'
import { apiUrl, isLoopback } from '../../transport/api-url.ts'
import { engineTransport } from '../../transport/engine-transport.ts'
import { httpTransport } from '../../transport/http-transport.ts'
import type { Transport } from '../../transport/port.ts'
import { type Credentials, regionOfUrl, type Sign, signer, unsigned } from '../../transport/signer.ts'
import {
  type ClientOptions,
  checkOptions,
  type EngineOptions,
  type StoreOptions,
  type TableOptions,
  type UrlOptions,
} from './options.ts'

/** A place whose queues a client works on. */
export interface Place {
  readonly transport: Transport
  readonly clock: Clock
  /** Judges the leases that this process holds. */
  readonly monotonic: Clock
  /** Absent over HTTP. */
  readonly engine?: Engine
  /** Of the HTTP API; absent elsewhere. */
  readonly server?: Server
}

/** @throws `InvalidRequest` unless the options name exactly one place, and nothing unknown */
export const openPlace = (options: ClientOptions): Place => {
  switch (checkOptions(options)) {
    case 'table':
      return onTable(options as TableOptions)
    case 'url':
      return overHttp(options as UrlOptions)
    case 'store':
      return inProcess(options as StoreOptions)
    case 'engine':
      return onEngine((options as EngineOptions).engine)
  }
}

const onTable = ({ table, dynamodb, observe }: TableOptions): Place => {
  const client = dynamodb ?? dynamodbClient()
  const clock = serverClock(client)
  const store = withClockCheck(dynamodbStore({ client, table, clock }), clock)
  const engine = createEngine({ store, clock, ...(observe && { observe }) })
  const transport = engineTransport(engine, async () => (dynamodb ? undefined : client.destroy()))
  return { transport, clock, monotonic: monotonicClock, engine }
}

const inProcess = ({ store, clock = systemClock, random, observe }: StoreOptions): Place =>
  onEngine(createEngine({ store, clock, ...(random && { random }), ...(observe && { observe }) }))

const onEngine = (engine: Engine): Place => {
  const { clock } = engine
  // Any other clock belongs to a test, which moves only that one.
  const monotonic = clock === systemClock ? monotonicClock : clock
  return { transport: engineTransport(engine), clock, monotonic, engine }
}

const overHttp = ({ url: given, credentials, region, fetch, idempotentPublish = true }: UrlOptions): Place => {
  const url = apiUrl(given)
  const sign = signFor(url, credentials, region)
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  return {
    transport: httpTransport({ url, sign, idempotentPublish, ...(fetch && { fetch }) }),
    clock: systemClock,
    monotonic: monotonicClock,
    server: { address: url.hostname, port },
  }
}

/** How requests to an API are signed: with credentials that are given, or those of the environment; on this machine not at all. */
export const signFor = (url: URL, credentials?: UrlOptions['credentials'], region?: string): Sign =>
  !credentials && isLoopback(url) ? unsigned : signer(...credentialsAndRegion(url, credentials, region))

/** Credentials and region. The DynamoDB client's standard chain finds those that are not given. */
const credentialsAndRegion = (
  url: URL,
  credentials: UrlOptions['credentials'],
  region: string | undefined,
): [() => Promise<Credentials>, () => Promise<string>] => {
  const sdk = () => dynamodbClient(region ? { region } : {}).config
  const known = region ?? regionOfUrl(url)
  return [
    typeof credentials === 'function' ? credentials : async () => credentials ?? (await sdk().credentials()),
    async () => known ?? (await sdk().region()),
  ]
}
