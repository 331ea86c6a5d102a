import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** What becomes of a connection once some of its bytes have passed. */
const FAULTS = ['client reset', 'server reset', 'both reset', 'half open', 'answers lost'] as const
type Fault = (typeof FAULTS)[number]

export interface TcpProxy {
  readonly url: string
  /** Share of the connections that meet a fault, 0 … 1. */
  faulty(share: number): void
  figures(): Readonly<Record<string, number>>
}

/** Most requests and answers are shorter, so a fault comes in the middle of the first or a later one of its connection. */
const MAX_BYTES = 4_000

/**
 * A proxy before a server that cuts connections in the middle of requests and answers, or leaves them half open: then nothing of one
 * side reaches the other, as when a machine vanishes. The proxy ends with the test.
 */
export const startTcpProxy = async (upstream: string): Promise<TcpProxy> => {
  const { hostname, port } = new URL(upstream)
  const counts = new Map<string, number>()
  const sockets = new Set<Socket>()
  let share = 0
  const server = createServer((client) => {
    const target = connect(Number(port), hostname)
    for (const socket of [client, target]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    const fault = Math.random() < share ? FAULTS[Math.floor(Math.random() * FAULTS.length)] : undefined
    counts.set(fault ?? 'undisturbed', (counts.get(fault ?? 'undisturbed') ?? 0) + 1)
    if (fault) disturb(client, target, fault)
    else join(client, target)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    faulty: (given) => {
      share = given
    },
    figures: () => Object.fromEntries(counts),
  }
}

const join = (client: Socket, target: Socket): void => {
  client.pipe(target)
  target.pipe(client)
  client.on('close', () => target.destroy())
  target.on('close', () => client.destroy())
}

const disturb = (client: Socket, target: Socket, fault: Fault): void => {
  let left = Math.random() * MAX_BYTES
  let over = false
  /** Passes on the bytes before the fault, which may end in the middle of a chunk. */
  const passing = (to: Socket) => (chunk: Buffer) => {
    if (over) return
    to.write(chunk.subarray(0, Math.min(chunk.length, Math.ceil(left))))
    left -= chunk.length
    if (left > 0) return
    over = true
    if (fault === 'client reset' || fault === 'both reset') client.resetAndDestroy()
    if (fault === 'server reset' || fault === 'both reset') target.resetAndDestroy()
  }
  client.on('data', fault === 'answers lost' ? (chunk) => void target.write(chunk) : passing(target))
  target.on('data', passing(client))
  // The end of one side does not reach the other side of a half-open connection either.
  const silent = fault === 'half open' || fault === 'answers lost'
  client.on('close', () => !silent && target.destroy())
  target.on('close', () => !silent && client.destroy())
}
