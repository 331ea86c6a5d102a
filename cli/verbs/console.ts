import { Option } from 'commander'
import { stderrLog } from '../../functions/local/stderr-log.ts'
import { wholeNumber } from '../options.ts'
import type { Session } from '../session.ts'
import { verb } from '../verb.ts'

interface ConsoleOptions {
  readonly port: number
  readonly readOnly?: boolean
  readonly hidePayloads?: boolean
}

const HOST = '127.0.0.1'
const DEFAULT_PORT = 9325
/** Each refresh from a table or an API costs requests, so a page on which nothing changes refreshes every one and a half minutes. */
const REFRESH_SECONDS = { minimum: 5, maximum: 90 }

export const consoleVerb = verb<ConsoleOptions>({
  syntax: 'console',
  group: 'Look',
  summary: 'show queues, messages and dead letters in the browser',
  details:
    'Serves pages on this machine alone, with your own credentials: nothing is deployed, and nobody else can open them. Looking receives no message. Runs until Ctrl-C.',
  options: () => [
    new Option('-p, --port <number>', 'port to listen on; 0 for any that is free')
      .default(DEFAULT_PORT)
      .argParser(wholeNumber(0, 65_535)),
    new Option('--read-only', 'change nothing'),
    new Option('--hide-payloads', 'show no bodies and attributes'),
  ],
  examples: [
    ['holdfast console --table holdfast', 'the queues of a deployed table'],
    ['holdfast console --table holdfast --read-only --hide-payloads', 'to look only, on a shared screen'],
  ],
  run: async (session, _, { port, readOnly, hidePayloads }) => {
    const { target, signal, out } = session
    // Other verbs start sooner without these.
    const [{ createConsole }, { consoleDoor }, { startServer }] = await Promise.all([
      import('../../console/console.ts'),
      import('../../functions/local/console-door.ts'),
      import('../../functions/local/server.ts'),
    ])
    const console = createConsole({
      call: (operation, parts) => target.call(operation, parts as object),
      place: target.name,
      readOnly,
      hidePayloads,
      refreshSeconds: REFRESH_SECONDS,
      now: session.now,
      failed: (error) => stderrLog.error('the console failed unexpectedly', { error }),
    })
    const server = await startServer({ host: HOST, port, answer: consoleDoor(HOST, console), log: stderrLog })
    try {
      announce(session, `http://${HOST}:${server.port}/console`, out.json)
      await aborted(signal)
    } finally {
      await server.stop()
    }
    return undefined
  },
})

const announce = ({ out, target }: Session, url: string, json: boolean): void => {
  if (json) out.record({ url })
  else out.text(`The console of ${target.name} is at ${url}   Stop with Ctrl-C.`)
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
