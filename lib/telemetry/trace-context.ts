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

/** The span that a message was created in; nothing when it does not say. */
export const creationOf = (message: { readonly attributes?: Attributes | undefined }): SpanContext | undefined => {
  const span = trace.getSpanContext(contextOf(message))
  return span && isSpanContextValid(span) ? span : undefined
}

/**
 * The message with the context in its attributes, under the names of the process's propagators: `traceparent` and
 * `tracestate` by W3C. Attributes of the caller are never replaced. A message that would outgrow what SQS takes, ten
 * attributes and 1 MiB, travels as it is: a context must not make a message fail.
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
