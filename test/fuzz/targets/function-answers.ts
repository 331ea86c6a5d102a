import { answerOf, functionError, isError } from '../../../functions/triggers/function-answer.ts'
import { demand, orRefusal } from '../judge.ts'
import { expanded } from '../repeated.ts'

/** Lambda's limit for the answer of a function. */
const ANSWER_BYTES = 6_291_456
const IDS = ['a', 'b', 'c']

/** The answer of a function to a batch of three messages: `@5000*ab@` in it is `ab` 5,000 times. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const payload = expanded(data.toString('utf8'), ANSWER_BYTES)
  const outcome = await orRefusal(() => answerOf(payload, IDS), never)
  if (outcome?.kind === 'answered')
    demand(
      [...outcome.failed].every((id) => IDS.includes(id)),
      'a message failed that is none of the batch',
    )
  await orRefusal(() => [functionError('Unhandled', payload), isError(payload)], never)
}

const never = () => false

export const dictionary: readonly string[] = [
  '{"batchItemFailures":[{"itemIdentifier":"a"}]}',
  'batchItemFailures',
  'itemIdentifier',
  'errorType',
  'errorMessage',
  '@1000000*[@',
  'null',
]
