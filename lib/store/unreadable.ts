import { HoldfastError, isHoldfastError, reasonOf } from '../model/errors.ts'
import type { SegmentKey } from '../model/segment-key.ts'
import { segmentPartition, ticketPartition } from './keys.ts'
import type { Document, DocumentKey, TicketKey } from './port.ts'

class Unreadable extends Error {
  readonly key: DocumentKey

  constructor(key: DocumentKey, cause: unknown) {
    super(reasonOf(cause), { cause })
    this.key = key
  }
}

/** The error for a stored item that is damaged, or in a form that this version does not know. */
export const unreadable = (key: DocumentKey, cause: unknown): HoldfastError => {
  const { partition, sort } = key
  const message = `the item ${partition} ${sort} can't be read: ${reasonOf(cause)}. It is damaged, or a newer version of Holdfast wrote it`
  return new HoldfastError('Internal', message, {}, { cause: new Unreadable({ partition, sort }, cause) })
}

/** The item and the reason of such an error; nothing for another error. */
export const unreadableIn = (error: unknown): { readonly key: DocumentKey; readonly reason: string } | undefined =>
  isHoldfastError(error, 'Internal') && error.cause instanceof Unreadable
    ? { key: error.cause.key, reason: error.cause.message }
    : undefined

/** The same for the header of a segment, or its content. */
export const unreadableHeader = ({ partition, sort }: SegmentKey, cause: unknown): HoldfastError =>
  unreadable({ partition: segmentPartition(partition), sort }, cause)

/** The same for the ticket of a group. */
export const unreadableTicket = ({ partition, group }: TicketKey, cause: unknown): HoldfastError =>
  unreadable({ partition: ticketPartition(partition), sort: group }, cause)

type Members<T> = { readonly [K in keyof T]?: 'string' | 'number' | 'boolean' | 'object' }

/**
 * The value of a document, which has the members that its readers take for granted.
 *
 * @throws `Internal`, naming the item, where it lacks one
 */
export const valueIn = <T>(document: Document, members: Members<T>): T => {
  const value = document.value as unknown as T
  if (typeof value !== 'object' || value === null) throw unreadable(document, 'its value is no object')
  for (const [name, type] of Object.entries(members))
    if (typeof value[name as keyof T] !== type) throw unreadable(document, `its member ${name} is no ${type}`)
  return value
}
