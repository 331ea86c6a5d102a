import type { ReceivedMessage } from '../simulation/operations.ts'
import { asking, type Face, type FaceOf, GIVEN_UP_MS, idsIn } from './face.ts'

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
type StoredJson = ResultJson & { readonly messageId: string; readonly sequenceNumber?: string }

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
export const httpFace = (face: FaceOf): Face => {
  const send = async <T>(
    method: string,
    path: string,
    body?: unknown,
    key?: string,
  ): Promise<{ ok: boolean; json: T }> => {
    const response = await fetch(`${face.url}/queues/${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(key !== undefined && { 'idempotency-key': key }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(GIVEN_UP_MS),
    })
    if (response.status >= 500) throw new Error(`${method} ${path}: ${response.status}`)
    const text = await response.text()
    return { ok: response.ok, json: (text === '' ? {} : JSON.parse(text)) as T }
  }
  return {
    keys: true,
    publish: async (queue, messages, key) => {
      const body = { messages: messages.map(({ group, ...rest }) => ({ ...rest, groupId: group })) }
      const answer = await asking(face, { op: 'publish', queue, key, messages }, async () => {
        const { json } = await send<{ messages: StoredJson[] }>('POST', `${queue}/messages`, body, key)
        const stored = json.messages.map((one) => (one.ok ? { id: one.messageId, sequence: one.sequenceNumber } : null))
        return { results: json.messages.map(codeOf), stored }
      })
      return idsIn(answer)
    },
    poll: async (queue, { maxMessages, leaseSeconds, waitSeconds }) => {
      const body = { maxMessages, visibilityTimeoutSeconds: leaseSeconds, waitTimeSeconds: waitSeconds }
      const { received } = await asking(face, { op: 'poll', queue, leaseMs: leaseSeconds * 1_000 }, async () => {
        const { json } = await send<{ messages: MessageJson[] }>('POST', `${queue}/poll`, body)
        return { received: json.messages.map(receivedFrom) }
      })
      return received
    },
    settle: async (op, queue, held, seconds) => {
      await asking(face, { op, queue, held, ...(seconds !== undefined && { seconds }) }, async () => {
        const { json } = await send<{ results: ResultJson[] }>('POST', `${queue}/${op}`, {
          receiptHandles: held.map(({ handle }) => handle),
          ...(op === 'nack' && { delaySeconds: seconds }),
          ...(op === 'extend' && { visibilityTimeoutSeconds: seconds }),
        })
        return { results: json.results.map(codeOf) }
      })
    },
    cancel: async (queue, id) => {
      await asking(face, { op: 'cancel', queue, id }, async () => {
        const { ok, json } = await send<{ code?: string }>('DELETE', `${queue}/messages/${id}`)
        return { results: [ok ? 'ok' : (json.code ?? '')] }
      })
    },
  }
}
