/** Answers of the HTTP API, each whole: a client takes no others. */

const ID = '019ca945-0a00-8000-801b-ff0fd396070b'
const AT = '2030-01-01T00:00:00.000Z'

export const QUEUE_ANSWER = {
  name: 'q',
  visibilityTimeoutSeconds: 30,
  tags: { team: 'a' },
  createdAt: AT,
  modifiedAt: AT,
  counts: { ready: 1, delayed: 0, leased: 2, oldestReadyAt: AT, exact: true },
}

const CONTENT = {
  messageId: ID,
  body: { b: 1 },
  attributes: { a: 'text', n: 1.5, b: { dataType: 'Binary', valueBase64: 'AAE=' } },
  publishedAt: AT,
  dueAt: AT,
  priority: 0,
  receiveCount: 1,
  firstReceivedAt: AT,
}

export const MESSAGE_ANSWER = { ...CONTENT, receiptHandle: 'h', leasedUntil: AT }

export const STORED_ANSWER = {
  ...CONTENT,
  state: 'leased',
  queue: 'q',
  visibleAt: AT,
  expiresAt: AT,
  deadLetter: { queue: 'q', reason: 'r', at: AT, receiveCount: 3 },
  status: { state: 'leased', until: AT, receiveCount: 1 },
}

export const RESULT_ANSWER = {
  messageId: ID,
  status: { state: 'done', at: AT },
  result: 1,
}

export const HANDLES_ANSWER = { results: [{ ok: true }] }

export const PUBLISH_ANSWER = { messages: [{ ok: true, messageId: ID }] }
