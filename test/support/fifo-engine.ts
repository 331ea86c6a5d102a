import type { Message, NewMessage } from '../../lib/model/message.ts'
import { partitionOf } from '../../lib/model/queue-record.ts'
import { DEFAULT_FIFO, type FifoSettings, type SettingsChange } from '../../lib/model/queue-settings.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { type PollOptions, poll } from '../../lib/receive/poll.ts'
import type { Store } from '../../lib/store/port.ts'
import { type TestEngine, testEngine } from './test-engine.ts'

export const FIFO = 'orders.fifo'

/** An engine with a FIFO queue. */
export const fifoEngine = async (
  { fifo, ...settings }: Omit<SettingsChange, 'fifo'> & { fifo?: Partial<FifoSettings> } = {},
  parts: Parameters<typeof testEngine>[0] = {},
): Promise<TestEngine> => {
  const engine = testEngine(parts)
  if (settings.deadLetter) {
    await createQueue(engine, settings.deadLetter.queue, { settings: { fifo: DEFAULT_FIFO } })
  }
  await createQueue(engine, FIFO, { settings: { ...settings, fifo: { ...DEFAULT_FIFO, ...fifo } } })
  return engine
}

/** Publishes bodies to a group, each in a request of its own. */
export const send = async (engine: TestEngine, groupId: string, ...bodies: string[]) => {
  const sent = []
  for (const body of bodies) sent.push(await sendOne(engine, { groupId, body }))
  return sent
}

export const sendOne = async (engine: TestEngine, message: NewMessage, queue = FIFO) => {
  const [result] = await publish(engine, queue, [message])
  if (!result?.ok) throw result?.error
  return result
}

/** Up to ten messages. */
export const take = (engine: TestEngine, options: PollOptions = {}, queue = FIFO): Promise<Message[]> =>
  poll(engine, queue, { maxMessages: 10, ...options })

export const bodies = (messages: readonly Message[]): unknown[] => messages.map(({ body }) => body)
export const handles = (messages: readonly Message[]): string[] => messages.map(({ receiptHandle }) => receiptHandle)

/** The tickets of a queue: which groups pollers read, and until when the other groups are locked. */
export const ticketsOf = async (engine: TestEngine, queue = FIFO) => {
  const partition = partitionOf(await engine.queues.get(queue), 0)
  const { tickets } = await engine.store.tickets({ partition, from: '0', to: '~', limit: 1_000 })
  return tickets
}

export interface Counted {
  readonly store: Store
  /** Requests since the last call, by operation, and the headers and tickets that they read. */
  spent(): { requests: Record<string, number>; headers: number; tickets: number }
}

/** A store that counts its requests. */
export const countingStore = (store: Store): Counted => {
  let requests: Record<string, number> = {}
  let headers = 0
  let tickets = 0
  const counted = Object.fromEntries(
    Object.entries(store).map(([name, request]) => [
      name,
      async (...input: unknown[]) => {
        requests[name] = (requests[name] ?? 0) + 1
        const answer = await request(...input)
        if (name === 'headers') headers += answer.segments.length
        if (name === 'tickets') tickets += answer.tickets.length
        return answer
      },
    ]),
  ) as unknown as Store
  return {
    store: counted,
    spent: () => {
      const spent = { requests, headers, tickets }
      requests = {}
      headers = 0
      tickets = 0
      return spent
    },
  }
}
