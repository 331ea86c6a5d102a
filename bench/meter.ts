import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { type Item, writeUnitsOf } from './item-size.ts'

/** The cost of some work in requests and units. */
export interface Usage {
  readonly requests: number
  /** Requests that were sent while no other request was running. */
  readonly rounds: number
  readonly writeUnits: number
  readonly readUnits: number
  /** The part of `writeUnits` that failed conditions cost. */
  readonly wastedUnits: number
  /** Puts whose reported units differ from those that DynamoDB's size rules give for the item. */
  readonly misreported: number
  readonly byCommand: Readonly<Record<string, number>>
}

export interface Meter {
  readonly endpoint: string
  /** Usage since the meter started. */
  read(): Usage
  stop(): Promise<void>
}

const READS = new Set(['GetItem', 'BatchGetItem', 'Query', 'Scan'])
/** A failed condition costs as much as a write of the stored item, and the engine's conditions are on items of at most 1 KB. */
const FAILED_CONDITION_UNITS = 1

interface Answer {
  __type?: string
  ConsumedCapacity?: { CapacityUnits?: number } | { CapacityUnits?: number }[]
  Responses?: { Error?: { Code?: string } }[]
  CancellationReasons?: unknown[]
}

/**
 * A proxy between the engine and its table, which requests the consumed capacity with each request and adds it up. It knows
 * nothing of the engine, so it measures what DynamoDB would bill and not what the engine assumes.
 */
export const startMeter = async (target: string, { latencyMs = 0 } = {}): Promise<Meter> => {
  const agent = new Agent({ keepAlive: true, maxSockets: 128 })
  const usage = { requests: 0, rounds: 0, writeUnits: 0, readUnits: 0, wastedUnits: 0, misreported: 0 }
  const byCommand: Record<string, number> = {}
  let underWay = 0

  const account = (command: string, input: { Item?: Item }, answer: Answer) => {
    const units = [answer.ConsumedCapacity ?? []].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0)
    if (READS.has(command)) usage.readUnits += units
    else usage.writeUnits += units
    const failed = failedConditions(answer) * FAILED_CONDITION_UNITS
    usage.writeUnits += failed
    usage.wastedUnits += failed
    if (command === 'PutItem' && input.Item && units > 0 && units !== writeUnitsOf(input.Item)) usage.misreported++
  }

  const server = createServer(async (incoming, outgoing) => {
    const command = String(incoming.headers['x-amz-target'] ?? '').split('.')[1] ?? ''
    const input = JSON.parse((await buffer(incoming)).toString()) as { Item?: Item; ReturnConsumedCapacity?: string }
    const data =
      command.endsWith('Table') || command.endsWith('Live') ? input : { ...input, ReturnConsumedCapacity: 'TOTAL' }
    usage.requests++
    byCommand[command] = (byCommand[command] ?? 0) + 1
    if (underWay++ === 0) usage.rounds++
    try {
      const { status, headers, body } = await forward(agent, target, incoming, Buffer.from(JSON.stringify(data)))
      account(command, input, JSON.parse(body.toString()) as Answer)
      if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs))
      outgoing.writeHead(status, headers).end(body)
    } catch (error) {
      outgoing.writeHead(502).end(String(error))
    } finally {
      underWay--
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    read: () => ({ ...usage, byCommand: { ...byCommand } }),
    stop: async () => {
      agent.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const failedConditions = (answer: Answer): number => {
  if (answer.__type?.endsWith('ConditionalCheckFailedException')) return 1
  if (answer.__type?.endsWith('TransactionCanceledException')) return 2 * (answer.CancellationReasons?.length ?? 1)
  const responses = Array.isArray(answer.Responses) ? answer.Responses : []
  return responses.filter(({ Error: failure }) => failure?.Code === 'ConditionalCheckFailed').length
}

const forward = async (agent: Agent, target: string, incoming: IncomingMessage, body: Buffer) => {
  const outgoing = request(`${target}${incoming.url}`, {
    method: incoming.method ?? 'POST',
    agent,
    headers: { ...incoming.headers, host: new URL(target).host, 'content-length': body.length },
  })
  outgoing.end(body)
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  const answered = await buffer(response)
  const headers = Object.fromEntries(
    Object.entries(response.headers).filter(([name]) => name === 'content-type' || name.startsWith('x-amz')),
  )
  return {
    status: response.statusCode ?? 502,
    headers: { ...headers, 'content-length': answered.length },
    body: answered,
  }
}

export const usageBetween = (before: Usage, after: Usage): Usage => ({
  requests: after.requests - before.requests,
  rounds: after.rounds - before.rounds,
  writeUnits: after.writeUnits - before.writeUnits,
  readUnits: after.readUnits - before.readUnits,
  wastedUnits: after.wastedUnits - before.wastedUnits,
  misreported: after.misreported - before.misreported,
  byCommand: Object.fromEntries(
    Object.entries(after.byCommand).map(([command, count]) => [command, count - (before.byCommand[command] ?? 0)]),
  ),
})
