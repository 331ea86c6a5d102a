import { DEFAULT_FIFO, type FifoSettings, type QueueSettings } from '../../lib/model/queue-settings.ts'
import { invalidAttribute, invalidParameter, SqsError, unknownAttribute } from './errors.ts'
import type { QueueAddress } from './queue-url.ts'

type Attributes = Readonly<Record<string, string>>

/** The queue whose attributes are read. */
interface Subject {
  readonly address: QueueAddress
  readonly current: QueueSettings | undefined
  readonly creating: boolean
}

/** The attributes of FIFO queues. They are read together because they depend on one another. */
export const fifoSettings = (given: Attributes, { address, current, creating }: Subject): FifoSettings | undefined => {
  const isFifo = address.name.endsWith('.fifo')
  checkKind(given, isFifo, creating)
  if (!isFifo) {
    refuseFifoAttributes(given)
    return undefined
  }
  const fifo = mergedSettings(given, current?.fifo ?? DEFAULT_FIFO)
  if (fifo.throughputLimit === 'perMessageGroupId' && fifo.deduplicationScope !== 'messageGroup') {
    throw new SqsError(
      'InvalidAttributeValue',
      'Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.',
    )
  }
  return fifo
}

/** A queue must be created with `FifoQueue` exactly when its name ends in `.fifo`, and stays of its kind. */
const checkKind = ({ FifoQueue }: Attributes, isFifo: boolean, creating: boolean): void => {
  const wanted = FifoQueue === undefined ? undefined : flag('FifoQueue', FifoQueue)
  if (!creating && wanted === false && isFifo) {
    throw new SqsError(
      'InvalidAttributeValue',
      'Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.',
    )
  }
  if (!creating) return
  if (wanted === true && !isFifo) {
    throw invalidParameter(
      'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.',
    )
  }
  if (isFifo && !wanted) throw invalidParameter(QUEUE_NAME_RULE)
}
export const QUEUE_NAME_RULE = 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length'

const refuseFifoAttributes = (given: Attributes): void => {
  for (const name of ['FifoQueue', 'ContentBasedDeduplication']) {
    if (given[name] !== undefined) throw unknownAttribute(name)
  }
  for (const name of ['DeduplicationScope', 'FifoThroughputLimit']) {
    if (given[name] !== undefined) {
      throw new SqsError('InvalidAttributeName', `You can specify the ${name} only when FifoQueue is set to true.`)
    }
  }
}

const mergedSettings = (given: Attributes, base: FifoSettings): FifoSettings => {
  const { ContentBasedDeduplication, DeduplicationScope, FifoThroughputLimit } = given
  return {
    contentBasedDeduplication:
      ContentBasedDeduplication === undefined
        ? base.contentBasedDeduplication
        : flag('ContentBasedDeduplication', ContentBasedDeduplication),
    deduplicationScope:
      choice('DeduplicationScope', DeduplicationScope, ['queue', 'messageGroup']) ?? base.deduplicationScope,
    throughputLimit:
      choice('FifoThroughputLimit', FifoThroughputLimit, ['perQueue', 'perMessageGroupId']) ?? base.throughputLimit,
  }
}

/** `true` or `false`, in any case. @throws `InvalidAttributeValue` */
export const flag = (name: string, text: string): boolean => {
  const value = text.toLowerCase()
  if (value !== 'true' && value !== 'false') throw invalidAttribute(name)
  return value === 'true'
}

const choice = <const T extends string>(
  name: string,
  text: string | undefined,
  values: readonly T[],
): T | undefined => {
  if (text === undefined) return undefined
  const found = values.find((value) => value === text)
  if (!found) throw invalidAttribute(name)
  return found
}
