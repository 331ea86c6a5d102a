import type { Answer, AskedMessage, OperationLog, Question, ReceivedMessage } from '../simulation/operations.ts'

/** How a client reaches a queue: one operation, one line in the log. Fails where there is no answer. */
export interface Face {
  /** Whether a publish can have an idempotency key. */
  readonly keys: boolean
  /** The ids of what is stored; nothing where the server did not answer. */
  publish(queue: string, messages: readonly AskedMessage[], key?: string): Promise<string[] | undefined>
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

/** A server that was killed answers nothing; one that hangs is given up. */
export const GIVEN_UP_MS = 20_000

interface MessageJson {
  readonly messageId: string
  readonly receiptHandle: string
  readonly body: string
  readonly groupId?: string
  readonly sequenceNumber?: string
  readonly receiveCount: number
  readonly leasedUntil: string
}

type ResultJson = { readonly ok: true } | { readonly ok: false; readonly error: { readonly code: string } }

const codeOf = (result: ResultJson): string => (result.ok ? 'ok' : result.error.code)

const receivedFrom = (one: MessageJson): ReceivedMessage => ({
  id: one.messageId,
  handle: one.receiptHandle,
  body: one.body,
  group: one.groupId,
  sequence: one.sequenceNumber,
  count: one.receiveCount,
  until: Date.parse(one.leasedUntil),
})

/** Through the HTTP API. */
export const httpFace = ({ name, url, log }: FaceOf): Face => {
  const asked = (question: Question) => log.asked(name, question)
  const send = async <T>(
    method: string,
    path: string,
    body?: unknown,
    key?: string,
  ): Promise<{ status: number; json: T }> => {
    const response = await fetch(`${url}/queues/${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(key !== undefined && { 'idempotency-key': key }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(GIVEN_UP_MS),
    })
    if (response.status >= 500) throw new Error(`${method} ${path}: ${response.status}`)
    const text = await response.text()
    return { status: response.status, json: (text === '' ? {} : JSON.parse(text)) as T }
  }
  const finish = async (answered: (answer: Answer) => void, path: string, body: unknown): Promise<void> => {
    const { json } = await send<{ results: ResultJson[] }>('POST', path, body)
    answered({ results: json.results.map(codeOf) })
  }
  return {
    keys: true,
    publish: async (queue, messages, key) => {
      const answered = asked({ op: 'publish', queue, key, messages })
      const body = { messages: messages.map(({ group, ...rest }) => ({ ...rest, groupId: group })) }
      const sent = await send<{ messages: (ResultJson & { messageId: string; sequenceNumber?: string })[] }>(
        'POST',
        `${queue}/messages`,
        body,
        key,
      ).catch(() => undefined)
      if (!sent) return undefined
      const { messages: stored } = sent.json
      answered({
        results: stored.map(codeOf),
        stored: stored.map((one) => (one.ok ? { id: one.messageId, sequence: one.sequenceNumber } : null)),
      })
      return stored.flatMap((one) => (one.ok ? [one.messageId] : []))
    },
    poll: async (queue, { maxMessages, leaseSeconds, waitSeconds }) => {
      const answered = asked({ op: 'poll', queue, leaseMs: leaseSeconds * 1_000 })
      const { json } = await send<{ messages: MessageJson[] }>('POST', `${queue}/poll`, {
        maxMessages,
        visibilityTimeoutSeconds: leaseSeconds,
        waitTimeSeconds: waitSeconds,
      })
      const received = json.messages.map(receivedFrom)
      answered({ received })
      return received
    },
    settle: (op, queue, held, seconds) => {
      const answered = asked({ op, queue, held, ...(seconds !== undefined && { seconds }) })
      return finish(answered, `${queue}/${op}`, {
        receiptHandles: held.map(({ handle }) => handle),
        ...(op === 'nack' && { delaySeconds: seconds }),
        ...(op === 'extend' && { visibilityTimeoutSeconds: seconds }),
      })
    },
    cancel: async (queue, id) => {
      const answered = asked({ op: 'cancel', queue, id })
      const { status, json } = await send<{ code?: string }>('DELETE', `${queue}/messages/${id}`)
      answered({ results: [status < 300 ? 'ok' : (json.code ?? '')] })
    },
  }
}
