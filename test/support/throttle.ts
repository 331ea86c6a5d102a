import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface Throttle {
  readonly endpoint: string
  /** Whether writes are refused, as those of a table that has reached its maximum throughput. */
  writes: boolean
  stop(): Promise<void>
}

const WRITES = /\.(PutItem|UpdateItem|DeleteItem|TransactWriteItems|BatchExecuteStatement)$/

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/throttling-diagnosing.html */
const REFUSAL = JSON.stringify({
  __type: 'com.amazon.coral.availability#ThrottlingException',
  message: 'Throughput exceeds the maximum OnDemandThroughput configured on table or index',
  throttlingReasons: [{ reason: 'TableWriteMaxOnDemandThroughputExceeded' }],
})

/** A proxy that throttles, before a DynamoDB engine that never does. */
export const startThrottle = async (engine: string): Promise<Throttle> => {
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    const target = String(request.headers['x-amz-target'])
    if (throttle.writes && WRITES.test(target)) {
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' }).end(REFUSAL)
      return
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !PER_HOP.has(name)),
    ) as Record<string, string>
    const answer = await fetch(engine, { method: 'POST', headers, body })
    const bytes = Buffer.from(await answer.arrayBuffer())
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' }).end(bytes)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const throttle: Throttle = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    writes: false,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return throttle
}

/** Headers of one connection. */
const PER_HOP: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'transfer-encoding',
  'expect',
])
