import { Command, CommanderError, Option } from 'commander'
import { VERSION } from '../functions/local/version.ts'
import { completionsOf } from './complete.ts'
import type { Io } from './io.ts'
import { type CommonOptions, EXIT, runVerb, type Surroundings } from './run-verb.ts'
import { chooseTarget } from './target/choose-target.ts'
import type { Verb } from './verb.ts'
import { VERBS } from './verbs.ts'

/**
 * Reads a command line and runs it.
 *
 * @param args what follows `holdfast`
 * @returns the exit code: 0 done, 1 failed, 2 used wrongly
 */
export const runCommandLine = async (
  args: readonly string[],
  io: Io,
  surroundings: Surroundings = {},
): Promise<number> => {
  let code: number = EXIT.done
  const program = buildProgram(io, async (verb, given, options) => {
    code = await runVerb(verb, given, options, io, surroundings)
  })
  try {
    if (args[0] === COMPLETE) return await complete(program, args.slice(1), io, surroundings)
    if (args.length === 0) program.help({ error: true })
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? EXIT.done : EXIT.usedWrongly
  }
}

/** What the shells' completions call. */
const COMPLETE = '__complete'

const complete = async (
  program: Command,
  words: readonly string[],
  io: Io,
  { openTarget = (options) => chooseTarget(options, io.env, io.cwd) }: Surroundings,
): Promise<number> => {
  const found = await completionsOf(program, words, () => openTarget({}))
  io.stdout.write(found.map((word) => `${word}\n`).join(''))
  return EXIT.done
}

type RunVerb = (verb: Verb, args: readonly string[], options: CommonOptions) => Promise<void>

const DESCRIPTION = [
  'Queues of Holdfast on the command line.',
  '',
  'A command works on the local server that runs for this directory, on a table (--table), or on an HTTP API (--url). On a terminal it prints tables; piped, or with --json, one JSON object a line. It exits with 0 when it is done, 1 when it failed, 2 when it was used wrongly.',
].join('\n')

/** The command line with all its verbs. `run` is called with the verb that was given. */
const buildProgram = (io: Pick<Io, 'stdout' | 'stderr'>, run: RunVerb): Command => {
  const program = prepared(new Command('holdfast'), io)
    .description(DESCRIPTION)
    .version(VERSION, '-V, --version')
    .showHelpAfterError('(options come after the command: holdfast queues --json; --help shows the commands)')
    .helpCommand('help [command]', 'show the help of a command')
    .configureHelp({ subcommandTerm: (command) => `${command.name()} ${argumentsOf(command)}`.trim() })
  for (const verb of VERBS) addVerb(program, verb, io, run)
  // Only for the help: `holdfast.ts` runs `dev`, which reads its own options.
  program
    .command('dev')
    .summary('run the queue on this machine: the HTTP API and the SQS endpoint on one port')
    .helpGroup('Other:')
  return program.addHelpText('after', EPILOGUE)
}

const EPILOGUE = `
Start here:
  holdfast queues                     all queues, those in trouble first
  holdfast queue orders               one queue: its counts, what is wrong with it, and what to do
  holdfast <command> --help           what a command does, with examples`

const argumentsOf = ({ registeredArguments }: Command): string =>
  registeredArguments
    .map((argument) => {
      const name = `${argument.name()}${argument.variadic ? '...' : ''}`
      return argument.required ? `<${name}>` : `[${name}]`
    })
    .join(' ')

const prepared = (command: Command, { stdout, stderr }: Pick<Io, 'stdout' | 'stderr'>): Command =>
  command
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'holdfast: ')),
      getOutHelpWidth: () => stdout.columns ?? 120,
      getErrHelpWidth: () => stderr.columns ?? 120,
    })
    .showHelpAfterError('(--help shows how it is used)')

const addVerb = (program: Command, verb: Verb, io: Pick<Io, 'stdout' | 'stderr'>, run: RunVerb): void => {
  const command = prepared(program.command(verb.syntax), io)
    .summary(verb.summary)
    .description(verb.details === undefined ? sentence(verb.summary) : `${sentence(verb.summary)}\n\n${verb.details}`)
    .helpGroup(`${verb.group}:`)
    .allowExcessArguments(false)
  for (const option of verb.options?.() ?? []) command.addOption(option)
  for (const option of commonOptions(verb)) command.addOption(option)
  command.addHelpText('after', examplesText(verb))
  command.action(async (...all: unknown[]) => {
    const given = all.slice(0, -2).flatMap((argument) => (argument === undefined ? [] : argument)) as string[]
    await run(verb, given, command.opts<CommonOptions>())
  })
}

const sentence = (summary: string): string => `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`

const commonOptions = ({ destroys, withoutTarget }: Verb): Option[] => (withoutTarget ? [] : targetOptions(destroys))

const targetOptions = (destroys = false): Option[] => [
  ...(destroys ? [new Option('--yes', "do it without asking for the queue's name")] : []),
  new Option('--table <name>', 'the DynamoDB table, with your own AWS credentials (or HOLDFAST_TABLE)').helpGroup(
    WHERE,
  ),
  new Option('--url <url>', 'the HTTP API (or HOLDFAST_URL)').helpGroup(WHERE),
  new Option('--region <region>', 'AWS region of the table or the API').helpGroup(WHERE),
  new Option('--json', 'print one JSON object a line').helpGroup(WHERE),
]

const WHERE = 'Everywhere:'

const examplesText = ({ examples }: Verb): string => {
  const width = Math.max(...examples.map(([command]) => command.length))
  const lines = examples.map(([command, effect]) => `  ${command.padEnd(width)}   ${effect}`)
  return `\nExamples:\n${lines.join('\n')}`
}
