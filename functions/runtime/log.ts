/**
 * A log of one line an event, with fields. In Lambda it is Powertools' logger; the local server has its own. Message
 * bodies, attributes and receipt handles are never among the fields.
 */
export interface Log {
  debug(message: string, fields: Readonly<Record<string, unknown>>): void
  info(message: string, fields: Readonly<Record<string, unknown>>): void
  warn(message: string, fields: Readonly<Record<string, unknown>>): void
  error(message: string, fields: Readonly<Record<string, unknown>>): void
}

export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
