import type { Engine } from '../engine.ts'
import { asQueue } from '../model/queue-record.ts'
import type { Queue } from '../model/queue-settings.ts'

/** @throws `QueueNotFound` */
export const getQueue = async (engine: Engine, name: string): Promise<Queue> => asQueue(await engine.queues.get(name))
