import type { MessageJson } from '../browse.ts'
import type { Output, Style } from './output.ts'
import { oneLine, relative, visible } from './words.ts'

type PrintedMessage = Pick<MessageJson, 'messageId' | 'body' | 'bodyBase64'> & Partial<MessageJson>

const STYLES: Readonly<Record<string, Style>> = {
  ready: 'green',
  leased: 'cyan',
  delayed: 'yellow',
  'dead-lettered': 'red',
}

/** Width of the columns before the body, and the minimum width of the body. */
const BEFORE_BODY = 76
const MIN_BODY = 20

/** Messages as a table, a line each. */
export const printMessages = (out: Output, messages: readonly MessageJson[], now: number): void => {
  const width = Math.max(MIN_BODY, out.columns - BEFORE_BODY)
  const rows = messages.map((message) => [
    message.messageId,
    out.style(STYLES[message.state] ?? 'reset', message.state),
    relative(message.dueAt, now),
    String(message.receiveCount),
    oneLine(bodyText(message), width),
  ])
  out.table(['ID', 'STATE', 'DUE', 'RECEIVES', 'BODY'], rows, [3])
}

/** A message in full: all its fields and its body. */
export const printMessage = (out: Output, message: PrintedMessage, now: number): void => {
  const { body: _, bodyBase64: __, attributes, deadLetter, ...rest } = message
  const rows = Object.entries(rest).map(([name, value]) => [name, shown(name, value, now)])
  for (const [name, value] of Object.entries(attributes ?? {}))
    rows.push([visible(`attributes.${name}`), shown(name, value, now)])
  for (const [name, value] of Object.entries(deadLetter ?? {}))
    rows.push([`deadLetter.${name}`, shown(name, value, now)])
  out.table(['FIELD', 'VALUE'], rows)
  out.text('')
  out.text(visible(bodyText(message, 2)))
}

const shown = (name: string, value: unknown, now: number): string => {
  if (typeof value !== 'string') return visible(JSON.stringify(value))
  return /(At|^at)$/.test(name) && !Number.isNaN(Date.parse(value))
    ? `${visible(value)} (${relative(value, now)})`
    : visible(value)
}

/** A text unchanged, JSON as JSON, bytes in base64. */
const bodyText = ({ body, bodyBase64 }: PrintedMessage, indent?: number): string => {
  if (bodyBase64 !== undefined) return `(bytes, base64) ${bodyBase64}`
  return typeof body === 'string' ? body : JSON.stringify(body, undefined, indent)
}
