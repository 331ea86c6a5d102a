import { type Attributes, type Context, context, type Link, type Span, SpanStatusCode, trace } from '@opentelemetry/api'
import { isHoldfastError } from '../model/errors.ts'
import type { HandleResult } from '../model/message.ts'
import type { Processed, Published, Settled } from './telemetry.ts'
import { contextOf, creationOf } from './trace-context.ts'

/**
 * Where the work on one message belongs: to the trace that it was created in, with a link to the span that is active, such as that of
 * a function's invocation. A message that carries no context belongs to the active span.
 */
export const placeOf = (message: Processed): { parent: Context; links: Link[] } => {
  const own = contextOf(message)
  const links = linksTo([message])
  const active = trace.getSpan(context.active())
  if (!active) return { parent: own, links }
  if (!creationOf(message)) return { parent: trace.setSpan(own, active), links }
  return { parent: own, links: [...links, { context: active.spanContext() }] }
}

export const aboutMessage = ({ messageId, receiveCount, groupId }: Processed): Attributes => ({
  'messaging.message.id': messageId,
  'messaging.holdfast.message.receive_count': receiveCount,
  ...(groupId !== undefined && { 'messaging.holdfast.message.group_id': groupId }),
})

/** Links to the spans in which messages were created, for messages that carry their trace context. */
export const linksTo = (messages: readonly (Pick<Settled, 'messageId' | 'attributes'> | object)[]): Link[] =>
  messages.flatMap((message: Pick<Settled, 'messageId' | 'attributes'>) => {
    const creation = creationOf(message)
    if (!creation) return []
    const { messageId } = message
    return [
      { context: creation, ...(messageId !== undefined && { attributes: { 'messaging.message.id': messageId } }) },
    ]
  })

export const firstError = (results: readonly (HandleResult | Published)[]): unknown => {
  for (const result of results) if ('error' in result) return result.error
  return undefined
}

/** An error's type for metrics, one of a few names: the code of a `HoldfastError`, else the name of the error's class. */
export const errorType = (error: unknown): string =>
  isHoldfastError(error) ? error.code : error instanceof Error ? error.name : '_OTHER'

export const markFailed = (span: Span, error: unknown): void => {
  span.setAttribute('error.type', errorType(error))
  const message = error instanceof Error ? error.message : String(error)
  span.recordException(error instanceof Error ? error : message)
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}
