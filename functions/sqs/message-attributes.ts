import { LIMITS } from '../../lib/model/limits.ts'
import type { MessageAttribute, NewMessage } from '../../lib/model/message.ts'
import { invalidParameter, SqsError } from './errors.ts'
import type { AttributeValue } from './model.ts'

export type Attributes = Readonly<Record<string, MessageAttribute>>

const MAX_ATTRIBUTES = LIMITS.sqsAttributesPerMessage
/** Letters and digits of any script: SQS accepts more than its documentation lists. */
const NAME = /^[\p{L}\p{N}_-]+(\.[\p{L}\p{N}_-]+)*$/u
const TYPE = /^(String|Number|Binary)(\.|$)/
const NUMBER = /^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$/
/** Enough for 38 digits, as many zeros again, a sign, a point and an exponent. */
const MAX_NUMBER_CHARACTERS = 100
const MAX_NUMBER_DIGITS = 38
const NUMBER_EXPONENT = { min: -128, max: 126 }
/** A character that XML can not carry: SQS refuses it. */
const OTHER_CHARACTER = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u

/** @throws `InvalidMessageContents` */
export const checkBodyCharacters = (body: string): void => {
  const complaint = characterComplaint(body, 'message body')
  if (complaint !== undefined) throw new SqsError('InvalidMessageContents', complaint)
}

const checkAttributeCharacters = (text: string, where: string): void => {
  const complaint = characterComplaint(text, where)
  if (complaint !== undefined) throw invalidParameter(complaint)
}

const characterComplaint = (text: string, where: string): string | undefined => {
  const found = OTHER_CHARACTER.exec(text)?.[0]
  return found === undefined
    ? undefined
    : `Invalid binary character '#x${found.codePointAt(0)?.toString(16).toUpperCase()}' was found in the ${where}, the set of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`
}

/** Checks the attributes of a message that is sent. @throws `InvalidParameterValue` */
export const readAttributes = (given: Readonly<Record<string, AttributeValue>> = {}): Attributes => {
  const attributes: Record<string, MessageAttribute> = {}
  for (const [name, value] of Object.entries(given)) {
    checkName(name)
    attributes[name] = attributeOf(name, value, 'user')
  }
  return attributes
}

/** @throws `InvalidParameterValue` */
export const checkAttributeCount = (count: number): void => {
  if (count > MAX_ATTRIBUTES) {
    throw invalidParameter(`Number of message attributes [${count}] exceeds the allowed maximum [${MAX_ATTRIBUTES}].`)
  }
}

const checkName = (name: string): void => {
  if (name.length > 256) throw invalidParameter('Message (user) attribute name must be shorter than 256 bytes.')
  // A JavaScript object, in which a message keeps its attributes, has no ordinary member of that name.
  if (!NAME.test(name) || name === '__proto__') {
    throw invalidParameter(
      `Message (user) attribute name '${name}' is invalid: it can contain letters, digits, underscores, hyphens and periods, and no period first, last or after another.`,
    )
  }
  if (/^(aws|amazon)\./i.test(name)) {
    throw invalidParameter(
      `Message (user) attribute name '${name}' starts with an invalid prefix: 'AWS.' and 'Amazon.' are reserved.`,
    )
  }
}

/** The attribute that a sender gives. @throws `InvalidParameterValue` */
export const attributeOf = (name: string, value: AttributeValue, kind: 'user' | 'system'): MessageAttribute => {
  const { DataType, StringValue, BinaryValue, StringListValues, BinaryListValues } = value
  const attribute = `(${kind}) attribute '${name}'`
  if (!DataType) throw invalidParameter(`Message ${attribute} must contain a non-empty message attribute type.`)
  const base = TYPE.exec(DataType)?.[1]
  if (!base || DataType.length > 256) {
    throw invalidParameter(
      `The type of message ${attribute} is invalid. You must use only the following supported type prefixes: Binary, Number, String.`,
    )
  }
  checkAttributeCharacters(DataType, 'message attribute type')
  if (StringListValues?.length || BinaryListValues?.length) {
    throw invalidParameter(`Message ${attribute} must not have list values in a Put request: they are not supported.`)
  }
  if (StringValue && BinaryValue?.byteLength) {
    throw invalidParameter(`Message ${attribute} must contain either a StringValue or a BinaryValue, not both.`)
  }
  if (base === 'Binary') {
    if (!BinaryValue?.byteLength) throw noValue(attribute, DataType)
    return { dataType: DataType, value: BinaryValue }
  }
  if (!StringValue) throw noValue(attribute, DataType)
  checkAttributeCharacters(StringValue, 'message attribute value')
  if (base === 'Number' && !isNumber(StringValue)) {
    throw invalidParameter(`Can't cast the value of message ${attribute} to a number.`)
  }
  return { dataType: DataType, value: StringValue }
}

/** Whether SQS accepts a number: up to 38 significant digits, and a value from 10^-128 to 10^126. */
const isNumber = (text: string): boolean => {
  if (text.length > MAX_NUMBER_CHARACTERS || !NUMBER.test(text)) return false
  const [mantissa = '', exponent = '0'] = text.toLowerCase().replace(/^[+-]/, '').split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return true
  const magnitude = digits.length - fraction.length - 1 + Number(exponent)
  return (
    digits.replace(/0+$/, '').length <= MAX_NUMBER_DIGITS &&
    magnitude >= NUMBER_EXPONENT.min &&
    magnitude < NUMBER_EXPONENT.max
  )
}

const noValue = (attribute: string, type: string): SqsError =>
  invalidParameter(`Message ${attribute} must contain a non-empty value of type '${type}'.`)

/** Whether a receive that requests `wanted` returns the attribute of a name. */
export const attributeFilter = (wanted: readonly string[] = []): ((name: string) => boolean) => {
  if (wanted.some((one) => one === 'All' || one === '.*' || one === '*')) return () => true
  const exact = new Set(wanted)
  const prefixes = wanted.filter((one) => one.endsWith('.*')).map((one) => one.slice(0, -2))
  return (name) => exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
}

/** Attributes with this prefix set what SQS has no parameter for. They are not delivered. */
const EXTENSION_PREFIX = 'Holdfast.'

export type Extension = Pick<
  NewMessage,
  'priority' | 'delaySeconds' | 'dueAt' | 'timeToLiveSeconds' | 'deduplicationId'
>

/** Separates a sender's attributes into those that are delivered and what the extensions among them set. */
export const splitExtensions = (attributes: Attributes): { own: Attributes; extension: Extension } => {
  const names = Object.keys(attributes)
  if (!names.some((name) => name.startsWith(EXTENSION_PREFIX))) return { own: attributes, extension: {} }
  const own: Record<string, MessageAttribute> = {}
  const extension: { -readonly [K in keyof Extension]: Extension[K] } = {}
  for (const name of names) {
    const attribute = attributes[name] as MessageAttribute
    if (!name.startsWith(EXTENSION_PREFIX)) own[name] = attribute
    else if (name === 'Holdfast.Priority') extension.priority = number(name, attribute)
    else if (name === 'Holdfast.DelaySeconds') extension.delaySeconds = number(name, attribute)
    else if (name === 'Holdfast.TimeToLiveSeconds') extension.timeToLiveSeconds = number(name, attribute)
    else if (name === 'Holdfast.DueAt') extension.dueAt = instant(name, attribute)
    else if (name === 'Holdfast.DeduplicationId') extension.deduplicationId = String(attribute.value)
    else
      throw invalidParameter(
        `Message (user) attribute '${name}' is not known, and the prefix '${EXTENSION_PREFIX}' is reserved.`,
      )
  }
  if (extension.delaySeconds !== undefined && extension.dueAt !== undefined) {
    throw invalidParameter('A message can have Holdfast.DelaySeconds or Holdfast.DueAt, not both.')
  }
  return { own, extension }
}

const number = (name: string, { value }: MessageAttribute): number => {
  const found = typeof value === 'string' && isNumber(value) ? Number(value) : Number.NaN
  if (Number.isFinite(found)) return found
  throw invalidParameter(`Message (user) attribute '${name}' must be a number.`)
}

/** The instant of a time in ISO 8601, or of epoch milliseconds. */
const instant = (name: string, { value }: MessageAttribute): number => {
  const text = String(value)
  const at = /^[0-9]{1,15}$/.test(text)
    ? Number(text)
    : /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/.test(text)
      ? Date.parse(text)
      : Number.NaN
  if (Number.isFinite(at)) return at
  throw invalidParameter(
    `Message (user) attribute '${name}' must be a time like 2030-01-31T12:00:00Z, or epoch milliseconds.`,
  )
}
