import type { Answer, AskedMessage, OperationLog, Question, ReceivedMessage } from '../simulation/operations.ts'

/** How a client reaches a queue. Each operation writes one line to the log, and fails where there is no answer. */
export interface Face {
  /** Whether a publish can have an idempotency key. */
  readonly keys: boolean
  /** Returns the ids of the stored messages. */
  publish(queue: string, messages: readonly AskedMessage[], key?: string): Promise<string[]>
  poll(
    queue: string,
    options: { readonly maxMessages: number; readonly leaseSeconds: number; readonly waitSeconds: number },
  ): Promise<readonly ReceivedMessage[]>
  settle(
    op: 'ack' | 'nack' | 'extend' | 'unreceive',
    queue: string,
    held: readonly ReceivedMessage[],
    seconds?: number,
  ): Promise<void>
  cancel(queue: string, id: string): Promise<void>
}

export interface FaceOf {
  readonly name: string
  readonly url: string
  readonly log: OperationLog
}

/** After this time a client gives up a server that hangs. The answer may come later, and so may the effect. */
export const GIVEN_UP_MS = 20_000

/** Sends a request and logs it with the answer. A broken connection means that the server was killed and does nothing more. */
export const asking = async <T extends Answer>(
  { name, log }: FaceOf,
  question: Question,
  ask: () => Promise<T>,
): Promise<T> => {
  const answered = log.asked(name, question)
  try {
    const answer = await ask()
    answered(answer)
    return answer
  } catch (error) {
    if ((error as Error).name !== 'TimeoutError') answered({ ended: true })
    throw error
  }
}

/** The ids of what a publish stored. */
export const idsIn = ({ stored = [] }: Answer): string[] => stored.flatMap((one) => (one ? [one.id] : []))
