import { Readable, Writable } from 'node:stream'
import type { Io } from '../../cli/io.ts'
import { runCommandLine } from '../../cli/program.ts'
import { inProcessTarget } from '../../cli/target/in-process-target.ts'
import type { Target } from '../../cli/target/target.ts'
import type { Engine } from '../../lib/engine.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The JSON objects on stdout. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are whatever the test expects them to be
  readonly records: readonly any[]
}

export interface Setting {
  readonly engine?: Engine
  /** Replaces the target over the engine. */
  readonly target?: Target
  /** What is piped in. @default an empty stdin */
  readonly stdin?: string | Readable
  /** Whether stdout and stderr are a terminal. */
  readonly terminal?: boolean
  readonly env?: NodeJS.ProcessEnv
  /** The clock of the machine, epoch ms. @default the engine's, else the system's */
  readonly now?: () => number
  /** Called with how to send the command a Ctrl-C. */
  readonly interrupt?: (press: () => void) => void
  /** Called with stdout as it is so far, each time that it grows. */
  readonly onOutput?: (text: string) => void
}

/** Runs a command in this process, piped unless it is told otherwise. */
export const runCommand = async (args: readonly string[], setting: Setting = {}): Promise<Ran> => {
  const {
    engine,
    stdin = '',
    terminal = false,
    env = {},
    interrupt,
    onOutput,
    now = engine && (() => engine.clock.now()),
  } = setting
  const [stdout, stderr] = [sink(terminal, onOutput), sink(terminal)]
  const pressed = new Set<() => void>()
  interrupt?.(() => {
    for (const handler of pressed) handler()
  })
  const io: Io = {
    stdin: typeof stdin === 'string' ? Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]) : stdin,
    stdout: stdout.stream,
    stderr: stderr.stream,
    env,
    cwd: '/nowhere',
    onInterrupt: (handler) => {
      pressed.add(handler)
      return () => pressed.delete(handler)
    },
    leave: () => {
      throw new Error('the command left at once')
    },
  }
  const target = setting.target ?? (engine && inProcessTarget({ engine, name: 'memory', options: '--table memory' }))
  const code = await runCommandLine(args, io, {
    ...(target && { openTarget: async () => target }),
    ...(now && { now }),
  })
  return { code, stdout: stdout.text(), stderr: stderr.text(), records: recordsIn(stdout.text()) }
}

const sink = (isTTY: boolean, grown: (text: string) => void = () => {}) => {
  let text = ''
  const stream = Object.assign(
    new Writable({
      write: (chunk, _, done) => {
        text += String(chunk)
        grown(text)
        done()
      },
    }),
    { isTTY, columns: 120 },
  )
  return { stream, text: () => text }
}

const recordsIn = (text: string): unknown[] =>
  text.split('\n').flatMap((line) => {
    try {
      return line.startsWith('{') ? [JSON.parse(line) as unknown] : []
    } catch {
      return []
    }
  })
