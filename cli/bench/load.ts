import { createProgress } from '../output/progress.ts'
import type { Session } from '../session.ts'
import { createTimings, type Timings } from './timings.ts'

export interface LoadOptions {
  readonly messages: number
  /** Messages of one call. */
  readonly batch: number
  /** Characters of a body. */
  readonly size: number
  /** Calls under way at the same time. */
  readonly parallel: number
  readonly fifo?: boolean
}

export interface Phase {
  readonly messages: number
  /** Length of the whole phase. */
  readonly ms: number
  /** By the name of the call. */
  readonly timings: Readonly<Record<string, Timings>>
}

/** Message groups of a FIFO queue, each of which one consumer works on at a time. */
const GROUPS = 100
const WAIT_SECONDS = 1
/** After this many empty polls in a row, a consumer counts the other messages as lost. */
const MAX_EMPTY = 10

/** Publishes all messages. Ends early at Ctrl-C. */
export const publishAll = async (session: Session, queue: string, options: LoadOptions): Promise<Phase> => {
  const { target, signal, io } = session
  const { messages, batch } = options
  const publish = createTimings(() => performance.now())
  const progress = createProgress(io, 'publishing')
  const state = { next: 0, published: 0 }
  const work = async () => {
    while (state.next < messages && !signal.aborted) {
      const first = state.next
      const count = Math.min(batch, messages - first)
      state.next += count
      const body = { messages: Array.from({ length: count }, (_, at) => message(first + at, options)) }
      const answer = await publish.measure(() => target.call('publishMessages', { params: { queue }, body }))
      state.published += answer.messages.filter((one) => 'messageId' in one).length
      progress.at(state.published, messages)
    }
  }
  const ms = await timed(() => inParallel(options.parallel, work).finally(progress.end))
  return { messages: state.published, ms, timings: { publish } }
}

/** Receives and acks as many messages as were published. Ends early at Ctrl-C, or when no more messages arrive. */
export const consumeAll = async (
  session: Session,
  queue: string,
  { batch, parallel }: LoadOptions,
  published: number,
): Promise<Phase> => {
  const { target, signal, io } = session
  const [poll, ack] = [createTimings(() => performance.now()), createTimings(() => performance.now())]
  const progress = createProgress(io, 'receiving')
  let acked = 0
  const params = { queue }
  const pollBody = { maxMessages: batch, waitTimeSeconds: WAIT_SECONDS }
  // Aborts the waiting polls once the last message is acked.
  const done = new AbortController()
  const ending = AbortSignal.any([signal, done.signal])
  const ackAll = async (receiptHandles: readonly string[]) => {
    const { results } = await ack.measure(() => target.call('ackMessages', { params, body: { receiptHandles } }))
    acked += results.filter(({ ok }) => ok).length
    progress.at(acked, published)
    if (acked >= published) done.abort()
  }
  const work = async () => {
    for (let empty = 0; empty < MAX_EMPTY && !ending.aborted; empty++) {
      const polling = () => target.call('pollMessages', { params, body: pollBody, signal: ending })
      const { messages } = await poll.measure(polling).catch(orNothing(ending))
      if (messages.length === 0) continue
      empty = -1
      await ackAll(messages.map(({ receiptHandle }) => receiptHandle))
    }
  }
  const working = () => work().catch(failing(done))
  const ms = published === 0 ? 0 : await timed(() => inParallel(parallel, working).finally(progress.end))
  return { messages: acked, ms, timings: { poll, ack } }
}

/** An aborted poll counts as an empty one. */
const orNothing = (ending: AbortSignal) => (error: unknown) => {
  if (ending.aborted) return { messages: [] }
  throw error
}

/** A consumer that fails aborts the polls of the others. */
const failing = (done: AbortController) => (error: unknown) => {
  done.abort()
  throw error
}

const message = (index: number, { size, fifo }: LoadOptions) => ({
  body: `${index} `.padEnd(size, 'x'),
  ...(fifo && { groupId: `group-${index % GROUPS}`, deduplicationId: `message-${index}` }),
})

const inParallel = async (count: number, work: () => Promise<void>): Promise<void> => {
  await Promise.all(Array.from({ length: count }, work))
}

const timed = async (work: () => Promise<void>): Promise<number> => {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
