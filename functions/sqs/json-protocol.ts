import { isWithin, type JsonBounds } from '../runtime/json-bounds.ts'
import { isObject } from '../runtime/strict-json.ts'
import { invalidParameter, missingParameter, SqsError } from './errors.ts'
import type { SqsAnswer } from './request.ts'
import type { Shape, StructureShape } from './shapes.ts'

/** AWS JSON 1.0: https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html */
export const JSON_CONTENT_TYPE = 'application/x-amz-json-1.0'
const SERVICE = 'AmazonSQS.'

/** The action that `X-Amz-Target` names. It may not exist. */
export const jsonAction = (target: string): string =>
  (target.startsWith(SERVICE) ? target.slice(SERVICE.length) : target).slice(0, 100)

/** More than any action needs: ten entries of ten attributes have some four hundred values, in six levels. */
const BOUNDS: JsonBounds = { depth: 50, values: 10_000 }

/** Checks a body before it is parsed and before the caller is known. @throws `SerializationException` */
export const checkJsonBounds = (body: string): void => {
  if (isWithin(body, BOUNDS)) return
  throw malformed(`The request body has more than ${BOUNDS.values} values, or is nested deeper than ${BOUNDS.depth}.`)
}

/** Decodes a request body by its shape. Like AWS, it ignores members that the shape does not have. */
export const decodeJson = (shape: StructureShape, body: string): Record<string, unknown> => {
  let value: unknown
  try {
    value = body === '' ? {} : JSON.parse(body)
  } catch {
    throw malformed('The request body is not valid JSON.')
  }
  return decodeStructure(shape, value)
}

const decode = (shape: Shape, value: unknown): unknown => {
  switch (shape.kind) {
    case 'string':
      return typeof value === 'string' ? value : refuse(value, 'a String')
    case 'integer':
      return Number.isSafeInteger(value) ? value : refuse(value, 'an Integer')
    case 'boolean':
      return typeof value === 'boolean' ? value : refuse(value, 'a Boolean')
    case 'blob':
      return typeof value === 'string' ? decodeBase64(value) : refuse(value, 'a Blob')
    case 'list':
      if (!Array.isArray(value)) return refuse(value, 'a List')
      return value.map((member) => (member === null ? refuse(null, 'a list member') : decode(shape.member, member)))
    case 'map':
      return Object.fromEntries(
        Object.entries(record(value, 'a Map')).map(([key, member]) => [key, decodeMapValue(shape.value, key, member)]),
      )
    case 'structure':
      return decodeStructure(shape, value)
  }
}

/** To leave out a tag or an attribute that is `null` would lose what the caller believes to be stored. */
const decodeMapValue = (shape: Shape, key: string, value: unknown): unknown => {
  if (value === null) throw invalidParameter(`The value of '${key.slice(0, 256)}' must not be null.`)
  return decode(shape, value)
}

const decodeStructure = (shape: StructureShape, value: unknown): Record<string, unknown> => {
  const given = record(value, 'a Structure')
  const decoded: Record<string, unknown> = {}
  for (const name of Object.keys(given)) {
    const member = given[name]
    if (member === null || !Object.hasOwn(shape.members, name)) continue
    decoded[name] = decode(shape.members[name] as Shape, member)
  }
  checkRequired(shape, decoded)
  return decoded
}

/** @throws `MissingParameter` for the first required member that is absent */
export const checkRequired = (shape: StructureShape, decoded: Record<string, unknown>): void => {
  for (const name of shape.required) if (decoded[name] === undefined) throw missingParameter(name)
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
export const decodeBase64 = (text: string): Uint8Array => {
  const plain = text.replace(/[\r\n]/g, '')
  if (!BASE64.test(plain) || plain.replace(/=+$/, '').length % 4 === 1)
    throw malformed('A binary value is not valid base64.')
  return Buffer.from(plain, 'base64')
}

const record = (value: unknown, wanted: string): Record<string, unknown> =>
  isObject(value) ? value : refuse(value, wanted)

const refuse = (value: unknown, wanted: string): never => {
  const kind =
    value === null ? 'NULL' : Array.isArray(value) ? 'ARRAY' : typeof value === 'object' ? 'OBJECT' : typeof value
  throw malformed(`${kind.toUpperCase()}_VALUE can not be converted to ${wanted}`)
}

export const malformed = (message: string): SqsError => new SqsError('SerializationException', message)

/** An answer. Undefined members are left out, as SQS leaves out empty ones. */
export const jsonAnswer = (output: object, requestId: string): SqsAnswer => ({
  status: 200,
  headers: { 'content-type': JSON_CONTENT_TYPE, 'x-amzn-requestid': requestId },
  body: JSON.stringify(output),
})

/** An error under both its names: newer clients use the shape, and others the code. */
export const jsonFailure = (error: SqsError, requestId: string): SqsAnswer => ({
  status: error.status,
  headers: {
    'content-type': JSON_CONTENT_TYPE,
    'x-amzn-requestid': requestId,
    'x-amzn-query-error': `${error.code};${error.fault}`,
  },
  body: JSON.stringify({ __type: `com.amazonaws.sqs#${error.shape}`, message: error.message }),
})
