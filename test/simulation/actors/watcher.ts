import { isFinal } from '../../../lib/model/message-status.ts'
import type { ResultAnswer } from '../../../lib/model/result.ts'
import { awaitResult, messageStatus } from '../../../lib/results/await-result.ts'
import type { Actor, World } from '../world.ts'
import { queueName } from '../world-settings.ts'
import { passing, type Work } from './employ.ts'

/** Reads the status of a message, or waits for its result, as its producer does. */
export const watcher: Work = async (world, actor) => {
  const { random, process } = actor
  const back = random.whole(1, world.spans.watchedMessages)
  const waits = random.chance(0.2)
  const waitTimeSeconds = random.whole(1, 4)
  await process.sleep(random.whole(0, world.spans.watchEveryMs))
  const messageId = world.history.known(back)
  if (messageId === undefined) return
  try {
    await readStatus(world, actor, messageId, waits ? waitTimeSeconds : undefined)
  } catch (error) {
    passing(error)
  }
}

/** Reads the status, or waits for the result, and records the answer. */
export const readStatus = async (
  { history, scheduler, story, settings }: World,
  { name, process }: Actor,
  messageId: string,
  waitTimeSeconds?: number,
): Promise<ResultAnswer> => {
  const queue = queueName(settings)
  const startedAt = scheduler.now()
  const answer =
    waitTimeSeconds === undefined
      ? { status: await messageStatus(process.engine, queue, messageId) }
      : await awaitResult(process.engine, queue, messageId, { waitTimeSeconds })
  const waitedMs = waitTimeSeconds === undefined ? undefined : waitTimeSeconds * 1_000
  history.looks.push({ by: name, messageId, startedAt, endedAt: scheduler.now(), waitedMs, answer })
  const { status, result } = answer
  const text = isFinal(status) && result !== undefined ? `${status.state} with ${JSON.stringify(result)}` : status.state
  story?.note(scheduler.now(), name, `reads that ${messageId} is ${text}`)
  return answer
}
