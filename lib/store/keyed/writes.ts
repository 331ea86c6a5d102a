import { applyChange } from '../../model/segment-change.ts'
import { applyToTicket } from '../../model/ticket.ts'
import type { Write, WriteFailure } from '../port.ts'
import { versionAfter } from '../versions.ts'
import { asDocument, copyOf, documentAt } from './documents.ts'
import type { Maps } from './entries.ts'
import { changeEntry, entryAt, insert } from './segments.ts'
import { command, ticketAt } from './tickets.ts'

/** Whether the condition of a write holds. */
export const isApplicable = (maps: Maps, write: Write, now: number): boolean => {
  switch (write.kind) {
    case 'insert':
      return entryAt(maps, write.insert.segment.key, now) === undefined
    case 'change':
      return applyChange(entryAt(maps, write.change.key, now)?.segment, write.change).applied
    case 'put':
    case 'delete':
    case 'check':
      return write.ifVersion === undefined || (documentAt(maps, write.key, now)?.version ?? 0) === write.ifVersion
    case 'advance':
    case 'touch':
      return applyToTicket(ticketAt(maps, write.key, now), write).applied
  }
}

/** Makes a write whose condition holds. */
export const applyWrite = (maps: Maps, write: Write, now: number): void => {
  switch (write.kind) {
    case 'insert':
      insert(maps, write.insert, now)
      return
    case 'change':
      changeEntry(maps, write.change, now)
      return
    case 'put': {
      const { key, value, expiresAt } = write
      maps.documents.set(key.partition, key.sort, {
        ...key,
        version: versionAfter(write),
        value: copyOf(value),
        expiresAt,
      })
      return
    }
    case 'delete':
      maps.documents.delete(write.key.partition, write.key.sort)
      return
    case 'check':
      return
    case 'advance':
    case 'touch':
      command(maps, write.key, write, now)
  }
}

/** The failure of a write whose condition does not hold, with the state that it met. */
export const failureOf = (maps: Maps, write: Write, position: number, now: number): WriteFailure => {
  if (write.kind === 'advance') {
    const lastSequence = ticketAt(maps, write.key, now)?.lastSequence
    return { write: position, ...(lastSequence !== undefined && { lastSequence }) }
  }
  const document = 'ifVersion' in write ? asDocument(documentAt(maps, write.key, now)) : undefined
  return { write: position, ...(document && { document }) }
}
