import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { VERBS } from '../../cli/verbs.ts'
import { call, type ServerProcess, startServerProcess, until } from '../functions/local/server-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { bundledCommand } from './bundled-command.ts'
import { CTRL_C, inTerminal, type Terminal } from './terminal.ts'

/** What happens while a command runs, and how it ends. @default nothing, and 0 */
interface Step {
  readonly during?: During
  readonly code?: number
}

type During = (terminal: Terminal, server: ServerProcess, known: Known) => Promise<void>

/** What earlier commands showed, by the name of the group in their expression. */
type Known = Record<string, string>

const ID = '[0-9a-f-]{36}'

const ctrlC =
  (shown: string | RegExp): During =>
  async (terminal) => {
    await terminal.shows(shown)
    terminal.type(CTRL_C)
  }

const send = (server: ServerProcess, body: unknown) =>
  call(server, 'POST', '/queues/orders/messages', { messages: [{ body }] })

/** Each command, what it shows at a terminal, and what else happens. `$name` is what an earlier command showed there. */
const TOUR: readonly (readonly [string, RegExp, Step?])[] = [
  ['create failed', /failed exists at/],
  ['create orders deadLetter=failed:3', /deadLetter\.maxReceives +3/],
  ['set orders visibilityTimeoutSeconds=2m', /visibilityTimeoutSeconds +120 \(2 min\)/],
  ['send orders {"id":1} {"id":2}', new RegExp(`(?<one>${ID})\n(?<two>${ID})\n`)],
  ['queues', /✔ +orders +2/],
  ['queue orders', /2 messages ready/],
  ['peek orders', /ready .*\{"id":1\}/],
  ['show orders $one', /ready, received 0 times before[\s\S]*"id": 1/],
  [
    'reschedule orders $one --delay 1h',
    /state +delayed[\s\S]*dueAt +\S+Z \(in |dueAt +\S+Z \(in [\s\S]*state +delayed/,
  ],
  ['show $one', /delayed until/],
  [
    'watch orders $one --every 0.1',
    /delayed until[\s\S]*gone/,
    {
      during: async (terminal, server, { one }) => {
        await terminal.shows('delayed until')
        await call(server, 'DELETE', `/queues/orders/messages/${one}`)
      },
    },
  ],
  ['watch orders $two --every 0.1', /interrupted/, { during: ctrlC('ready'), code: 1 }],
  [
    'tail orders --every 0.1',
    /ready {5}news/,
    {
      during: async (terminal, server) => {
        await terminal.shows('waiting for new messages in orders')
        await send(server, 'news')
        await ctrlC(/ready {5}news/)(terminal, server, {})
      },
    },
  ],
  ['receive orders --json', /"receiptHandle":"(?<acked>[^"]+)"/],
  ['ack orders $acked', /1 message of orders acked/],
  ['receive orders --json', /"receiptHandle":"(?<nacked>[^"]+)"/],
  ['nack orders $nacked --reason broken', /1 message of orders given back/],
  ['dead orders', new RegExp(`(?<dead>${ID}).*broken`)],
  ['resend orders $dead --body {"id":3}', /"id": 3/],
  ['cancel orders $dead', /is cancelled/, { during: async (terminal) => answer(terminal, 'orders') }],
  ['dead orders', /there are no such dead letters/],
  ['redrive orders --dry-run', /0 messages would be moved; nothing was/],
  ['send orders {"id":4}', new RegExp(ID)],
  ['export orders -o orders.ndjson', /1 message of orders exported to orders.ndjson/],
  ['import orders -i orders.ndjson', /1 message imported into orders/],
  ['receive orders --ack', /1 message acked/],
  ['pause orders', /paused/],
  ['doctor', /! +orders +it is paused/],
  ['resume orders', /orders/],
  ['cost orders', /messages published +\d/],
  [
    'console --port 0',
    /The console of .* is at/,
    {
      during: async (terminal, server) => {
        await terminal.shows(/http:\S+\/console/)
        const [url = ''] = /http:\S+\/console/.exec(terminal.text()) ?? []
        expect((await fetch(url)).status).toBe(200)
        await ctrlC(/Stop with Ctrl-C/)(terminal, server, {})
      },
    },
  ],
  ['bench -n 20', /publish +20/],
  ['purge orders --yes', /orders is purged: 1 message/],
  ['delete orders', /orders is deleted/, { during: async (terminal) => answer(terminal, 'orders') }],
  ['completion bash', /complete -F _holdfast holdfast/],
  ['help redrive', /Examples:/],
  ['--version', /\d+\.\d+\.\d+/],
]

const answer = async (terminal: Terminal, name: string): Promise<void> => {
  await terminal.shows("Type the queue's name to go on:")
  terminal.type(`${name}\r`)
}

/** Some forty processes start one after the other. */
const TOUR_MS = 480_000

const filled = (words: string, known: Known): string[] =>
  words.split(' ').map((word) => word.replace(/^\$(\w+)$/, (_, name: string) => known[name] ?? ''))

test('a newcomer can run one command after the other at a terminal', { timeout: TOUR_MS }, async () => {
  const server = await startServerProcess({ args: ['--memory'] })
  const setting = { cwd: await temporaryDirectory(), env: { HOLDFAST_URL: server.url } }
  const known: Known = {}
  for (const [words, shown, { during, code = 0 } = {}] of TOUR) {
    const terminal = await inTerminal(filled(words, known), setting)
    await during?.(terminal, server, known)
    expect([words, await terminal.ended, terminal.text()]).toEqual([words, code, expect.stringMatching(shown)])
    Object.assign(known, shown.exec(terminal.text())?.groups)
  }
})

const nameOf = (line: string): string => line.split(' ')[0] ?? ''
const ALL_VERBS = VERBS.map(({ syntax }) => nameOf(syntax)).sort()

/**
 * Each verb where nobody can be asked and nothing is piped in; its exit code, and what it says. The message that is asked for is delayed before others are received.
 */
const ALONE: readonly (readonly [string, number, RegExp])[] = [
  ['doctor', 0, /^$/],
  ['queues', 0, /"name":"orders"/],
  ['queue orders', 0, /"name":"orders"/],
  ['peek orders', 0, /"body":1/],
  ['tail orders', 0, /waiting for new messages/],
  ['console --port 0', 0, /"url":"http/],
  ['cost orders', 0, /"queue":"orders"/],
  ['create more', 0, /"name":"more"/],
  ['set orders tags.team=shop', 0, /"team":"shop"/],
  ['pause more', 0, /more/],
  ['resume more', 0, /more/],
  ['delete more', 2, /with --yes/],
  ['send orders', 2, /there was nothing to send on stdin/],
  ['send orders x', 0, /"messageId"/],
  ['reschedule orders $id --delay 1h', 0, /"state":"delayed"/],
  ['receive orders', 0, /"receiptHandle"/],
  ['ack orders', 2, /there was no receipt handle on stdin/],
  ['nack orders', 2, /there was no receipt handle on stdin/],
  ['show orders $id', 0, /"status"/],
  ['watch orders $id --timeout 0', 1, /"status"/],
  ['cancel orders $id', 2, /with --yes/],
  ['dead orders', 2, /neither is a dead-letter queue nor has one/],
  ['redrive orders', 2, /neither is a dead-letter queue nor has one/],
  ['resend orders $id', 1, /holdfast: /],
  ['export orders', 0, /messages of orders exported/],
  ['import orders', 0, /0 messages imported/],
  ['purge orders', 2, /with --yes/],
  ['bench -n 20', 0, /"published":20/],
  ['completion bash', 0, /complete -F/],
]

/** Commands that run until they are told to end. */
const ENDLESS = /^(tail|console)/

/** Runs a command whose stdin is closed, and whose output goes into pipes. */
const alone = async (args: readonly string[], url: string, endWhen: RegExp | undefined) => {
  const command = ['-c', 'exec "$@" <&-', 'sh', process.execPath, await bundledCommand(), ...args]
  const child = spawn('sh', command, { env: { PATH: process.env.PATH, HOLDFAST_URL: url } })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)))
  const ended = once(child, 'close')
  if (endWhen) await until(`${args} says ${endWhen}`, () => endWhen.test(said)).then(() => child.kill('SIGTERM'))
  const [code, signal] = await ended
  return { code: code ?? signal, said }
}

describe('every verb of the program', () => {
  test('is on the tour at a terminal', () => {
    const toured = new Set(TOUR.map(([words]) => nameOf(words)))
    expect(ALL_VERBS.filter((name) => !toured.has(name))).toEqual([])
  })

  test('is among those that run without a terminal', () => {
    const ran = new Set(ALONE.map(([words]) => nameOf(words)))
    expect(ALL_VERBS.filter((name) => !ran.has(name))).toEqual([])
  })

  test('ends without a terminal and without stdin', { timeout: TOUR_MS }, async () => {
    const server = await startServerProcess({ args: ['--memory'] })
    await call(server, 'PUT', '/queues/orders')
    const { messages } = await send(server, 1)
    await send(server, 2)
    for (const [words, code, said] of ALONE) {
      const args = filled(words, { id: messages[0].messageId })
      const ran = await alone(args, server.url, ENDLESS.test(words) ? said : undefined)
      expect([words, ran.code, ran.said]).toEqual([words, code, expect.stringMatching(said)])
    }
  })
})
