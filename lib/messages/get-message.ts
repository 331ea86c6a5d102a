import type { Engine } from '../engine.ts'
import { locate } from '../locate/locate.ts'
import type { StoredMessage } from '../model/message.ts'
import { storedMessage } from './stored-message.ts'

/** A message as it is now, without receiving it. @throws `QueueNotFound`, `MessageNotFound` */
export const getMessage = async (engine: Engine, queue: string, messageId: string): Promise<StoredMessage> => {
  const { queue: home, stored, index } = await locate(engine, queue, messageId)
  return storedMessage(home, stored.segment, stored.content, index, engine.clock.now())
}
