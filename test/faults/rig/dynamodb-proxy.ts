import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

/** What the proxy does to a request that meets a fault. The SDK gives a try up after three seconds. */
const FAULTS = [
  /** Passed on after up to half a second: requests overtake each other. */
  'delayed',
  /** Never passed on. */
  'dropped before',
  /** Done, and never answered. */
  'dropped after',
  /** Done, and half of the answer sent. */
  'answer cut',
  /** Done, and answered after the SDK has given up and tried again. */
  'answer late',
  /** Passed on after the SDK has given up and tried again: an old request meets what was done since. */
  'request late',
  /** Passed on twice at one time; one of the answers is sent. */
  'sent twice',
  /** Passed on and answered, and passed on once more seconds later. */
  'sent again later',
  /** Done, and answered with an error of the server, which the SDK tries again. */
  'done, then 500',
  /** Not done, and answered with a throttle. */
  'throttled',
] as const
type Fault = (typeof FAULTS)[number]

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export interface DynamodbProxy {
  readonly url: string
  /** Share of the requests that meet a fault, 0 … 1. */
  faulty(share: number): void
  /** Resolves when no request is under way, and no repeat is left to send. */
  settled(): Promise<void>
  figures(): Readonly<Record<string, number>>
}

/** A proxy before a DynamoDB that delays, drops, cuts, repeats and reorders its requests and answers. Ends with the test. */
export const startDynamodbProxy = async (upstream: string): Promise<DynamodbProxy> => {
  const counts = new Map<string, number>()
  const agent = new Agent({ keepAlive: true, maxSockets: 200 })
  let share = 0
  let underWay = 0
  const server = createServer((incoming, outgoing) => {
    underWay++
    const fault = Math.random() < share ? FAULTS[Math.floor(Math.random() * FAULTS.length)] : undefined
    counts.set(fault ?? 'passed on', (counts.get(fault ?? 'passed on') ?? 0) + 1)
    void passOn({ agent, upstream, incoming, outgoing }, fault)
      .catch(() => outgoing.destroy())
      .finally(() => underWay--)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
    agent.destroy()
  })
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    faulty: (given) => {
      share = given
    },
    settled: async () => {
      while (underWay > 0) await sleep(100)
    },
    figures: () => Object.fromEntries(counts),
  }
}

interface Exchange {
  readonly agent: Agent
  readonly upstream: string
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

const passOn = async (exchange: Exchange, fault: Fault | undefined): Promise<void> => {
  const { incoming, outgoing } = exchange
  const body = await bodyOf(incoming)
  const ask = () => asked(exchange, body)
  switch (fault) {
    case 'delayed':
      await sleep(Math.random() * 500)
      return send(outgoing, await ask())
    case 'dropped before':
      return void outgoing.destroy()
    case 'dropped after':
      await ask()
      return void outgoing.destroy()
    case 'answer cut': {
      const answer = await ask()
      outgoing.writeHead(answer.status, answer.headers)
      outgoing.write(answer.body.subarray(0, answer.body.length >> 1))
      await sleep(20)
      return void outgoing.destroy()
    }
    case 'answer late': {
      const answer = await ask()
      await sleep(3_000 + Math.random() * 3_000)
      return send(outgoing, answer)
    }
    case 'request late':
      await sleep(3_000 + Math.random() * 5_000)
      return send(outgoing, await ask())
    case 'sent twice': {
      const answers = await Promise.all([ask(), ask()])
      return send(outgoing, answers[Math.random() < 0.5 ? 0 : 1])
    }
    case 'sent again later':
      send(outgoing, await ask())
      await sleep(500 + Math.random() * 6_000)
      return void (await ask())
    case 'done, then 500':
      await ask()
      return send(outgoing, failure(500, 'InternalServerError'))
    case 'throttled':
      return send(outgoing, failure(400, 'ThrottlingException'))
    default:
      return send(outgoing, await ask())
  }
}

const bodyOf = async (stream: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const asked = async ({ agent, upstream, incoming }: Exchange, body: Buffer): Promise<Answer> => {
  const { method, url, headers } = incoming
  const sent = request(upstream, { agent, method, path: url, headers: { ...headers, connection: 'keep-alive' } })
  sent.end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: answer.statusCode ?? 500, headers: answer.headers, body: await bodyOf(answer) }
}

const send = (outgoing: ServerResponse, { status, headers, body }: Answer): void => {
  const { 'transfer-encoding': _, connection: __, ...kept } = headers
  outgoing.writeHead(status, { ...kept, 'content-length': String(body.length) })
  outgoing.end(body)
}

const failure = (status: number, type: string): Answer => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
  body: Buffer.from(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'by the proxy' })),
})
