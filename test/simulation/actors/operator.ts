import { cancelMessage } from '../../../lib/messages/cancel-message.ts'
import { getMessage } from '../../../lib/messages/get-message.ts'
import { rescheduleMessage } from '../../../lib/messages/reschedule-message.ts'
import { isHoldfastError } from '../../../lib/model/errors.ts'
import { removed } from '../history.ts'
import type { Question } from '../operations.ts'
import type { Actor, World } from '../world.ts'
import { queueName } from '../world-settings.ts'
import { passing, type Work } from './employ.ts'

/** Looks at messages by id, cancels and reschedules some. */
export const operator: Work = async (world, actor) => {
  const { random, process } = actor
  const queue = queueName(world.settings)
  const back = random.whole(1, 20)
  const looks = random.chance(0.3)
  const reschedules = random.chance(0.5)
  const delaySeconds = random.whole(0, 3)
  await process.sleep(random.whole(...world.spans.operateEveryMs))
  const messageId = world.history.waiting(back)
  if (messageId === undefined) return
  try {
    if (looks) await getMessage(process.engine, queue, messageId)
    else if (world.settings.kind === 'standard' && reschedules) {
      world.history.rescheduled.add(messageId)
      const question = { op: 'reschedule', queue, id: messageId, seconds: delaySeconds } as const
      await answering(world, actor, question, () =>
        rescheduleMessage(process.engine, queue, messageId, { delaySeconds }),
      )
      world.story?.note(world.scheduler.now(), actor.name, `puts off ${messageId} by ${delaySeconds} s`)
    } else await cancel(world, actor, queue, messageId)
  } catch (error) {
    // A message that has a time to live can't be put off past its end.
    const isTooLate =
      reschedules && world.settings.timesToLive !== undefined && isHoldfastError(error, 'InvalidRequest')
    const isGone = isHoldfastError(error, 'MessageNotFound') || isHoldfastError(error, 'OperationInProgress')
    if (!isTooLate && !isGone) passing(error)
  }
}

/** Logs a request and its answer, if there is one: any other failure leaves the outcome unknown. */
const answering = async <T>(
  { log }: World,
  { name, process }: Actor,
  question: Question,
  ask: () => Promise<T>,
): Promise<T> => {
  const answered = log.asked(name, question, process.engine.clock.now())
  try {
    const answer = await ask()
    answered({ results: ['ok'] })
    return answer
  } catch (error) {
    if (isHoldfastError(error) && !error.retryable) answered({ results: [error.code] })
    throw error
  }
}

const cancel = async (world: World, actor: Actor, queue: string, messageId: string) => {
  const { history, scheduler, story } = world
  const { name, process } = actor
  const removal = history.removing(messageId, scheduler.now())
  try {
    const question = { op: 'cancel', queue, id: messageId } as const
    await answering(world, actor, question, () => cancelMessage(process.engine, queue, messageId))
    removed(removal, scheduler.now())
    story?.note(scheduler.now(), name, `has cancelled ${messageId}`)
  } catch (error) {
    if (isHoldfastError(error, 'OperationInProgress')) removal.outcome = 'refused'
    throw error
  }
}
