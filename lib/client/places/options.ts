import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Clock } from '../../clock.ts'
import type { InvalidMessage } from '../../codecs/read-message.ts'
import type { Engine } from '../../engine.ts'
import type { Observer } from '../../model/engine-event.ts'
import { HoldfastError, unknownField } from '../../model/errors.ts'
import type { Random } from '../../random.ts'
import type { Store } from '../../store/port.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import type { Credentials } from '../../transport/signer.ts'

interface CommonOptions {
  /**
   * Called with a message that could not be decoded or did not fit its queue's schema.
   * @default a warning of the process, once a queue
   */
  readonly onInvalid?: (failure: InvalidMessage) => void
  /** How long a lone publish waits for others to share a write with, ms. @default 0: to the end of the event loop's turn */
  readonly lingerMs?: number
  /** Traces and measures what the client does: `openTelemetry()` of `holdfast/opentelemetry`. @default nothing does */
  readonly telemetry?: Telemetry
}

/** Directly on the DynamoDB table, with the caller's own IAM role. */
export interface TableOptions extends CommonOptions {
  readonly table: string
  /** @default a client of the SDK's standard environment */
  readonly dynamodb?: DynamoDBClient
  /** Called with the events of the engine. */
  readonly observe?: Observer
}

/** Through the HTTP API, or a local server. */
export interface UrlOptions extends CommonOptions {
  readonly url: string | URL
  /** @default those of the SDK's standard chain; none when the address is on this machine */
  readonly credentials?: Credentials | (() => Promise<Credentials>)
  /** @default the region in the address, else that of the SDK's environment */
  readonly region?: string
  /** @default the runtime's own */
  readonly fetch?: typeof fetch
  /**
   * Whether a publish has an idempotency key: a publish whose answer was lost is then repeated, and stored only once.
   * That costs 2 write units a call and one a segment, so 3 for messages that are alike, one or 25. Without the key such
   * a publish throws `StoreUnavailable`, and publishing again may store a second copy.
   *
   * @default true
   */
  readonly idempotentPublish?: boolean
}

/** In this process: `memoryStore()`, or another store. */
export interface StoreOptions extends CommonOptions {
  readonly store: Store
  /** @default the system's clock; the store's own where it was given one */
  readonly clock?: Clock
  readonly random?: Random
  readonly observe?: Observer
}

/** On an existing engine. */
export interface EngineOptions extends CommonOptions {
  readonly engine: Engine
}

export type ClientOptions = TableOptions | UrlOptions | StoreOptions | EngineOptions

type KeyOf<T> = T extends unknown ? keyof T : never

/** The options of every place: an unknown one is refused, since it would do nothing and the caller would not notice. */
const OPTIONS = {
  table: true,
  url: true,
  store: true,
  engine: true,
  dynamodb: true,
  observe: true,
  credentials: true,
  region: true,
  fetch: true,
  idempotentPublish: true,
  clock: true,
  random: true,
  onInvalid: true,
  lingerMs: true,
  telemetry: true,
} satisfies Record<KeyOf<ClientOptions>, true>

const PLACES = ['table', 'url', 'store', 'engine'] as const

/**
 * The place that the options name.
 *
 * @throws `InvalidRequest` unless they name exactly one, and nothing unknown
 */
export const checkOptions = (options: ClientOptions): (typeof PLACES)[number] => {
  const given = Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  const unknown = given.find((name) => !Object.hasOwn(OPTIONS, name))
  // The error does not show the value, which may be a secret.
  if (unknown !== undefined) throw unknownField(unknown, undefined, Object.keys(OPTIONS))
  const named = PLACES.filter((place) => given.includes(place))
  const [place] = named
  if (place === undefined || named.length > 1) {
    const found = named.length === 0 ? 'none of them' : named.join(' and ')
    const message = `createClient takes exactly one of the options ${PLACES.join(', ')}, but was given ${found}`
    throw new HoldfastError('InvalidRequest', message, { field: 'options' })
  }
  return place
}
