import { type SqsEndpointParts, type SqsRequestContext, sqsEndpoint } from '../../../functions/sqs/endpoint.ts'
import { runRedrive } from '../../../lib/redrive/redrive.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

export interface JsonAnswer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at as a client without types would
  readonly body: any
}
interface QueryAnswer {
  readonly status: number
  readonly headers: Headers
  readonly xml: string
}

export interface SqsHarness {
  readonly engine: TestEngine
  fetch(request: Request, context?: SqsRequestContext): Promise<Response>
  /** A request of the JSON protocol. */
  json(action: string, input?: object, options?: JsonOptions): Promise<JsonAnswer>
  /** A request of the query protocol, as a form. */
  query(
    parameters: Readonly<Record<string, string>>,
    options?: { url?: string; headers?: Readonly<Record<string, string>> },
  ): Promise<QueryAnswer>
  /** Creates a queue and gives its URL. */
  queue(name: string, attributes?: Readonly<Record<string, string>>): Promise<string>
}
interface JsonOptions extends SqsRequestContext {
  readonly url?: string
  readonly headers?: Readonly<Record<string, string>>
}

export const BASE = 'http://localhost:9324'
export const REQUEST_ID = '00000000-0000-4000-8000-000000000000'

/** An `Authorization` header that names a credential; nobody verifies it unless the test says so. */
export const scopedTo = (accessKeyId: string, region: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20260301/${region}/sqs/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
})

/** The endpoint over an engine in memory, on a clock that the test moves. */
export const sqsHarness = (parts: Partial<SqsEndpointParts> = {}, engine: TestEngine = testEngine()): SqsHarness => {
  const endpoint = sqsEndpoint({
    engine,
    redrives: async (queue, taskId) => void (await runRedrive(engine, queue, taskId)),
    ...parts,
  })
  const fetch = (request: Request, context: SqsRequestContext = {}) =>
    endpoint(request, { requestId: REQUEST_ID, ...context })

  const json: SqsHarness['json'] = async (action, input = {}, { url = `${BASE}/`, headers = {}, ...context } = {}) => {
    const response = await fetch(
      new Request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}`, ...headers },
        body: JSON.stringify(input),
      }),
      context,
    )
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
  }

  return {
    engine,
    fetch,
    json,
    query: async (parameters, { url = `${BASE}/`, headers } = {}) => {
      const body = new URLSearchParams({ Version: '2012-11-05', ...parameters })
      const response = await fetch(new Request(url, { method: 'POST', body, ...(headers && { headers }) }))
      return { status: response.status, headers: response.headers, xml: await response.text() }
    },
    queue: async (name, Attributes = {}) => (await json('CreateQueue', { QueueName: name, Attributes })).body.QueueUrl,
  }
}

/** What a failed JSON answer says: shape, legacy code, status and message. */
export const failureOf = ({ status, headers, body }: JsonAnswer) => ({
  status,
  shape: String(body.__type).replace('com.amazonaws.sqs#', ''),
  code: headers.get('x-amzn-query-error'),
  message: body.message,
})

/** A harness with one queue. */
export const withQueue = async (attributes: Readonly<Record<string, string>> = {}, name = 'orders') => {
  const sqs = sqsHarness()
  return { sqs, QueueUrl: await sqs.queue(name, attributes) }
}

/** A message attribute with a text or a number. */
export const textValue = (StringValue: string, DataType = 'String') => ({ DataType, StringValue })

/** Receives up to ten messages; their bodies. */
export const receivedBodies = async (sqs: SqsHarness, QueueUrl: string): Promise<string[]> =>
  ((await sqs.json('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })).body.Messages ?? []).map(
    ({ Body }: { Body: string }) => Body,
  )
