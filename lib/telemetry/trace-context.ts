import {
  type Context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapGetter,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api'
import { LIMITS } from '../model/limits.ts'
import { type MessageAttribute, messageBytes, type NewMessage } from '../model/message.ts'

type Attributes = Readonly<Record<string, MessageAttribute>>

const GETTER: TextMapGetter<Attributes> = {
  keys: (attributes) => Object.keys(attributes),
  get: (attributes, name) => {
    const value = Object.hasOwn(attributes, name) ? attributes[name]?.value : undefined
    return typeof value === 'string' ? value : undefined
  },
}

const SETTER: TextMapSetter<Record<string, MessageAttribute>> = {
  set: (attributes, name, value) => {
    attributes[name] = { dataType: 'String', value }
  },
}

/** The context that a message carries in its attributes; the root context when it carries none. */
export const contextOf = ({ attributes = {} }: { readonly attributes?: Attributes | undefined }): Context =>
  propagation.extract(ROOT_CONTEXT, attributes, GETTER)

/** The span in which a message was created; `undefined` when the message carries none. */
export const creationOf = (message: { readonly attributes?: Attributes | undefined }): SpanContext | undefined => {
  const span = trace.getSpanContext(contextOf(message))
  return span && isSpanContextValid(span) ? span : undefined
}

/**
 * The message with the context in its attributes, under the names that the process's propagators use: W3C's are
 * `traceparent` and `tracestate`. The caller's own attributes are never replaced. A context must not make a message fail, so a
 * message that would exceed SQS's limits with it, ten attributes and 1 MiB, is sent without it.
 */
export const withContext = (message: NewMessage, context: Context): NewMessage => {
  const given = message.attributes ?? {}
  const carried: Record<string, MessageAttribute> = {}
  propagation.inject(context, carried, SETTER)
  const room = LIMITS.sqsAttributesPerMessage - Object.keys(given).length
  const added = Object.entries(carried)
    .filter(([name]) => !Object.hasOwn(given, name))
    .slice(0, Math.max(0, room))
  if (added.length === 0) return message
  const grown = { ...message, attributes: { ...given, ...Object.fromEntries(added) } }
  return messageBytes(grown) > LIMITS.messageBytes ? message : grown
}
