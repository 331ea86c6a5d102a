import { Command, InvalidArgumentError, Option } from 'commander'

const ENGINES = ['disk', 'memory', 'dynamodb'] as const

export interface LocalOptions {
  readonly port: number
  readonly host: string
  /** Where messages are kept; absent when the command line does not say. */
  readonly data?: string
  readonly memory: boolean
  /** What keeps messages, when the command line says so. */
  readonly engine?: (typeof ENGINES)[number]
  /** Whether each answer waits for the disk. */
  readonly sync: boolean
  /** Whether a deleted queue's name, and a purge, wait for the 60 seconds of SQS. */
  readonly cooldowns: boolean
  /** Names in `Host`, beside this machine's own, that requests may be addressed to. */
  readonly allowedHost: readonly string[]
  /** File with the access keys that SQS clients must sign with. */
  readonly auth?: string
}

const port = (value: string): number => {
  const number = Number(value)
  if (!/^\d+$/.test(value) || number > 65_535) throw new InvalidArgumentError('It must be a number from 0 to 65535.')
  return number
}

/** The command line of the local server. Prints help or what is wrong, and ends the process, where that is asked for. */
export const parseOptions = (argv: readonly string[]): LocalOptions =>
  new Command('holdfast')
    .description('Holdfast on this machine: the HTTP API and the SQS endpoint on one port.')
    .option('-p, --port <number>', 'port to listen on; 0 for any that is free', port, 9324)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option(
      '--allowed-host <name>',
      'a further name that clients on this machine reach it by, e.g. host.docker.internal; repeatable',
      (name: string, before: readonly string[]) => [...before, name],
      [] as readonly string[],
    )
    .option('--data <directory>', 'where messages are kept (default: .holdfast)')
    .addOption(
      new Option(
        '--engine <name>',
        'what keeps messages: files in the data directory, memory alone, or the embedded DynamoDB engine (default: disk)',
      ).choices(ENGINES),
    )
    .addOption(
      new Option('--memory', 'the same as --engine memory: nothing is kept').default(false).conflicts('engine'),
    )
    .option('--sync', 'on disk: wait for the disk before each answer', false)
    .option(
      '--auth <file>',
      'file with the access keys that SQS clients must sign with (default: anyone may do anything)',
    )
    .option(
      '--no-cooldowns',
      'spare SQS clients the 60 seconds after the deletion of a queue of the same name and between purges',
    )
    .addHelpText(
      'after',
      `
Environment:
  AWS_ENDPOINT_URL_DYNAMODB   keep messages in this DynamoDB, e.g. DynamoDB Local, unless an option above says where
  HOLDFAST_TABLE              its table, or the part of the data directory; created when missing (default: holdfast)`,
    )
    .allowExcessArguments(false)
    .parse(argv)
    .opts<LocalOptions>()
