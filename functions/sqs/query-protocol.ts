import { SqsError } from './errors.ts'
import { checkRequired, decodeBase64, malformed } from './json-protocol.ts'
import type { SqsAnswer } from './request.ts'
import type { ListShape, MapShape, Shape, StructureShape } from './shapes.ts'
import { element, structureContent } from './xml.ts'

/**
 * The query protocol: parameters in a form or in the URL, answers in XML. Lists and maps are flattened and numbered:
 * `Attribute.1.Name=DelaySeconds&Attribute.1.Value=5`.
 * https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 */
export interface Parameters {
  /** The value of the parameter of exactly this name. */
  readonly value: string | undefined
  readonly children: ReadonlyMap<string, Parameters>
}
interface Node {
  value: string | undefined
  readonly children: Map<string, Node>
}

const MAX_DEPTH = 8
/** Ten entries of ten attributes need about four hundred. */
const MAX_PARAMETERS = 2_000

/** Parameters by the parts of their names. If a name is given twice, its first value counts. Names with more parts than any action uses are ignored. */
export const parseParameters = (text: string, url: URLSearchParams): Parameters => {
  checkNumber(text, url.size)
  const root: Node = { value: undefined, children: new Map() }
  for (const source of [new URLSearchParams(text), url]) {
    for (const [name, value] of source) {
      const parts = name.split('.')
      if (parts.length > MAX_DEPTH) continue
      let node = root
      for (const part of parts) {
        const next: Node = node.children.get(part) ?? { value: undefined, children: new Map() }
        node.children.set(part, next)
        node = next
      }
      node.value ??= value
    }
  }
  return root
}

/**
 * Refuses a parameter that is given twice. The first of two values would count, but a signature covers the parameters of a URL in
 * any order and so does not fix which value is the first.
 *
 * @throws `MalformedQueryString`, also for a name that is once in the form and once in the URL
 */
export const checkGivenOnce = (text: string, url: URLSearchParams): void => {
  const seen = new Set<string>()
  for (const source of [new URLSearchParams(text), url]) {
    for (const [name] of source) {
      if (seen.has(name)) {
        throw new SqsError(
          'MalformedQueryString',
          `The parameter ${name.slice(0, 100)} is given twice. A signed request must give each parameter once.`,
        )
      }
      seen.add(name)
    }
  }
}

/** Counts the parameters before they are parsed and before the caller is known. @throws `MalformedQueryString` */
const checkNumber = (text: string, before: number): void => {
  let count = before
  for (let at = text.indexOf('&'); at >= 0 && count <= MAX_PARAMETERS; at = text.indexOf('&', at + 1)) count++
  if (count <= MAX_PARAMETERS) return
  throw new SqsError('MalformedQueryString', `The request has more than ${MAX_PARAMETERS} parameters.`)
}

export const parameter = (parameters: Parameters, name: string): string | undefined =>
  parameters.children.get(name)?.value

export const decodeQuery = (shape: StructureShape, parameters: Parameters): Record<string, unknown> =>
  decodeStructure(shape, parameters)

const decodeStructure = (shape: StructureShape, node: Parameters): Record<string, unknown> => {
  const decoded: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(shape.members)) {
    const flattened = member.kind === 'list' || member.kind === 'map' ? member.flattened : name
    const child = node.children.get(flattened) ?? (flattened === name ? undefined : node.children.get(name))
    if (child === undefined) continue
    const value = decode(member, child, name)
    if (value !== undefined) decoded[name] = value
  }
  checkRequired(shape, decoded)
  return decoded
}

const decode = (shape: Shape, node: Parameters, name: string): unknown => {
  switch (shape.kind) {
    case 'string':
      return node.value
    case 'integer':
      return node.value === undefined || node.value === '' ? undefined : integerIn(node.value, name)
    case 'boolean':
      return node.value === undefined ? undefined : node.value === 'true'
    case 'blob':
      return node.value === undefined ? undefined : decodeBase64(node.value)
    case 'list':
      return decodeList(shape, node, name)
    case 'map':
      return decodeMap(shape, node)
    case 'structure':
      return decodeStructure(shape, node)
  }
}

const integerIn = (text: string, name: string): number => {
  const value = /^[+-]?[0-9]{1,15}$/.test(text) ? Number(text) : undefined
  if (value === undefined) throw malformed(`The value of ${name} is not an integer.`)
  return value
}

const decodeList = (shape: ListShape, node: Parameters, name: string): unknown[] =>
  numbered(node)
    .map((member) => decode(shape.member, member, name))
    .filter((member) => member !== undefined)

const decodeMap = (shape: MapShape, node: Parameters): Record<string, unknown> =>
  Object.fromEntries(
    numbered(node).map((entry) => {
      const key = parameter(entry, shape.keyName) ?? parameter(entry, shape.keyName === 'Key' ? 'Name' : 'Key')
      if (key === undefined) throw malformed(`An entry of ${shape.flattened} has no ${shape.keyName}.`)
      const value = entry.children.get('Value')
      const decoded = value && decode(shape.value, value, key)
      // Setting an attribute to the empty string removes it.
      return [key, decoded ?? (shape.value.kind === 'string' ? '' : {})]
    }),
  )

/** The members in the order of their numbers. A single one may have no number: old clients send it this way. */
const numbered = (node: Parameters): Parameters[] => {
  const members = [...node.children]
    // Numbers without leading zeros, so that two names are never the same number: a signature does not cover their order.
    .filter(([key]) => /^(?:0|[1-9][0-9]{0,8})$/.test(key))
    .sort(([a], [b]) => Number(a) - Number(b))
  if (members.length > 0) return members.map(([, member]) => member)
  const alone = node.value !== undefined ? node.value !== '' : node.children.size > 0
  return alone ? [node] : []
}

export interface QueryAnswer {
  readonly requestId: string
  /** Whether the client asked for JSON in place of XML, with `Accept`. */
  readonly asJson: boolean
}

export const queryAnswer = (
  action: string,
  shape: StructureShape,
  output: Readonly<Record<string, unknown>>,
  { requestId, asJson }: QueryAnswer,
): SqsAnswer => {
  const hasResult = Object.keys(shape.members).length > 0
  if (asJson) {
    const result = hasResult ? { [`${action}Result`]: plainResult(shape, output) } : {}
    const answer = { [`${action}Response`]: { ...result, ResponseMetadata: { RequestId: requestId } } }
    return respond(JSON.stringify(answer), 200, requestId, 'application/json')
  }
  const result = hasResult ? element(`${action}Result`, structureContent(shape, output)) : ''
  const metadata = element('ResponseMetadata', element('RequestId', requestId))
  return respond(document(`${action}Response`, result + metadata), 200, requestId)
}

/**
 * The lists that have a small first letter when a client of the query protocol asks for JSON. All other members have the
 * names of the model. SQS answers like this to API Gateway's integrations (recorded from 2019 to 2024).
 */
const JSON_RESULT_NAMES: Readonly<Record<string, string>> = { Messages: 'messages', QueueUrls: 'queueUrls' }

const plainResult = (shape: StructureShape, value: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(plainContent(shape, value)).map(([name, member]) => [JSON_RESULT_NAMES[name] ?? name, member]),
  )

/** The members in JSON, with absent ones as null and maps as lists of entries. */
const plainContent = (shape: StructureShape, value: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(shape.members).map(([name, member]) => [
      name,
      value[name] === undefined ? null : plainMember(member, value[name]),
    ]),
  )

const plainMember = (shape: Shape, value: unknown): unknown => {
  switch (shape.kind) {
    case 'list':
      return (value as unknown[]).map((member) => plainMember(shape.member, member))
    case 'map':
      return Object.entries(value as Record<string, unknown>).map(([key, inner]) => ({
        [shape.keyName]: key,
        Value: plainMember(shape.value, inner),
      }))
    case 'structure':
      return plainContent(shape, value as Record<string, unknown>)
    default:
      return value
  }
}

/** In the query protocol this error has an older message. */
const WSDL = 'The specified queue does not exist for this wsdl version.'

export const queryFailure = (error: SqsError, { requestId, asJson }: QueryAnswer): SqsAnswer => {
  const message = error.shape === 'QueueDoesNotExist' ? WSDL : error.message
  if (asJson) {
    const answer = { Error: { Code: error.code, Message: message, Type: error.fault }, RequestId: requestId }
    return respond(JSON.stringify(answer), error.status, requestId, 'application/json')
  }
  const members = structureContent(ERROR_SHAPE, { Type: error.fault, Code: error.code, Message: message })
  const inner = element('Error', `${members}<Detail/>`) + element('RequestId', requestId)
  return respond(document('ErrorResponse', inner), error.status, requestId)
}
const ERROR_SHAPE: StructureShape = {
  kind: 'structure',
  members: { Type: { kind: 'string' }, Code: { kind: 'string' }, Message: { kind: 'string' } },
  required: [],
}

export const UNKNOWN_OPERATION = '<UnknownOperationException/>\n'

/** SQS's answer to a request without an action, such as a browser's. */
export const unknownOperation = (requestId: string): SqsAnswer => respond(UNKNOWN_OPERATION, 404, requestId)

const document = (root: string, content: string): string =>
  `<?xml version="1.0"?><${root} xmlns="http://queue.amazonaws.com/doc/2012-11-05/">${content}</${root}>`

const respond = (body: string, status: number, requestId: string, contentType = 'text/xml'): SqsAnswer => ({
  status,
  headers: { 'content-type': contentType, 'x-amzn-requestid': requestId },
  body,
})
