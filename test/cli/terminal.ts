import { join } from 'node:path'
import * as pty from '@lydell/node-pty'
import { onTestFinished } from 'vitest'
import { until } from '../functions/local/server-process.ts'
import { bundledCommand } from './bundled-command.ts'

const PROJECT = join(import.meta.dirname, '../..')

export interface Terminal {
  /** What it shows, without colours and movements of the cursor. */
  text(): string
  /** What was sent to it, as it was sent. */
  raw(): string
  /** Waits until it shows this. */
  shows(words: string | RegExp): Promise<void>
  type(keys: string): void
  /** The exit code, once the command has ended. */
  readonly ended: Promise<number>
}

export const CTRL_C = '\x03'

/** Runs `holdfast` in a pseudo-terminal, as a person at a terminal does. */
export const inTerminal = async (
  args: readonly string[],
  { cwd = PROJECT, env = {} }: Setting = {},
): Promise<Terminal> => {
  const terminal = pty.spawn(process.execPath, [await bundledCommand(), ...args], {
    name: 'xterm-256color',
    cols: 120,
    rows: 40,
    cwd,
    env: { ...withoutSettings(process.env), ...env },
  })
  let raw = ''
  terminal.onData((data) => {
    raw += data
  })
  let over = false
  const ended = new Promise<number>((resolve) => {
    terminal.onExit(({ exitCode }) => {
      over = true
      resolve(exitCode)
    })
  })
  onTestFinished(() => {
    if (!over) terminal.kill('SIGKILL')
  })
  const text = () => plain(raw)
  return {
    text,
    raw: () => raw,
    shows: (words) =>
      until(`the terminal shows ${words}: ${text()}`, () =>
        typeof words === 'string' ? text().includes(words) : words.test(text()),
      ),
    type: (keys) => terminal.write(keys),
    ended,
  }
}

export interface Setting {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

const withoutSettings = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !/^(AWS_|HOLDFAST_|NODE_OPTIONS$|VITEST|NO_COLOR$|FORCE_COLOR$|CI$)/.test(entry[0]),
    ),
  )

// biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences begin with one
const CONTROL_SEQUENCE = /\x1b\[[\d;?]*[A-Za-z]/g

const plain = (text: string): string => text.replaceAll(CONTROL_SEQUENCE, '').replaceAll('\r\n', '\n')
