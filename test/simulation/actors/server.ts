import { queueName } from '../world-settings.ts'
import { ackTogether, receive } from './consumer.ts'
import type { Work } from './employ.ts'

/** Takes a few messages at a time and acks them at once, more slowly than they are published: the queue is never empty. */
export const server: Work = async (world, actor) => {
  const maxMessages = actor.random.whole(1, 3)
  const waitTimeSeconds = actor.random.whole(0, 1)
  const pause = actor.random.whole(100, 500)
  const request = { maxMessages, leaseSeconds: world.spans.leaseSeconds[1], waitTimeSeconds }
  await ackTogether(world, actor, await receive(world, actor, queueName(world.settings), request))
  await actor.process.sleep(pause)
}
