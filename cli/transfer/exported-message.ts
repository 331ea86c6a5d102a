import type { MessageJson } from '../browse.ts'

/**
 * Makes a message to publish from an exported message, or from one as the API takes it. Keeps what a publish can carry: body, attributes,
 * priority, group, deduplication id, trace header, and the due time of a delayed message. Leaves out the id, the receives and the
 * dead-letter origin, which belong to the exported message. The same line always makes the same message, so that a batch can be repeated
 * under its key.
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

/** A line that was edited by hand may lack attributes. The API refuses attributes that are no object. */
const isEmpty = (attributes: unknown): boolean =>
  attributes === undefined || (typeof attributes === 'object' && Object.keys(attributes ?? {}).length === 0)

const isExported = (
  given: Readonly<Record<string, unknown>>,
): given is Readonly<Record<string, unknown>> & MessageJson =>
  given.messageId !== undefined && given.publishedAt !== undefined && given.state !== undefined
