import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'

/**
 * Requests a second of the local server beside another SQS emulator, all in one run on one machine: only the ratios
 * mean anything. Each server is a process of its own, and so is this load: with two cores it has one and the server one.
 *
 *     npm run bench:peers [-- --json] [-- --seconds 2]
 */
const json = process.argv.includes('--json')
const secondsAt = process.argv.indexOf('--seconds')
const SECONDS = secondsAt < 0 ? 2 : Number(process.argv[secondsAt + 1])
const BODY = JSON.stringify({ order: 12345, customer: 'c-000042', items: ['a', 'b', 'c'], note: 'x'.repeat(80) })
const PEER = 'fauxqs@1.9.2'
const project = fileURLToPath(new URL('..', import.meta.url))

interface Peer {
  readonly name: string
  readonly command: (port: number) => { args: string[]; env?: Record<string, string> }
}

/** Installed beside the project's dependencies, never into them. */
const installPeer = (): string => {
  const folder = join(tmpdir(), 'holdfast-bench-peers')
  const cli = join(folder, 'node_modules/fauxqs/dist/cli.js')
  if (!existsSync(cli)) {
    mkdirSync(folder, { recursive: true })
    execFileSync('npm', ['install', '--no-save', '--prefix', folder, PEER], { stdio: 'ignore' })
  }
  return cli
}

const data = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
const local = (port: number, ...options: string[]) => ({
  args: ['--import', 'tsx', join(project, 'functions/local.ts'), '--port', String(port), ...options],
})
const peers: Peer[] = [
  { name: 'Holdfast, in memory', command: (port) => local(port, '--memory') },
  { name: 'Holdfast, durable', command: (port) => local(port, '--data', data) },
  {
    name: PEER,
    command: (port) => ({
      args: [installPeer()],
      env: { FAUXQS_PORT: String(port), FAUXQS_LOGGER: 'false', FAUXQS_HOST: '127.0.0.1' },
    }),
  },
]

type Call = (action: string, input: object) => Promise<Record<string, unknown>>

const rawClient = (port: number, connections: number): Call => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  return (action, input) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify(input)
      const headers = {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${action}`,
        'content-length': Buffer.byteLength(body),
        authorization:
          'AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0',
      }
      const sending = request({ host: '127.0.0.1', port, method: 'POST', path: '/', agent, headers }, (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('end', () => {
          const text = Buffer.concat(parts).toString()
          if (answer.statusCode === 200) resolve(text ? JSON.parse(text) : {})
          else reject(new Error(`${action}: ${answer.statusCode} ${text}`))
        })
      })
      sending.on('error', reject)
      sending.end(body)
    })
}

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

/** Work done a second by `connections` loops at once. */
const rate = async (connections: number, work: () => Promise<number>, until = SECONDS * 1_000): Promise<number> => {
  const startedAt = performance.now()
  let done = 0
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() - startedAt < until) {
        const units = await work()
        if (units === 0) return
        done += units
      }
    }),
  )
  return Math.round((done * 1_000) / (performance.now() - startedAt))
}

const measure = async (call: Call, connections: number, label: string): Promise<Record<string, number>> => {
  const name = `bench-${label.replaceAll(/\W/g, '')}-${connections}`
  const { QueueUrl } = (await call('CreateQueue', { QueueName: name })) as { QueueUrl: string }
  const send = () => call('SendMessage', { QueueUrl, MessageBody: BODY }).then(() => 1)
  const batch = Array.from({ length: 10 }, (_, Id) => ({ Id: String(Id), MessageBody: BODY }))
  const sendTen = () => call('SendMessageBatch', { QueueUrl, Entries: batch }).then(() => 10)
  const receive = async (MaxNumberOfMessages: number) => {
    const { Messages = [] } = (await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages })) as {
      Messages?: { ReceiptHandle: string }[]
    }
    return Messages
  }
  const take = async () => {
    const [message] = await receive(1)
    if (!message) return 0
    await call('DeleteMessage', { QueueUrl, ReceiptHandle: message.ReceiptHandle })
    return 1
  }
  const takeTen = async () => {
    const messages = await receive(10)
    if (messages.length === 0) return 0
    const Entries = messages.map(({ ReceiptHandle }, Id) => ({ Id: String(Id), ReceiptHandle }))
    await call('DeleteMessageBatch', { QueueUrl, Entries })
    return messages.length
  }
  await rate(connections, send, 300)
  return {
    [`${label}, ${connections}: sends`]: await rate(connections, send),
    [`${label}, ${connections}: receive + delete`]: await rate(connections, take),
    [`${label}, ${connections}: messages sent by ten`]: await rate(connections, sendTen),
    [`${label}, ${connections}: messages received + deleted by ten`]: await rate(connections, takeTen),
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

const measurePeer = async ({ command }: Peer): Promise<Record<string, number>> => {
  const port = await freePort()
  const { args, env = {} } = command(port)
  const server = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: 'ignore', cwd: project })
  try {
    const probe = rawClient(port, 1)
    for (let attempt = 0; ; attempt++) {
      try {
        await probe('CreateQueue', { QueueName: 'ready' })
        break
      } catch (error) {
        if (attempt === 100) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    const figures: Record<string, number> = {}
    for (const connections of [1, 16]) {
      Object.assign(figures, await measure(rawClient(port, connections), connections, 'raw HTTP'))
      Object.assign(figures, await measure(sdkClient(port), connections, 'SDK'))
    }
    return figures
  } finally {
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGTERM')
    await ended
  }
}

const results: Record<string, Record<string, number>> = {}
for (const peer of peers) results[peer.name] = await measurePeer(peer)
rmSync(data, { recursive: true, force: true })

if (json) console.log(JSON.stringify(results, null, 2))
else {
  const names = peers.map(({ name }) => name)
  console.log(`Messages a second; ${SECONDS} s a figure; Node ${process.version}; in brackets against ${PEER}\n`)
  for (const figure of Object.keys(results[names[0] as string] ?? {})) {
    const other = results[PEER]?.[figure] ?? 0
    const cells = names.map((name) => {
      const own = results[name]?.[figure] ?? 0
      return `${name} ${own} (${(own / Math.max(1, other)).toFixed(2)})`
    })
    console.log(`${figure.padEnd(48)} ${cells.join('   ')}`)
  }
}
