import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { type Call, rawClient } from './raw-client.ts'

/**
 * Requests a second of the local server beside another SQS emulator, all in one run on one machine: only the ratios
 * mean anything. Each server is a process of its own, and so is this load: with two cores it has one and the server one.
 * The servers take turns of a fraction of a second within each figure, so that what else the machine does meets all of
 * them alike; each is warm before it is measured.
 *
 *     npm run bench:peers [-- --json] [-- --seconds 4]
 */
const json = process.argv.includes('--json')
const secondsAt = process.argv.indexOf('--seconds')
const SECONDS = secondsAt < 0 ? 4 : Number(process.argv[secondsAt + 1])
const BODY = JSON.stringify({ order: 12345, customer: 'c-000042', items: ['a', 'b', 'c'], note: 'x'.repeat(80) })
const PEER = 'fauxqs@1.9.2'
const project = fileURLToPath(new URL('..', import.meta.url))

interface Peer {
  readonly name: string
  readonly command: (port: number) => { args: string[]; env?: Record<string, string> }
}

/** Installed beside the project's dependencies, never into them. Answers where its modules are. */
const installPeer = (): string => {
  const folder = join(tmpdir(), 'holdfast-bench-peers')
  const modules = join(folder, 'node_modules/fauxqs/dist')
  if (!existsSync(modules)) {
    mkdirSync(folder, { recursive: true })
    execFileSync('npm', ['install', '--no-save', '--prefix', folder, PEER], { stdio: 'ignore' })
  }
  return modules
}
const peerSettings = (port: number) => ({ FAUXQS_PORT: String(port), FAUXQS_HOST: '127.0.0.1' })

const data = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
/** As `npm start` does. */
const local = (port: number, ...options: string[]) => ({
  args: [join(project, 'functions/local/start.mjs'), '--port', String(port), ...options],
})
const peers: Peer[] = [
  { name: 'Holdfast, in memory', command: (port) => local(port, '--memory') },
  { name: 'Holdfast, durable', command: (port) => local(port, '--data', data) },
  { name: PEER, command: (port) => ({ args: [join(installPeer(), 'cli.js')], env: peerSettings(port) }) },
  {
    // Its command logs every request and can't be told not to; as a library it can.
    name: `${PEER} without its log`,
    command: (port) => ({
      args: [
        '--input-type=module',
        '--eval',
        `import { startFauxqs } from '${pathToFileURL(join(installPeer(), 'app.js'))}'; startFauxqs({ logger: false })`,
      ],
      env: peerSettings(port),
    }),
  },
]

const COMMANDS = {
  CreateQueue: CreateQueueCommand,
  SendMessage: SendMessageCommand,
  SendMessageBatch: SendMessageBatchCommand,
  ReceiveMessage: ReceiveMessageCommand,
  DeleteMessage: DeleteMessageCommand,
  DeleteMessageBatch: DeleteMessageBatchCommand,
} as const

const sdkClient = (port: number): Call => {
  const client = new SQSClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
  })
  return async (action, input) => {
    const Command = COMMANDS[action as keyof typeof COMMANDS] as new (input: object) => SendMessageCommand
    return { ...(await client.send(new Command(input))) }
  }
}

interface Tally {
  done: number
  ms: number
}

/** Has `connections` loops work at once for a while; each ends early when there is nothing left to do. */
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

const FIGURES = ['sends', 'receive + delete', 'messages sent by ten', 'messages received + deleted by ten'] as const
type Works = Record<(typeof FIGURES)[number], () => Promise<number>>

/** What is measured: each answers how many messages it was about. */
const worksOn = async (call: Call, queueName: string): Promise<Works> => {
  const { QueueUrl } = (await call('CreateQueue', { QueueName: queueName })) as { QueueUrl: string }
  const batch = Array.from({ length: 10 }, (_, Id) => ({ Id: String(Id), MessageBody: BODY }))
  const receive = async (MaxNumberOfMessages: number) => {
    const { Messages = [] } = (await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages })) as {
      Messages?: { ReceiptHandle: string }[]
    }
    return Messages
  }
  return {
    sends: () => call('SendMessage', { QueueUrl, MessageBody: BODY }).then(() => 1),
    'receive + delete': async () => {
      const [message] = await receive(1)
      if (!message) return 0
      await call('DeleteMessage', { QueueUrl, ReceiptHandle: message.ReceiptHandle })
      return 1
    },
    'messages sent by ten': () => call('SendMessageBatch', { QueueUrl, Entries: batch }).then(() => 10),
    'messages received + deleted by ten': async () => {
      const messages = await receive(10)
      if (messages.length === 0) return 0
      const Entries = messages.map(({ ReceiptHandle }, Id) => ({ Id: String(Id), ReceiptHandle }))
      await call('DeleteMessageBatch', { QueueUrl, Entries })
      return messages.length
    },
  }
}

const TURNS = 8
const WARM_MS = 3_000

/** Messages a second of each peer, by figure. */
const measure = async (
  servers: readonly Server[],
  client: (port: number) => Call,
  connections: number,
  label: string,
): Promise<Record<string, number[]>> => {
  const name = `bench-${label.replaceAll(/\W/g, '')}-${connections}`
  const works = await Promise.all(servers.map(({ port }) => worksOn(client(port), name)))
  for (const work of works) {
    for (const figure of FIGURES) await workFor(WARM_MS, connections, work[figure], { done: 0, ms: 0 })
  }
  const rates: Record<string, number[]> = {}
  for (const figure of FIGURES) {
    const tallies = works.map(() => ({ done: 0, ms: 0 }))
    for (let turn = 0; turn < TURNS; turn++) {
      const inTurn = [...works.entries()]
      // What one leaves behind in the load's own memory must not always meet the same next one.
      for (const [at, work] of turn % 2 === 0 ? inTurn : inTurn.reverse()) {
        await workFor((SECONDS * 1_000) / TURNS, connections, work[figure], tallies[at] as Tally)
      }
    }
    rates[`${label}, ${connections}: ${figure}`] = tallies.map(({ done, ms }) => Math.round((done * 1_000) / ms))
  }
  return rates
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

interface Server {
  readonly port: number
  stop(): Promise<void>
}

const start = async ({ command }: Peer): Promise<Server> => {
  const port = await freePort()
  const { args, env = {} } = command(port)
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: 'ignore', cwd: project })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = () => {
    child.kill('SIGTERM')
    return ended
  }
  for (let attempt = 0; ; attempt++) {
    try {
      await rawClient(port, 1)('CreateQueue', { QueueName: 'ready' })
      return { port, stop }
    } catch (error) {
      if (attempt === 100) {
        await stop()
        throw error
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

const servers: Server[] = []
const figures: Record<string, number[]> = {}
try {
  for (const peer of peers) servers.push(await start(peer))
  for (const connections of [1, 16]) {
    Object.assign(figures, await measure(servers, (port) => rawClient(port, connections), connections, 'raw HTTP'))
    Object.assign(figures, await measure(servers, sdkClient, connections, 'SDK'))
  }
} finally {
  await Promise.all(servers.map(({ stop }) => stop()))
  rmSync(data, { recursive: true, force: true })
}

const names = peers.map(({ name }) => name)
if (json) {
  const byPeer = names.map((name, at) => [
    name,
    Object.fromEntries(Object.entries(figures).map(([figure, rates]) => [figure, rates[at]])),
  ])
  console.log(JSON.stringify(Object.fromEntries(byPeer), null, 2))
} else {
  const against = names.indexOf(PEER)
  console.log(`Messages a second; ${SECONDS} s a figure; Node ${process.version}; in brackets against ${PEER}\n`)
  for (const [figure, rates] of Object.entries(figures)) {
    const cells = rates.map(
      (rate, at) => `${names[at]} ${rate} (${(rate / Math.max(1, rates[against] ?? 0)).toFixed(2)})`,
    )
    console.log(`${figure.padEnd(48)} ${cells.join('   ')}`)
  }
}
