import { parseQueueFile, queueFileSchema } from '../../../functions/local/queue-file.ts'
import { JsonFault } from '../../../functions/runtime/strict-json.ts'
import { isHoldfastError } from '../../../lib/model/errors.ts'
import { orRefusal } from '../judge.ts'
import { expanded } from '../repeated.ts'

const FILE_BYTES = 1_048_576

/** A file that declares queues and triggers: `@5000*ab@` in it is `ab` 5,000 times. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const text = expanded(data.toString('utf8'), FILE_BYTES)
  await orRefusal(
    () => parseQueueFile(text, '/holdfast.json'),
    (error) => error instanceof JsonFault || isHoldfastError(error, 'InvalidRequest'),
  )
}

const namesIn = (value: unknown): string[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([name, member]) => [name, ...namesIn(member)])
    : []

export const dictionary: readonly string[] = [
  ...new Set(namesIn(queueFileSchema())),
  '@500000*[@',
  '"orders.fifo"',
  'null',
]
