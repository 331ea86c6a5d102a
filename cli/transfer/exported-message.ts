import type { MessageJson } from '../browse.ts'

/**
 * A message to publish from one that was exported, or from one as the API takes it. What publishing can carry is kept: body, attributes,
 * priority, group, deduplication id, trace header, and the due time of one that was delayed. Its id, its receives and its dead-letter
 * origin belong to the message that was exported, and are left out. The same line always makes the same message, so that a batch can be
 * repeated under its key.
 */
export const messageToImport = (given: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  if (!isExported(given)) return { ...given }
  const { body, bodyBase64, attributes, priority, groupId, deduplicationId, traceHeader, dueAt, state } = given
  const message = {
    ...(bodyBase64 === undefined ? { body } : { bodyBase64 }),
    ...(!isEmpty(attributes) && { attributes }),
    ...(priority > 0 && { priority }),
    groupId,
    deduplicationId,
    traceHeader,
    // A FIFO queue takes no due times. An instant that has passed means now.
    ...(state === 'delayed' && given.sequenceNumber === undefined && { dueAt }),
  }
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined))
}

/** A line that somebody changed may lack them. What is no object at all is left for the API to refuse. */
const isEmpty = (attributes: unknown): boolean =>
  attributes === undefined || (typeof attributes === 'object' && Object.keys(attributes ?? {}).length === 0)

const isExported = (
  given: Readonly<Record<string, unknown>>,
): given is Readonly<Record<string, unknown>> & MessageJson =>
  given.messageId !== undefined && given.publishedAt !== undefined && given.state !== undefined
