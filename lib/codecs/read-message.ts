import { isHoldfastError, reasonOf } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult, Message } from '../model/message.ts'
import type { Transport } from '../transport/port.ts'
import type { Codec } from './codec.ts'
import { issuesText, type StandardSchema, validate } from './schema.ts'

/** A message as its consumer receives it, with its body decoded and validated. */
export type Received<Out> = Omit<Message, 'body'> & { readonly body: Out }

/** A message that could not be read, and where it is now. */
export interface InvalidMessage {
  readonly queue: string
  readonly message: Message
  readonly reason: string
  /** Whether it is in the dead-letter queue. Otherwise it stays, and is received again when its lease ends. */
  readonly deadLettered: boolean
}

/** The codec and schema of a queue's bodies. */
export interface Reading<In, Out> {
  readonly codec: Codec<unknown>
  readonly schema?: StandardSchema<In, Out> | undefined
}

/** Where messages that can't be read go. */
export interface Rejecting {
  readonly transport: Pick<Transport, 'nack'>
  readonly name: string
  readonly onInvalid: (failure: InvalidMessage) => void
}

/** A message as it was read, or why it can't be. */
export type ReadOutcome<Out> =
  | { readonly received: Received<Out> }
  | { readonly message: Message; readonly reason: string }

/**
 * Reads a message's body: at once where there is no schema. Where a schema's check throws, the error goes to the caller: the check
 * failed, and not the message.
 */
export const readMessage = <In, Out>(
  { codec, schema }: Reading<In, Out>,
  message: Message,
): ReadOutcome<Out> | Promise<ReadOutcome<Out>> => {
  try {
    const body = codec.decode(message.body)
    if (schema) return checkBody(schema as unknown as StandardSchema<unknown, Out>, message, body)
    // Most codecs give a body back as it came: a copy of the message would be one for nothing.
    return { received: (body === message.body ? message : { ...message, body }) as Received<Out> }
  } catch (error) {
    return { message, reason: `the body can't be decoded as ${codec.name}: ${reasonOf(error)}` }
  }
}

const checkBody = async <Out>(
  schema: StandardSchema<unknown, Out>,
  message: Message,
  body: unknown,
): Promise<ReadOutcome<Out>> => {
  const result = await validate(schema, body)
  return result.issues
    ? { message, reason: `the body does not fit the schema: ${issuesText(result.issues)}` }
    : { received: { ...message, body: result.value } }
}

/** Moves messages that can't be read to the dead-letter queue, since trying again does not help. Returns whether each is there. */
export const rejectInvalid = async (
  { transport, name, onInvalid }: Rejecting,
  invalid: readonly { readonly message: Message; readonly reason: string }[],
): Promise<boolean[]> => {
  const entries = invalid.map(({ message: { receiptHandle }, reason }) => ({
    receiptHandle,
    deadLetter: true,
    error: reason.slice(0, LIMITS.reasonLength),
  }))
  const results = await transport.nack(name, entries).catch((error: unknown): HandleResult[] => {
    if (!isHoldfastError(error)) throw error
    return entries.map(() => ({ ok: false, error }))
  })
  return invalid.map(({ message, reason }, index) => {
    const deadLettered = results[index]?.ok ?? false
    onInvalid({ queue: name, message, reason, deadLettered })
    return deadLettered
  })
}
