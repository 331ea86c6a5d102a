import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DISK, EMBEDDED, MEMORY, OTHERS, type PeerServer, removeData, SYNC, startPeer } from './peer-servers.ts'
import type { Call } from './raw-client.ts'

/**
 * Compares the local server, in each of its modes, with other SQS servers: messages for each second, and for each second of
 * processor time, over HTTP with keep-alive. All servers run on one machine in one run, and only ratios between them can be
 * compared with another run. On a machine that does other work too, compare the ratios of processor time.
 *
 * Each server is a process of its own, and so is this load. Within each figure the servers take turns of a fraction of a
 * second, so that other work on the machine slows all of them alike. Each server is warm before it is measured, and has
 * 20,000 messages waiting in the figures of 16 connections.
 *
 *     npm run bench:peers [-- --json] [-- --seconds 2]
 */
const json = process.argv.includes('--json')
const secondsAt = process.argv.indexOf('--seconds')
const SECONDS = secondsAt < 0 ? 2 : Number(process.argv[secondsAt + 1])
const TURNS = 4
/** A server is warm after this many calls, or after this time: on a busy machine time alone would not show it. */
const WARM_CALLS = 4_000
const MAX_WARM_MS = 6_000
const WAITING = 20_000
const BODY = JSON.stringify({ order: 12345, customer: 'c-000042', items: ['a', 'b', 'c'], note: 'x'.repeat(80) })

const FIGURES = ['send', 'receive + delete', 'send by ten', 'receive + delete by ten'] as const
type Figure = (typeof FIGURES)[number]
/** The work of each figure. Returns how many messages it handled. */
type Works = Record<Figure, () => Promise<number>>

const worksOn = async (call: Call): Promise<Works> => {
  const { QueueUrl } = (await call('CreateQueue', { QueueName: 'bench' })) as { QueueUrl: string }
  const batch = Array.from({ length: 10 }, (_, Id) => ({ Id: String(Id), MessageBody: BODY }))
  const receive = async (MaxNumberOfMessages: number) => {
    const { Messages = [] } = (await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages })) as {
      Messages?: { ReceiptHandle: string }[]
    }
    return Messages
  }
  return {
    send: () => call('SendMessage', { QueueUrl, MessageBody: BODY }).then(() => 1),
    'receive + delete': async () => {
      const [message] = await receive(1)
      if (!message) return 0
      await call('DeleteMessage', { QueueUrl, ReceiptHandle: message.ReceiptHandle })
      return 1
    },
    'send by ten': () => call('SendMessageBatch', { QueueUrl, Entries: batch }).then(() => 10),
    'receive + delete by ten': async () => {
      const messages = await receive(10)
      if (messages.length === 0) return 0
      const Entries = messages.map(({ ReceiptHandle }, Id) => ({ Id: String(Id), ReceiptHandle }))
      await call('DeleteMessageBatch', { QueueUrl, Entries })
      return messages.length
    },
  }
}

interface Tally {
  done: number
  ms: number
  cpuMs: number
}
const newTally = (): Tally => ({ done: 0, ms: 0, cpuMs: 0 })

interface Rate {
  readonly perSecond: number
  /** Messages a second of processor time. */
  readonly perCpuSecond: number
}

/** Runs `connections` loops of the work at the same time for `ms`. A loop ends early when no message is left. */
const workFor = async (ms: number, connections: number, work: () => Promise<number>, tally: Tally): Promise<void> => {
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() - startedAt < ms) {
        const units = await work()
        if (units === 0) return
        tally.done += units
      }
    }),
  )
  tally.ms += performance.now() - startedAt
}

const warm = async (connections: number, work: () => Promise<number>): Promise<void> => {
  let calls = 0
  await workFor(MAX_WARM_MS, connections, async () => (++calls > WARM_CALLS ? 0 : work()), newTally())
}

const fill = async (send: () => Promise<number>): Promise<void> => {
  let left = WAITING
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (left > 0) {
        left -= 10
        await send()
      }
    }),
  )
}

type Rates = Record<string, Record<Figure, Rate>>

/** Messages a second, by server and figure. */
const measure = async (servers: readonly PeerServer[], connections: number): Promise<Rates> => {
  const works = await Promise.all(servers.map((server) => worksOn(server.client(connections))))
  for (const work of works) {
    for (const figure of FIGURES) await warm(connections, work[figure])
    if (connections > 1) await fill(work['send by ten'])
  }
  const rates: Rates = Object.fromEntries(servers.map(({ name }) => [name, {} as Record<Figure, Rate>]))
  for (const figure of FIGURES) {
    const tallies = works.map(newTally)
    for (let turn = 0; turn < TURNS; turn++) {
      const inTurn = [...works.entries()]
      // Every other turn is in reverse order, so that garbage of one server's load is not always collected during the same next one.
      for (const [at, work] of turn % 2 === 0 ? inTurn : inTurn.reverse()) {
        const tally = tallies[at] as Tally
        const before = servers[at]?.cpuMs() ?? 0
        await workFor((SECONDS * 1_000) / TURNS, connections, work[figure], tally)
        tally.cpuMs += (servers[at]?.cpuMs() ?? 0) - before
      }
    }
    for (const [at, { done, ms, cpuMs }] of tallies.entries()) {
      const rate = rates[servers[at]?.name ?? '']
      const per = (time: number) => Math.round((done * 1_000) / Math.max(1, time))
      if (rate) rate[figure] = { perSecond: per(ms), perCpuSecond: per(cpuMs) }
    }
  }
  return rates
}

/** How many small appends this disk syncs in a second. */
const syncsPerSecond = (): number => {
  const path = join(tmpdir(), `holdfast-bench-${process.pid}`)
  const fd = openSync(path, 'w')
  const startedAt = performance.now()
  let count = 0
  while (performance.now() - startedAt < 1_000) {
    writeSync(fd, BODY)
    fdatasyncSync(fd)
    count++
  }
  closeSync(fd)
  rmSync(path)
  return Math.round((count * 1_000) / (performance.now() - startedAt))
}

const servers: PeerServer[] = []
const rates: Record<string, Rates> = {}
let memory: Record<string, number | undefined> = {}
const syncs = [syncsPerSecond()]
try {
  for (const peer of [MEMORY, DISK, SYNC, EMBEDDED, ...OTHERS]) {
    const server = await startPeer(peer)
    if (server) servers.push(server)
  }
  for (const connections of [1, 16]) rates[connections] = await measure(servers, connections)
  memory = Object.fromEntries(servers.map((server) => [server.name, server.memory()]))
  syncs.push(syncsPerSecond())
} finally {
  await Promise.all(servers.map(({ stop }) => stop()))
  removeData()
}

if (json) console.log(JSON.stringify({ rates, memory, syncs }, null, 2))
else {
  console.log(`Messages a second; ${SECONDS} s a figure; in brackets against ${MEMORY.name}; Node ${process.version}`)
  for (const [connections, byServer] of Object.entries(rates)) {
    for (const figure of FIGURES) {
      console.log(`\n${connections} ${connections === '1' ? 'connection' : 'connections'}: ${figure}`)
      const own = byServer[MEMORY.name]?.[figure]
      for (const [name, { [figure]: rate }] of Object.entries(byServer)) {
        const cells = (['perSecond', 'perCpuSecond'] as const).map(
          (of) => `${String(rate[of]).padStart(8)} (${(rate[of] / (own?.[of] ?? 1)).toFixed(2)})`,
        )
        console.log(`  ${name.padEnd(28)} ${cells.join('  of processor time')}`)
      }
    }
  }
  console.log(`\nfdatasync a second, before and after: ${syncs.join(', ')}`)
  console.log(
    `MB of memory at the end: ${Object.entries(memory)
      .map(([name, megabytes]) => `${name} ${megabytes}`)
      .join(', ')}`,
  )
}
