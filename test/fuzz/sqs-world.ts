import type { Log } from '../../functions/runtime/log.ts'
import { sqsExchange } from '../../functions/sqs/exchange.ts'
import { MODEL } from '../../functions/sqs/model.ts'
import type { SqsAnswer } from '../../functions/sqs/request.ts'
import type { Shape } from '../../functions/sqs/shapes.ts'
import { createEngine } from '../../lib/engine.ts'
import { runRedrive } from '../../lib/redrive/redrive.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import { hastyClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { Finding, withinBounds } from './judge.ts'
import { type Step, stepsOf } from './target.ts'

const BASE = 'http://localhost:9324'
const QUEUES = {
  dead: {},
  orders: { RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":2}' },
  'orders.fifo': { FifoQueue: 'true', ContentBasedDeduplication: 'true' },
}

/** Sends the requests of an input, one after the other, to an endpoint with three queues. */
export const sendToSqs = async (
  data: Buffer,
  requestOf: (step: Step) => SentRequest,
  expanded = asItIs,
): Promise<void> => {
  const world = await sqsWorld()
  for (const step of stepsOf(data, (text) => expanded(world.filled(text)))) await world.send(requestOf(step()))
}

const asItIs = (text: string): string => text

/** A request of the JSON protocol: the first line is the action and, where there is one, the path. */
export const jsonRequest = ({ head, headers, body }: Step): SentRequest => {
  const [action = '', target = '/'] = head.split(' ')
  return { method: 'POST', target, headers: new Map([...headersOf(action), ...headers]), body }
}

/** A request of the query protocol: the first line is the method, the path and the query. */
export const queryRequest = ({ head, headers, body }: Step): SentRequest => {
  const [method = '', target = '/'] = head.split(' ')
  return { method, target, headers: new Map([['content-type', FORM], ...headers]), body }
}

const FORM = 'application/x-www-form-urlencoded'

interface SentRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

const sqsWorld = async () => {
  const clock = hastyClock()
  const engine = createEngine({ store: memoryStore({ clock }), clock, random: seededRandom(1) })
  const failures: unknown[] = []
  const exchange = sqsExchange({
    engine,
    redrives: async (queue, taskId) => void (await runRedrive(engine, queue, taskId)),
    log: { ...silent, error: (_, { error }) => failures.push(error) },
  })
  const seen = answerTokens()
  const send = async ({ method, target, headers, body }: SentRequest): Promise<SqsAnswer> => {
    const url = urlOf(target)
    const answer = await withinBounds(() =>
      exchange(
        {
          method,
          path: target.replace(/[?#].*$/s, ''),
          secure: false,
          url: () => url,
          header: (name) => headers.get(name),
          body: async () => body,
          signal: NEVER,
        },
        REQUEST_ID,
      ),
    )
    if (answer.status >= 500)
      throw new Finding(`a request was answered with ${answer.status}`, { cause: failures.at(-1) })
    seen.read(answer.body)
    return answer
  }
  for (const [QueueName, Attributes] of Object.entries(QUEUES)) {
    const body = Buffer.from(JSON.stringify({ QueueName, Attributes }))
    await send({ method: 'POST', target: '/', headers: headersOf('CreateQueue'), body })
  }
  return { send, filled: seen.filled }
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const REQUEST_ID = '00000000-0000-4000-8000-000000000000'
const NEVER = new AbortController().signal

/** As a server makes it of a request's target, whatever is in it. */
const urlOf = (target: string): URL => {
  try {
    return new URL(target, BASE)
  } catch {
    return new URL(BASE)
  }
}

const headersOf = (action: string): ReadonlyMap<string, string> =>
  new Map([
    ['content-type', 'application/x-amz-json-1.0'],
    ['x-amz-target', `AmazonSQS.${action}`],
  ])

/** What later requests take from earlier answers: an input names it, because it is another in every run. */
const answerTokens = () => {
  const known = new Map<string, string>()
  return {
    read: (answer: string): void => {
      for (const [, member = '', value = ''] of answer.matchAll(/"(ReceiptHandle|TaskHandle|NextToken)":"([^"]+)"/g))
        known.set(member, value)
      for (const [, member = '', value = ''] of answer.matchAll(/<(ReceiptHandle|TaskHandle|NextToken)>([^<]+)</g))
        known.set(member, value)
    },
    filled: (text: string): string => text.replace(/@(\w+)@/g, (whole, name) => known.get(name) ?? whole),
  }
}

/** Names and values of the requests of SQS. */
export const sqsWords = (): string[] => {
  const names = new Set<string>(Object.keys(MODEL))
  const visit = (shape: Shape): void => {
    if (shape.kind === 'list') visit(shape.member)
    else if (shape.kind === 'map') visit(shape.value)
    else if (shape.kind === 'structure')
      for (const [name, member] of Object.entries(shape.members)) {
        names.add(name)
        visit(member)
      }
  }
  for (const { input } of Object.values(MODEL)) visit(input)
  return [...names, ...VALUES, ...Object.keys(QUEUES).map((name) => `${BASE}/000000000000/${name}`)]
}

const VALUES = [
  '@ReceiptHandle@',
  '@TaskHandle@',
  '@NextToken@',
  '\n---\n',
  'String',
  'Number.int',
  'Binary',
  'AWSTraceHeader',
  'Policy',
  'RedrivePolicy',
  'RedriveAllowPolicy',
  'redrivePermission',
  'byQueue',
  'sourceQueueArns',
  'DelaySeconds',
  'MaximumMessageSize',
  'MessageRetentionPeriod',
  'ReceiveMessageWaitTimeSeconds',
  'DeduplicationScope',
  'FifoThroughputLimit',
  'perMessageGroupId',
  'messageGroup',
  'Holdfast.Priority',
  'Holdfast.DueAt',
  'HoldfastRetryPolicy',
  'HoldfastShards',
  'All',
  'arn:aws:sqs:us-east-1:000000000000:dead',
  '"',
  '\\u',
  '{}',
  '[]',
  'null',
  '%22',
]
