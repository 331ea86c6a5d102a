import { HoldfastError } from '../../lib/model/errors.ts'
import { HttpRefusal } from './problem.ts'

/** Bytes of a request body: what Lambda takes, less room for the event around it. */
export const REQUEST_BYTES = 5_900_000
/** How deep JSON may be nested. Beyond some thousands, writing it again would exhaust the stack. */
export const JSON_DEPTH = 200

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

/**
 * The JSON of a request; an empty body is an empty object. Any other must be said to be JSON, which pages of other
 * sites can't do without asking first.
 */
export const readJson = async (request: Request): Promise<unknown> => {
  const text = await readText(request)
  if (text === '') return {}
  const type = request.headers.get('content-type')
  if (type === null || !JSON_TYPE.test(type)) {
    throw new HttpRefusal('UnsupportedMediaType', 'content-type must be application/json', type ?? '(none)')
  }
  if (nesting(text) > JSON_DEPTH) {
    throw new HoldfastError('InvalidRequest', `the request is nested deeper than ${JSON_DEPTH} levels`, {
      field: 'request',
    })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    // The parser's own message quotes the text, which may be a message body.
    throw new HoldfastError('InvalidRequest', 'the request is not valid JSON', { field: 'request' }, { cause })
  }
}

const readText = async (request: Request): Promise<string> => {
  const announced = request.headers.get('content-length')
  if (announced !== null) {
    if (Number(announced) > REQUEST_BYTES) throw tooLarge(Number(announced))
    return request.text()
  }
  return request.headers.has('transfer-encoding') || request.body ? readStream(request) : ''
}

/** A body of unknown length, read no further than it may be long. */
const readStream = async (request: Request): Promise<string> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > REQUEST_BYTES) throw tooLarge(bytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const tooLarge = (bytes: number): HttpRefusal =>
  new HttpRefusal('RequestTooLarge', `the request body must have at most ${REQUEST_BYTES} bytes`, bytes, {
    connection: 'close',
  })

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The deepest level of brackets in a JSON text, found without recursion. */
const nesting = (text: string): number => {
  let depth = 0
  let deepest = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (quoted) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) quoted = false
    } else if (code === QUOTE) quoted = true
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (code === 0x5d || code === 0x7d) depth--
  }
  return deepest
}
