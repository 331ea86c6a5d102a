import { Command, InvalidArgumentError } from 'commander'

export interface LocalOptions {
  readonly port: number
  readonly host: string
  readonly data: string
  readonly memory: boolean
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
    .option('--data <directory>', 'where messages are kept', '.holdfast')
    .option('--memory', 'keep everything in memory, and lose it at the end', false)
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
  AWS_ENDPOINT_URL_DYNAMODB   use this DynamoDB in place of the embedded one, e.g. DynamoDB Local
  HOLDFAST_TABLE              its table, created when it is missing (default: holdfast)`,
    )
    .allowExcessArguments(false)
    .parse(argv)
    .opts<LocalOptions>()
