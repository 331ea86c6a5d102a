import { browse } from '../../lib/messages/browse.ts'
import type { Message } from '../../lib/model/message.ts'
import { DEFAULT_FIFO, type SettingsChange } from '../../lib/model/queue-settings.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { type RedriveRequest, runRedrive, startRedrive } from '../../lib/redrive/redrive.ts'
import type { RedriveTask } from '../../lib/redrive/redrive-task.ts'
import { undoRedrive } from '../../lib/redrive/undo.ts'
import { nack } from '../../lib/settle/nack.ts'
import type { Store } from '../../lib/store/port.ts'
import { anotherProcess, type TestEngine, testEngine } from './test-engine.ts'

/** Queues whose messages are rejected into a dead-letter queue, and redriven from there. */
export interface UndoWorld {
  readonly engine: TestEngine
  readonly queue: string
  readonly dead: string
  /** Publishes messages, one in a call, and rejects each with a reason. Returns their ids in order. */
  fail(bodies: readonly string[], options?: { readonly queue?: string; readonly group?: string }): Promise<string[]>
  redrive(request?: RedriveRequest): Promise<RedriveTask>
  undo(taskId: string): Promise<RedriveTask>
  /** The bodies of the messages in a queue, in their order. */
  held(queue: string): Promise<unknown[]>
}

export const undoWorld = async ({
  fifo = false,
  settings = {},
  dead: deadSettings = {},
  engine = testEngine(),
}: {
  readonly fifo?: boolean
  readonly settings?: SettingsChange
  readonly dead?: SettingsChange
  readonly engine?: TestEngine
} = {}): Promise<UndoWorld> => {
  const ending = fifo ? '.fifo' : ''
  const [queue, dead] = [`orders${ending}`, `dead${ending}`]
  const kind = fifo ? { fifo: DEFAULT_FIFO } : {}
  await createQueue(engine, dead, { settings: { ...kind, ...deadSettings } })
  await createQueue(engine, queue, { settings: { ...kind, deadLetter: { queue: dead, maxReceives: 5 }, ...settings } })
  return {
    engine,
    queue,
    dead,
    fail: async (bodies, { queue: from = queue, group = 'g' } = {}) => {
      const ids: string[] = []
      for (const body of bodies) {
        const [sent] = await publish(engine, from, [{ body, ...(fifo && { groupId: group, deduplicationId: body }) }])
        if (!sent?.ok) throw sent?.error
        ids.push(sent.messageId)
        await engine.clock.advance(5)
        const [message] = (await poll(engine, from)) as [Message]
        await nack(engine, from, [{ receiptHandle: message.receiptHandle, deadLetter: true, error: `no ${body}` }])
      }
      return ids
    },
    redrive: async (request = {}) => {
      await engine.clock.advance(1_000)
      const { taskId } = await startRedrive(engine, dead, request)
      return runRedrive(engine, dead, taskId)
    },
    undo: async (redriven) => {
      await engine.clock.advance(1_000)
      const { taskId } = await undoRedrive(engine, dead, redriven)
      return runRedrive(engine, dead, taskId)
    },
    // Another process: this one may not know of a purge yet.
    held: async (name) => (await browse(anotherProcess(engine), name, { limit: 100 })).messages.map(({ body }) => body),
  }
}

/** A store on which something else happens right before the first transaction that moves messages. */
export const interrupted = (store: Store, event: () => Promise<unknown>): { store: Store; happened: () => boolean } => {
  let happened = false
  return {
    happened: () => happened,
    store: {
      ...store,
      transact: async (writes) => {
        if (!happened && writes.some(({ kind }) => kind === 'insert')) {
          happened = true
          await event()
        }
        return store.transact(writes)
      },
    },
  }
}
