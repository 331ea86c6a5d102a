import type { Context, SQSEvent } from 'aws-lambda'
import { DEFAULT_SCOPE, type QueueNames, queueNames } from '../../functions/sqs/queue-url.ts'
import type { RunFunction } from '../../functions/triggers/event-invoker.ts'
import { eventInvoker } from '../../functions/triggers/event-invoker.ts'
import { functionError } from '../../functions/triggers/function-answer.ts'
import type { TriggerEvent } from '../../lib/triggers/invoker.ts'
import { dispatch } from '../../lib/triggers/run.ts'
import type { RunEnd } from '../../lib/triggers/run-state.ts'
import type { TestEngine } from './test-engine.ts'

export type SqsHandler = (event: SQSEvent, context: Context) => unknown

/** A function's handler in this process, called as Lambda calls one: the event, the answer and errors are JSON. */
export const runHandler =
  (handler: SqsHandler): RunFunction =>
  async ({ functionName }, event) => {
    const context = { awsRequestId: 'one', functionName, getRemainingTimeInMillis: () => 10_000 } as unknown as Context
    try {
      const answer = await handler(JSON.parse(event.toString()) as SQSEvent, context)
      return { kind: 'answered', payload: JSON.stringify(answer) ?? 'null' }
    } catch (error) {
      const { name, message } = error as Error
      const payload = JSON.stringify({ errorType: name, errorMessage: message })
      return { kind: 'failed', error: functionError('Unhandled', payload) }
    }
  }

const LIFE_MS = 900_000
const STEP_MS = 1_000

export interface Delivery {
  readonly end: RunEnd
  readonly observed: readonly TriggerEvent[]
}

/** One run of a queue's dispatcher, on the engine's clock, until it ends. */
export const deliver = async (
  engine: TestEngine,
  queue: string,
  run: RunFunction,
  {
    names = queueNames(DEFAULT_SCOPE),
    awaited = async () => {},
  }: { names?: QueueNames; awaited?: () => Promise<void> } = {},
): Promise<Delivery> => {
  const observed: TriggerEvent[] = []
  let end: RunEnd | undefined
  const running = dispatch(engine, {
    queue,
    invoker: eventInvoker(engine, names, run),
    endsAt: engine.clock.now() + LIFE_MS,
    startRun: async () => {},
    observe: (event) => observed.push(event),
  }).then((ended) => {
    end = ended
  })
  while (end === undefined) {
    await engine.clock.advance(STEP_MS)
    await awaited()
  }
  await running
  return { end, observed }
}
