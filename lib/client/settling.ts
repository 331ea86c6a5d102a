import type { Codec } from '../codecs/codec.ts'
import { isHoldfastError } from '../model/errors.ts'
import { knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import type { AckEntry } from '../settle/ack.ts'
import type * as verbs from '../settle/verbs.ts'
import {
  ACK_FIELDS,
  ackEntries,
  EXTEND_FIELDS,
  type Handle,
  handlesOf,
  NACK_FIELDS,
  nackEntries,
  withOptionNames,
} from '../settle/verbs.ts'
import type { QueueTelemetry, Settled, SettleVerb } from '../telemetry/telemetry.ts'
import { CALL_FIELDS, type CallOptions, type Transport } from '../transport/port.ts'

export interface ExtendOptions extends verbs.ExtendOptions, CallOptions {}
/** The options of an ack. The queue's codec encodes the results. */
export interface AckOptions extends CallOptions {
  /** The result of the work, for the producer, on a queue that keeps results: at most 32 KB. */
  readonly result?: unknown
  /** One result for each message, in the order of the messages, instead of `result`. */
  readonly results?: readonly unknown[]
  /** Why the work failed for good. The producer reads it as the failure, and the messages are gone from the queue. */
  readonly failure?: unknown
}
export interface NackOptions extends verbs.NackOptions, CallOptions {}

/** Verbs on leased messages. Given one message, a verb throws when it fails; given a list, it returns one result each, in order. */
export interface Settling {
  ack(message: Handle, options?: AckOptions): Promise<void>
  ack(messages: readonly Handle[], options?: AckOptions): Promise<HandleResult[]>
  nack(message: Handle, options?: NackOptions): Promise<void>
  nack(messages: readonly Handle[], options?: NackOptions): Promise<HandleResult[]>
  extend(message: Handle, options: ExtendOptions): Promise<void>
  extend(messages: readonly Handle[], options: ExtendOptions): Promise<HandleResult[]>
  /** Gives messages back as if they had not been received: they are visible at once, and the receive does not count. */
  unreceive(message: Handle, options?: CallOptions): Promise<void>
  unreceive(messages: readonly Handle[], options?: CallOptions): Promise<HandleResult[]>
}

export interface SettlingParts {
  readonly transport: Pick<Transport, 'ack' | 'nack' | 'extend' | 'unreceive'>
  readonly name: string
  readonly telemetry: QueueTelemetry
  readonly codec: Codec<unknown>
}

/** The options with encoded results. A result that the codec can't carry is refused here, before anything is acked. */
const encoded = (codec: Codec<unknown>, { result, results, failure }: AckOptions): verbs.AckOptions => ({
  ...(result !== undefined && { result: codec.encode(result) }),
  ...(results && { results: results.map((one) => (one === undefined ? undefined : codec.encode(one))) }),
  ...(failure !== undefined && { failure }),
})

/** The settling half of a queue's client. It takes any number of messages, and makes calls of as many as the transport takes. */
export const settling = ({ transport, name, telemetry, codec }: SettlingParts): Settling => {
  const traced =
    (verb: SettleVerb): Traced =>
    (messages, work) =>
      telemetry.settle(verb, messages, work)
  return {
    ack: settle(
      traced('ack'),
      ACK_FIELDS,
      (entries: readonly (string | AckEntry)[], { signal }: AckOptions = {}) =>
        withOptionNames(transport.ack(name, entries, { signal })),
      (handles, options: AckOptions = {}) => ackEntries(handles, encoded(codec, options)),
    ),
    nack: settle(traced('nack'), NACK_FIELDS, (handles, { signal, ...options }: NackOptions = {}) =>
      withOptionNames(transport.nack(name, nackEntries(handles, options), { signal })),
    ),
    // Extending a lease settles nothing.
    extend: settle(
      (_messages, work) => work(),
      EXTEND_FIELDS,
      (handles, { signal, visibilityTimeoutSeconds, revive = false }: ExtendOptions) =>
        withOptionNames(
          transport.extend(
            name,
            handles.map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds })),
            { revive, signal },
          ),
        ),
    ),
    unreceive: settle(traced('unreceive'), {}, (handles, options?: CallOptions) =>
      transport.unreceive(name, handles, options),
    ),
  } satisfies Record<keyof Settling, unknown> as unknown as Settling
}

/** Does work on messages within a span. */
type Traced = (messages: readonly Settled[], work: () => Promise<HandleResult[]>) => Promise<HandleResult[]>

const settle =
  <O extends object | undefined, E = string>(
    traced: Traced,
    fields: Readonly<Record<string, true>>,
    apply: (entries: readonly E[], options: O) => Promise<HandleResult[]>,
    entriesOf: (handles: readonly string[], options: O) => readonly E[] = (handles) =>
      handles as readonly unknown[] as E[],
    names = { ...fields, ...CALL_FIELDS },
  ) =>
  async (given: Handle | readonly Handle[], options: O): Promise<HandleResult[] | undefined> => {
    if (options !== undefined) knownFields(options, names)
    const list: readonly Handle[] = Array.isArray(given) ? given : [given]
    const entries = entriesOf(handlesOf(list), options)
    const results =
      list.length === 0 ? [] : await traced(list.map(settled), () => inCalls(entries, (some) => apply(some, options)))
    if (Array.isArray(given)) return results
    const [only] = results
    if (only && !only.ok) throw only.error
    return undefined
  }

/** Makes calls one after the other. If a call fails after another one was answered, its messages get the error, so that no answer is lost. */
const inCalls = async <E>(
  entries: readonly E[],
  apply: (entries: readonly E[]) => Promise<HandleResult[]>,
): Promise<HandleResult[]> => {
  const results: HandleResult[] = []
  for (let start = 0; start < entries.length; start += LIMITS.batchSize) {
    const some = entries.slice(start, start + LIMITS.batchSize)
    const answers = await apply(some).catch((error: unknown) => {
      if (start === 0 || !isHoldfastError(error)) throw error
      return some.map((): HandleResult => ({ ok: false, error }))
    })
    results.push(...answers)
  }
  return results
}

const settled = (given: Handle): Settled => (typeof given === 'string' ? { receiptHandle: given } : given)
