/** A request and an answer of each operation, for the OpenAPI document. A test holds them to the shapes. */
interface Example {
  readonly request?: unknown
  readonly answer?: unknown
}

const QUEUE = {
  name: 'orders',
  visibilityTimeoutSeconds: 60,
  delaySeconds: 0,
  retentionSeconds: 345_600,
  maximumMessageBytes: 1_048_576,
  receiveWaitTimeSeconds: 0,
  priorities: 1,
  shards: 1,
  deduplicationWindowSeconds: 300,
  deduplicationMode: 'window',
  deadLetter: { queue: 'orders-failed', maxReceives: 5 },
  retryPolicy: { initialSeconds: 1, factor: 2, maximumSeconds: 300, jitter: 'full' },
  tags: { team: 'shop' },
  createdAt: '2030-01-31T12:00:00.000Z',
  modifiedAt: '2030-01-31T12:00:00.000Z',
}

const COUNTS = { ready: 2, delayed: 1, leased: 0, oldestReadyAt: '2030-01-31T12:00:03.000Z', exact: true }

const MESSAGE_ID = '0c1f2d9e8b7a6054-00'

const CONTENT = {
  messageId: MESSAGE_ID,
  body: { order: 1 },
  attributes: { source: 'web', weight: 1.5 },
  publishedAt: '2030-01-31T12:00:03.000Z',
  dueAt: '2030-01-31T12:00:03.000Z',
  priority: 0,
}

const STORED = {
  ...CONTENT,
  state: 'ready',
  queue: 'orders',
  receiveCount: 0,
  visibleAt: '2030-01-31T12:00:03.000Z',
  expiresAt: '2030-02-04T12:00:03.000Z',
}

const DONE = { state: 'done', at: '2030-01-31T12:00:09.000Z' }

const LOST = {
  type: 'urn:holdfast:problem:lease-lost',
  title: 'Lease lost',
  status: 409,
  detail: 'the lease of this receipt handle has ended',
  code: 'LeaseLost',
  queue: 'orders',
  retryable: false,
}

const REDRIVE = {
  taskId: '7d3c1a5e9f204b68',
  source: 'orders-failed',
  state: 'running',
  moved: 120,
  toMove: 400,
  filter: { attributes: { source: 'web' } },
  maxPerSecond: 50,
  startedAt: '2030-01-31T13:00:00.000Z',
}

const UNDO = {
  taskId: '7d3c1a5e9f204b70',
  source: 'orders-failed',
  undoes: REDRIVE.taskId,
  state: 'running',
  moved: 0,
  received: 0,
  behind: 0,
  toMove: 400,
  maxPerSecond: 50,
  startedAt: '2030-01-31T13:05:00.000Z',
}

const TRIGGER = {
  queue: 'orders',
  functionName: 'arn:aws:lambda:eu-central-1:123456789012:function:orders',
  functionTimeoutSeconds: 30,
  batchSize: 10,
  batchingWindowSeconds: 0,
  maxConcurrency: 10,
  enabled: true,
  reportBatchItemFailures: true,
  filter: ['{"body":{"country":["DE"]}}'],
  unmatched: 'delete',
  declaredAt: '2030-01-31T12:00:00.000Z',
  declaredBy: 'arn:aws:cloudformation:eu-central-1:123456789012:stack/Shop/0a1b/OrdersTrigger',
  paused: false,
  running: false,
  slotsTaken: 0,
  lastRunEndedAt: '2030-01-31T12:10:00.000Z',
}

const HANDLES = { receiptHandles: ['AQEB…'] }
const SETTLED = { results: [{ ok: true }, { ok: false, error: LOST, problem: LOST }] }

export const EXAMPLES: Readonly<Record<string, Example>> = {
  listQueues: { answer: { queues: [{ ...QUEUE, counts: COUNTS }], cursor: 'b3JkZXJz' } },
  createQueue: {
    request: {
      visibilityTimeoutSeconds: 60,
      deadLetter: { queue: 'orders-failed', maxReceives: 5 },
      retryPolicy: { initialSeconds: 1, maximumSeconds: 300 },
      tags: { team: 'shop' },
    },
    answer: QUEUE,
  },
  getQueue: { answer: { ...QUEUE, counts: COUNTS } },
  updateQueue: { request: { visibilityTimeoutSeconds: 120, retryPolicy: null }, answer: QUEUE },
  publishMessages: {
    request: {
      messages: [
        { body: { order: 1 }, attributes: { source: 'web', weight: 1.5 } },
        { body: 'later', delaySeconds: 3_600 },
        { bodyBase64: 'AAEC', groupId: 'customer-7', deduplicationId: 'order-1' },
      ],
    },
    answer: {
      messages: [
        { ok: true, messageId: MESSAGE_ID },
        { ok: true, messageId: '0c1f2d9e8b7a6054-01' },
        { ok: true, messageId: '0c1f2d9e8b7a5f11-00', duplicate: true },
      ],
    },
  },
  pollMessages: {
    request: { maxMessages: 10, waitTimeSeconds: 20, visibilityTimeoutSeconds: 60 },
    answer: {
      messages: [
        {
          ...CONTENT,
          receiptHandle: 'AQEB…',
          receiveCount: 1,
          firstReceivedAt: '2030-01-31T12:00:05.000Z',
          leasedUntil: '2030-01-31T12:01:05.000Z',
        },
      ],
    },
  },
  ackMessages: { request: { ...HANDLES, result: { invoice: 17 } }, answer: SETTLED },
  extendLeases: { request: { ...HANDLES, visibilityTimeoutSeconds: 120 }, answer: SETTLED },
  nackMessages: { request: { ...HANDLES, delaySeconds: 30 }, answer: SETTLED },
  unreceiveMessages: { request: HANDLES, answer: SETTLED },
  browseMessages: { answer: { messages: [STORED], cursor: 'MGMxZjJk' } },
  getMessage: { answer: { ...STORED, status: { state: 'ready', receiveCount: 0 } } },
  getResult: { answer: { messageId: MESSAGE_ID, status: DONE, result: { invoice: 17 } } },
  rescheduleMessage: { request: { dueAt: '2030-02-01T08:00:00Z' }, answer: STORED },
  resendMessage: { request: { body: { order: 17 } }, answer: STORED },
  listTriggers: { answer: { triggers: [TRIGGER] } },
  startRedrive: { request: { filter: { attributes: { source: 'web' } }, maxPerSecond: 50 }, answer: REDRIVE },
  listRedrives: { answer: { redrives: [REDRIVE] } },
  getRedrive: { answer: { ...REDRIVE, state: 'completed', moved: 400 } },
  cancelRedrive: { answer: { ...REDRIVE, state: 'cancelling' } },
  previewUndo: {
    answer: {
      taskId: REDRIVE.taskId,
      returning: 310,
      received: 12,
      behind: 0,
      gone: 78,
      complete: true,
      queues: ['orders'],
    },
  },
  undoRedrive: { request: { maxPerSecond: 50 }, answer: UNDO },
}
