import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import { lambdaHandler } from '../../../functions/http/lambda.ts'
import { noRoute } from '../../../functions/http/no-route.ts'
import { decodedPath, pathOf } from '../../../functions/http/plain-path.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { utf8Text } from '../../../functions/runtime/utf8.ts'
import { isForSqs, sqsEndpoint } from '../../../functions/sqs/endpoint.ts'
import type { Engine } from '../../../lib/engine.ts'
import { answeringApp, type Sent } from '../http-world.ts'
import { demand, withinBounds } from '../judge.ts'
import { engineWithQueues } from '../queues-world.ts'
import { stepsOf } from '../target.ts'

/**
 * Events of API Gateway. Text that begins with a brace is the JSON of an event, whatever is in it. Other text is requests, as those of
 * the target `http`: each is sent as an event and as a request, and both must be answered alike.
 */
export const fuzz = async (data: Buffer): Promise<void> => {
  if (data[0] !== BRACE) return await sentBothWays(data)
  const event = jsonOf(data.toString())
  if (event === undefined) return
  const engine = await engineWithQueues()
  for (const handle of [httpHandler(engine), sqsHandler(engine)]) {
    const { statusCode = 0, body, headers } = await withinBounds(() => handle(event as APIGatewayProxyEventV2, CONTEXT))
    demand(statusCode >= 200 && (statusCode < 500 || statusCode === 504), `an event was answered with ${statusCode}`)
    demand(typeof body === 'string' && Object.values(headers ?? {}).every(isText), 'an answer is none of a function')
  }
}

const BRACE = 0x7b
const isText = (value: unknown): boolean => typeof value === 'string'

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

type Handler = (event: APIGatewayProxyEventV2, context: Context) => Promise<APIGatewayProxyStructuredResultV2>
const CONTEXT = { awsRequestId: 'r', getRemainingTimeInMillis: () => 29_000 } as Context

const httpHandler = (engine: Engine): Handler =>
  lambdaHandler((request, surroundings) => answeringApp(engine).fetch(request, surroundings))

/** As `functions/sqs.ts` has it, without signatures. */
const sqsHandler = (engine: Engine): Handler => {
  const endpoint = sqsEndpoint({ engine, log: silentLog, redrives: async () => {} })
  return lambdaHandler((request, surroundings) =>
    isForSqs(request, new URL(request.url).search)
      ? endpoint(request, surroundings)
      : noRoute(request.method, surroundings.path, 'r'),
  )
}

const BASE = 'https://api.example.com'

/** Each way has a world of its own, and the worlds are the same. */
const sentBothWays = async (data: Buffer): Promise<void> => {
  const [direct, throughGateway] = [await engineWithQueues(), await engineWithQueues()]
  for (const step of stepsOf(data, (text) => text)) {
    const { head, headers, body } = step()
    const [method = '', target = '/'] = head.split(' ')
    if (!METHODS.has(method) || !target.startsWith('/') || !URL.canParse(target, BASE)) continue
    const sent = { method, target, headers, body }
    const event = eventOf(sent)
    const handled = await withinBounds(() => httpHandler(throughGateway)(event, CONTEXT))
    const answer = await answeringApp(direct).fetch(requestOf(sent), { path: event.rawPath, requestId: 'r' })
    const text = await answer.text()
    demand(handled.statusCode === answer.status, `${handled.statusCode} in a function, else ${answer.status}`, event)
    demand(handled.body === text, 'a function answers something else', { text, body: handled.body })
  }
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'PUT', 'POST', 'PATCH', 'DELETE'])

const requestOf = ({ method, target, headers, body }: Sent): Request =>
  new Request(new URL(target, BASE), {
    method,
    headers: { 'content-type': 'application/json', ...Object.fromEntries(headers) },
    ...(method !== 'GET' && body.length > 0 && { body: new Uint8Array(body) }),
  })

/** As a gateway makes it of a request that no route of its own has: path decoded, headers in lower case, bytes in base64. */
const eventOf = ({ method, target, headers, body }: Sent): APIGatewayProxyEventV2 => {
  const text = utf8Text(body)
  const query = target.indexOf('?')
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: decodedPath(pathOf(target)),
    rawQueryString: query < 0 ? '' : target.slice(query + 1).replace(/#.*$/s, ''),
    headers: { 'content-type': 'application/json', ...Object.fromEntries(headers) },
    requestContext: { domainName: 'api.example.com', requestId: 'r', http: { method } },
    isBase64Encoded: text === undefined,
    ...(body.length > 0 && { body: text ?? body.toString('base64') }),
  } as unknown as APIGatewayProxyEventV2
}

export const dictionary: readonly string[] = [
  '{"requestContext":{"http":{"method":"GET"}},"rawPath":"/queues","headers":{}}',
  '"rawQueryString":"',
  '"routeKey":"GET /queues/{queue}"',
  '"pathParameters":{"queue":"orders"}',
  '"isBase64Encoded":true',
  '"body":"',
  '"cookies":["',
  '"headers":{"x-amz-target":"AmazonSQS.ListQueues"}',
  '"multiValueHeaders":{"a":["b"]}',
  '"domainName":',
  '"requestId":',
  'GET /queues/orders?',
  'POST /queues/orders/messages\n\n{"messages":[{"body":1}]}',
  '\n---\n',
  'null',
  '[]',
  '%2f',
  '\\u0000',
]
