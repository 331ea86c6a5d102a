import { LIMITS } from '../../lib/model/limits.ts'
import { isObject, JsonFault, parseStrictJson } from '../runtime/strict-json.ts'
import { invalidValue, type SqsError } from './errors.ts'
import { parseQueueArn, type QueueAddress, type QueueNames, queueArn } from './queue-url.ts'

/** The dead-letter queue of a queue, and after how many receives a message moves to it. */
export interface RedrivePolicy {
  readonly target: QueueAddress
  readonly maxReceives: number
}

const MAX_CHARACTERS = 8_192

const parseObject = (text: string): Record<string, unknown> | undefined => {
  if (text.length > MAX_CHARACTERS) return undefined
  try {
    const value = parseStrictJson(text)
    return isObject(value) ? value : undefined
  } catch (error) {
    if (error instanceof JsonFault) return undefined
    throw error
  }
}

/** Does not check that the target exists and allows the source. @throws `InvalidParameterValue` */
export const parseRedrivePolicy = (text: string, queue: QueueAddress, names: QueueNames): RedrivePolicy => {
  const refuse = (reason: string): SqsError => invalidValue('RedrivePolicy', text, reason)
  const policy = parseObject(text)
  if (!policy) throw refuse('Redrive policy is not a valid JSON map.')
  for (const member of ['deadLetterTargetArn', 'maxReceiveCount']) {
    if (policy[member] === undefined) throw refuse(`Redrive policy does not contain mandatory attribute: ${member}.`)
  }
  if (Object.keys(policy).length > 2) {
    throw refuse('Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].')
  }
  const given = policy.maxReceiveCount
  const maxReceives = typeof given === 'string' && /^[0-9]{1,4}$/.test(given) ? Number(given) : given
  if (
    typeof maxReceives !== 'number' ||
    !Number.isInteger(maxReceives) ||
    maxReceives < 1 ||
    maxReceives > LIMITS.maxReceives
  ) {
    throw refuse(
      `Invalid value for maxReceiveCount: ${typeof given === 'string' ? given : JSON.stringify(given)}, valid values are from 1 to ${LIMITS.maxReceives} both inclusive.`,
    )
  }
  const target = typeof policy.deadLetterTargetArn === 'string' ? parseQueueArn(policy.deadLetterTargetArn) : undefined
  if (!target) throw refuse('Invalid value for deadLetterTargetArn.')
  if (names.engineScope(target) !== names.engineScope(queue)) {
    throw refuse('Dead letter target must be in the same account and region as the source.')
  }
  if (target.name.endsWith('.fifo') !== queue.name.endsWith('.fifo')) {
    throw refuse('Dead-letter queue must be same type of queue as the source.')
  }
  return { target, maxReceives }
}

const PERMISSIONS = ['allowAll', 'denyAll', 'byQueue']
const MAX_SOURCES = 10

/** @throws `InvalidParameterValue` */
export const checkRedriveAllowPolicy = (text: string): void => {
  const refuse = (reason: string): SqsError => invalidValue('RedriveAllowPolicy', text, reason)
  const policy = parseObject(text)
  if (!policy) throw refuse('Redrive allow policy is not a valid JSON map.')
  const { redrivePermission, sourceQueueArns, ...others } = policy
  if (Object.keys(others).length > 0) {
    throw refuse('Only following attributes are supported: [redrivePermission, sourceQueueArns].')
  }
  if (typeof redrivePermission !== 'string' || !PERMISSIONS.includes(redrivePermission)) {
    throw refuse(`redrivePermission must be one of: [${PERMISSIONS.join(', ')}].`)
  }
  if ((redrivePermission === 'byQueue') !== (sourceQueueArns !== undefined)) {
    throw refuse('sourceQueueArns must be specified exactly when redrivePermission is byQueue.')
  }
  if (sourceQueueArns === undefined) return
  const valid =
    Array.isArray(sourceQueueArns) && sourceQueueArns.every((arn) => typeof arn === 'string' && parseQueueArn(arn))
  if (!valid || sourceQueueArns.length < 1 || sourceQueueArns.length > MAX_SOURCES) {
    throw refuse(`sourceQueueArns must hold 1 to ${MAX_SOURCES} queue ARNs.`)
  }
}

/** Which queues a dead-letter queue takes messages of. */
export interface RedriveAllowPolicy {
  readonly permission: 'allowAll' | 'denyAll' | 'byQueue'
  readonly sources?: readonly QueueAddress[]
}

/** A redrive-allow policy as SQS writes it, which is how a queue keeps it. */
export const redriveAllowText = ({ permission, sources }: RedriveAllowPolicy): string =>
  JSON.stringify({ redrivePermission: permission, ...(sources && { sourceQueueArns: sources.map(queueArn) }) })

export const readRedriveAllowPolicy = (text: string): RedriveAllowPolicy => {
  const { redrivePermission, sourceQueueArns } = parseObject(text) ?? { redrivePermission: 'denyAll' }
  const sources = Array.isArray(sourceQueueArns)
    ? sourceQueueArns.map((arn) => parseQueueArn(String(arn))).filter((address) => address !== undefined)
    : undefined
  return {
    permission: redrivePermission as RedriveAllowPolicy['permission'],
    ...(sources && { sources }),
  }
}

/** Whether a dead-letter queue with this redrive-allow policy accepts messages of the source. */
export const allowsSource = (
  redriveAllowPolicy: string | undefined,
  source: QueueAddress,
  names: QueueNames,
): boolean => {
  const policy = redriveAllowPolicy ? parseObject(redriveAllowPolicy) : undefined
  if (!policy || policy.redrivePermission === 'allowAll') return true
  const { sourceQueueArns } = policy
  return (
    policy.redrivePermission === 'byQueue' &&
    Array.isArray(sourceQueueArns) &&
    sourceQueueArns.some((arn) => isQueue(arn, source, names))
  )
}

const isQueue = (arn: unknown, queue: QueueAddress, names: QueueNames): boolean => {
  const address = typeof arn === 'string' ? parseQueueArn(arn) : undefined
  return address !== undefined && names.engineName(address) === names.engineName(queue)
}
