import { HoldfastError } from '../../lib/model/errors.ts'
import { isWithin } from '../runtime/json-bounds.ts'
import { JsonFault, NOT_JSON, parseStrictJson } from '../runtime/strict-json.ts'
import { utf8Text } from '../runtime/utf8.ts'
import { HttpRefusal } from './problem.ts'

/** Bytes of a request body: Lambda's limit for an event, minus room for the rest of the event. */
export const REQUEST_BYTES = 5_900_000
/** How deep JSON may be nested. Beyond some thousands, writing it again would exhaust the stack. */
export const JSON_DEPTH = 200
/**
 * How many values JSON may have, counted as its commas and opening brackets, and how many objects and lists. A publish of the most
 * bytes may be all numbers of one digit. Six megabytes of empty objects would take a hundred and seventy in memory.
 */
export const JSON_VALUES = 2_200_000
export const JSON_BRACKETS = 600_000

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

/**
 * The JSON of a request; an empty body is an empty object. Any other body must have a JSON content type: a browser lets
 * a page send that to another site only if the site allows it.
 */
export const readJson = async (request: Request): Promise<unknown> => {
  const text = await readText(request)
  if (text === '') return {}
  const type = request.headers.get('content-type')
  if (type === null || !JSON_TYPE.test(type)) {
    throw new HttpRefusal('UnsupportedMediaType', 'content-type must be application/json', {
      value: type ?? '(none)',
      hint: 'Send JSON and say so: content-type: application/json.',
    })
  }
  if (!isWithin(text, { depth: JSON_DEPTH, values: JSON_VALUES, brackets: JSON_BRACKETS })) {
    const message = `the request has more than ${JSON_VALUES} values or ${JSON_BRACKETS} objects and lists, or more than ${JSON_DEPTH} levels`
    throw new HoldfastError('InvalidRequest', message, { field: 'request' })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    // The parser's own message quotes the text, which may be a message body.
    const message = `the request is not valid JSON${placeOfFault(text)}`
    throw new HoldfastError('InvalidRequest', message, { field: 'request' }, { cause })
  }
}

const placeOfFault = (text: string): string => {
  try {
    parseStrictJson(text)
    return ''
  } catch (error) {
    return error instanceof JsonFault && error.message === NOT_JSON
      ? ` (line ${error.line}, column ${error.column})`
      : ''
  }
}

const readText = async (request: Request): Promise<string> => {
  const text = utf8Text(await readBytes(request))
  if (text === undefined) {
    throw new HoldfastError('InvalidRequest', 'the request is not UTF-8: send bytes as bodyBase64 or valueBase64', {
      field: 'request',
    })
  }
  return text
}

const readBytes = async (request: Request): Promise<Uint8Array> => {
  const announced = request.headers.get('content-length')
  if (announced !== null) {
    if (Number(announced) > REQUEST_BYTES) throw tooLarge(Number(announced))
    return new Uint8Array(await request.arrayBuffer())
  }
  return request.headers.has('transfer-encoding') || request.body ? readStream(request) : new Uint8Array()
}

/** Reads a body of unknown length, and at most as many bytes as a request may have. */
const readStream = async (request: Request): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > REQUEST_BYTES) throw tooLarge(bytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const tooLarge = (bytes: number): HttpRefusal =>
  new HttpRefusal('RequestTooLarge', `the request body must have at most ${REQUEST_BYTES} bytes`, {
    value: bytes,
    hint: 'Send fewer or smaller messages in one request.',
    headers: { connection: 'close' },
  })
