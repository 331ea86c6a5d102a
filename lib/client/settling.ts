import { reasonOf } from '../codecs/read-message.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import type { QueueTelemetry, Settled, SettleVerb } from '../telemetry/telemetry.ts'
import type { CallOptions, Transport } from '../transport/port.ts'

/** What stands for a leased message: itself, or its receipt handle. */
export type Handle = string | { readonly receiptHandle: string }

export interface ExtendOptions extends CallOptions {
  /** The lease's new end, counted from now, seconds; 0 makes the message receivable at once. */
  readonly visibilityTimeoutSeconds: number
}

export interface NackOptions extends CallOptions {
  /** Until it can be received again, seconds. @default what the queue's retry policy says; at once without one */
  readonly delaySeconds?: number
  /** Sends the message to the queue's dead-letter queue at once. */
  readonly deadLetter?: boolean
  /** Why, with `deadLetter`: stored with the message, shown and browsable. */
  readonly error?: unknown
}

/** Verbs on leased messages: given one they throw when it fails, given a list they answer one result each, in order. */
export interface Settling {
  ack(message: Handle, options?: CallOptions): Promise<void>
  ack(messages: readonly Handle[], options?: CallOptions): Promise<HandleResult[]>
  nack(message: Handle, options?: NackOptions): Promise<void>
  nack(messages: readonly Handle[], options?: NackOptions): Promise<HandleResult[]>
  extend(message: Handle, options: ExtendOptions): Promise<void>
  extend(messages: readonly Handle[], options: ExtendOptions): Promise<HandleResult[]>
  /** Gives messages back as if they had not been received: at once, and without counting the receive. */
  unreceive(message: Handle, options?: CallOptions): Promise<void>
  unreceive(messages: readonly Handle[], options?: CallOptions): Promise<HandleResult[]>
}

export interface SettlingParts {
  readonly transport: Pick<Transport, 'ack' | 'nack' | 'extend' | 'unreceive'>
  readonly name: string
  readonly telemetry: QueueTelemetry
}

/** The settling half of a queue's client: any number of messages, in calls of as many as the transport takes. */
export const settling = ({ transport, name, telemetry }: SettlingParts): Settling => {
  const told =
    (verb: SettleVerb): Tell =>
    (messages, work) =>
      telemetry.settle(verb, messages, work)
  return {
    ack: settle(told('ack'), (handles, options?: CallOptions) => transport.ack(name, handles, options)),
    nack: settle(told('nack'), (handles, { signal, delaySeconds, deadLetter, error }: NackOptions = {}) =>
      transport.nack(
        name,
        handles.map((receiptHandle) => ({
          receiptHandle,
          ...(delaySeconds !== undefined && { delaySeconds }),
          ...(deadLetter && { deadLetter }),
          ...(error !== undefined && { error: reasonOf(error) }),
        })),
        { signal },
      ),
    ),
    // Extending a lease settles nothing.
    extend: settle(
      (_messages, work) => work(),
      (handles, { signal, visibilityTimeoutSeconds }: ExtendOptions) =>
        transport.extend(
          name,
          handles.map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds })),
          { signal },
        ),
    ),
    unreceive: settle(told('unreceive'), (handles, options?: CallOptions) =>
      transport.unreceive(name, handles, options),
    ),
  } satisfies Record<keyof Settling, unknown> as unknown as Settling
}

/** Does work on messages, and tells of it. */
type Tell = (messages: readonly Settled[], work: () => Promise<HandleResult[]>) => Promise<HandleResult[]>

const settle =
  <O>(tell: Tell, apply: (handles: readonly string[], options: O) => Promise<HandleResult[]>) =>
  async (given: Handle | readonly Handle[], options: O): Promise<HandleResult[] | undefined> => {
    const messages = (Array.isArray(given) ? given : [given]).map(settled)
    const applyAll = async (): Promise<HandleResult[]> => {
      const results: HandleResult[] = []
      for (let start = 0; start < messages.length; start += LIMITS.batchSize) {
        const handles = messages.slice(start, start + LIMITS.batchSize).map(({ receiptHandle }) => receiptHandle)
        results.push(...(await apply(handles, options)))
      }
      return results
    }
    const results = messages.length === 0 ? [] : await tell(messages, applyAll)
    if (Array.isArray(given)) return results
    const [only] = results
    if (only && !only.ok) throw only.error
    return undefined
  }

const settled = (given: Handle): Settled => (typeof given === 'string' ? { receiptHandle: given } : given)
