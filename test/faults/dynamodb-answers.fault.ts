/**
 * Two servers on one DynamoDB, whose requests and answers a proxy delays, drops, cuts, repeats and reorders, while the servers are
 * stopped for longer than leases, and killed. `npm run test:faults` runs it on both engines: the embedded one, and DynamoDB Local.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createClient } from '../../lib/client.ts'
import { type ServerProcess, startServerProcess } from '../functions/local/server-process.ts'
import { embeddedEndpoint, LOCAL_CREDENTIALS } from '../support/embedded.ts'
import { startDynamodbProxy } from './rig/dynamodb-proxy.ts'
import { createLedger } from './rig/ledger.ts'
import { drain, type LoadParts, startLoad } from './rig/load.ts'
import { show, size } from './rig/size.ts'

const LEASE_SECONDS = 4
/** Longer than a lease. */
const STOPPED_MS = LEASE_SECONDS * 1_500
const ROUNDS = size(16, 2)
const ROUND_MS = 8_000
/** Share of the SDK's requests that meet a fault. */
const SHARE = 0.1

const QUEUES = ['orders', 'orders.fifo']

const startServers = async (endpoint: string) => {
  const env = {
    AWS_ENDPOINT_URL_DYNAMODB: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    HOLDFAST_TABLE: `faults-${process.pid}`,
  }
  const first = await startServerProcess({ env })
  const servers = [first, await startServerProcess({ env })]
  const urls = servers.map(({ url }) => url)
  const restart = async (at: number) => {
    servers[at] = await startServerProcess({ env, args: ['--port', new URL(urls[at] ?? '').port] })
  }
  return { urls, restart, server: (at: number) => servers[at] as ServerProcess }
}

test('with faulty answers of DynamoDB, servers that stop and servers that die, no answered publish is lost, nothing comes back after its ack, and no lease is held twice', async () => {
  const proxy = await startDynamodbProxy(embeddedEndpoint())
  const { urls, restart, server } = await startServers(proxy.url)
  const client = createClient({ url: urls[0] ?? '' })
  const loads = await Promise.all(
    QUEUES.map(async (queue): Promise<LoadParts> => {
      await client.createQueue(queue)
      const ledger = createLedger(() => performance.now())
      return { urls, queue, ledger, leaseSeconds: LEASE_SECONDS, publishers: 4, consumers: 4 }
    }),
  )
  proxy.faulty(SHARE)
  const running = loads.map(startLoad)
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(Math.random() * ROUND_MS)
    const at = round % 2
    if (round % 4 < 2) {
      server(at).child.kill('SIGSTOP')
      await sleep(STOPPED_MS)
      server(at).child.kill('SIGCONT')
    } else {
      await server(at).end('SIGKILL')
      // A server that meets a fault while it starts ends, and its user starts it again.
      proxy.faulty(0)
      await restart(at)
      proxy.faulty(SHARE)
    }
  }
  await Promise.all(running.map(({ stop }) => stop()))
  proxy.faulty(0)
  // The proxy sends its late repeats before the clients drain the queues.
  await proxy.settled()
  await Promise.all(loads.map(drain))
  show('faults', proxy.figures())
  for (const { queue, ledger } of loads) {
    show(queue, ledger.figures())
    expect(ledger.violations()).toEqual([])
  }
})
