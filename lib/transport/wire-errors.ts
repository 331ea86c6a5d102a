import { ERROR_CODES, type ErrorCode, HoldfastError, type ThrottleReason } from '../model/errors.ts'
import type { Wire } from './wire-values.ts'

/** The engine's codes for refusals that only the HTTP API has. */
const HTTP_CODES: ReadonlyMap<unknown, ErrorCode> = new Map<unknown, ErrorCode>([
  ['CallerRefused', 'AccessDenied'],
  ['MoveRefused', 'AccessDenied'],
  ['RequestTooLarge', 'MessageTooLarge'],
])

/** The error in a problem document (RFC 9457). What is not of the documented kind is left out. */
export const errorFrom = (
  { code, status, detail, hint, field, value, queue, reason }: Wire,
  options?: ErrorOptions,
): HoldfastError => {
  const what = typeof detail === 'string' ? detail : `the API gave no reason for ${String(code).slice(0, 100)}`
  return new HoldfastError(
    isKnown(code) ? code : (HTTP_CODES.get(code) ?? codeOfStatus(Number(status))),
    typeof hint === 'string' ? `${what}. ${hint}` : what,
    {
      ...(typeof field === 'string' && { field }),
      ...(value !== undefined && { value }),
      ...(typeof queue === 'string' && { queue }),
      ...(typeof reason === 'string' && { reason: reason as ThrottleReason }),
    },
    options,
  )
}

const isKnown = (code: unknown): code is ErrorCode => (ERROR_CODES as readonly unknown[]).includes(code)

/** The code for a status alone: for an answer that is no problem document, or has a code that this version does not know. */
const codeOfStatus = (status: number): ErrorCode => {
  if (status === 401 || status === 403 || status === 407) return 'AccessDenied'
  if (status === 413) return 'MessageTooLarge'
  if (status === 429) return 'Throttled'
  if (status === 501) return 'NotSupported'
  // A proxy gave up waiting (408), or something behind it failed: the request may have been served.
  return status >= 500 || status === 408 ? 'StoreUnavailable' : 'InvalidRequest'
}

/** The error behind an answer that is no problem document, such as one of API Gateway's own. */
export const errorOfStatus = (url: URL, status: number, text: string): HoldfastError => {
  const doubt = status === 404 || status === 405 ? ': is that the address of a Holdfast API, with its stage?' : ''
  return new HoldfastError(codeOfStatus(status), `${url.origin} answered ${status}${doubt}${quoted(text)}`)
}

/** The beginning of an answer's text, without the tags of a page. */
export const quoted = (text: string): string => {
  const words = text
    .slice(0, 10_000)
    .replace(/<(style|script)\b.*?<\/\1>/gis, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  if (words === '') return ''
  return ` ${JSON.stringify(words.length > MAX_QUOTED ? `${words.slice(0, MAX_QUOTED)}…` : words)}`
}

const MAX_QUOTED = 300
