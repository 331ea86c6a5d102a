import { Command, InvalidArgumentError, Option } from 'commander'
import { VERSION } from './version.ts'

const ENGINES = ['disk', 'memory', 'dynamodb'] as const

export interface LocalOptions {
  readonly port: number
  readonly host: string
  /** Names that `Host` may have, besides addresses and the names of this machine. */
  readonly allowedHost: readonly string[]
  /** Data directory; absent if the command line has none. */
  readonly data?: string
  readonly memory: boolean
  /** Kind of store; absent if the command line has none. */
  readonly engine?: (typeof ENGINES)[number]
  /** Whether each answer waits for the disk. */
  readonly sync: boolean
  /** Whether the data of the embedded DynamoDB engine, in the same data directory, is copied to disk first. */
  readonly migrate: boolean
  /** File with the access keys that SQS clients must sign with. */
  readonly auth?: string
  /** Whether the HTTP API stays open, without signatures, although SQS clients must sign. */
  readonly httpOpen: boolean
  /** File that declares queues and triggers. */
  readonly queues?: string
  /** Whether a line is printed for each request. */
  readonly verbose: boolean
  /** Triggers: `QUEUE=HANDLER` each. */
  readonly trigger: readonly string[]
  /** Whether SQS's waits of 60 seconds apply: before a deleted queue's name can be used again, and between two purges. */
  readonly cooldowns: boolean
  /** Whether SQS clients of different accounts and regions have queues of their own. */
  readonly regions: boolean
}

const ENVIRONMENT = `
Environment:
  AWS_ENDPOINT_URL_DYNAMODB   keep messages in this DynamoDB, e.g. DynamoDB Local, unless --data or --engine is given
  HOLDFAST_TABLE              its table, created when it is missing; on disk, the directory in the data directory
                              (default: holdfast)
  AWS_ENDPOINT_URL_LAMBDA     where --trigger QUEUE=NAME finds the function NAME: a Lambda emulator, or Lambda`

/**
 * Reads the command line of the local server.
 *
 * @throws `CommanderError` after it has printed help (exit code 0) or the fault
 */
export const parseOptions = (args: readonly string[]): LocalOptions => {
  const command = new Command('holdfast dev').description(
    'Holdfast on this machine: the HTTP API and the SQS endpoint on one port.',
  )
  for (const option of [...addressOptions(), ...storeOptions(), ...triggerOptions(), ...protocolOptions()])
    command.addOption(option)
  return command
    .version(VERSION)
    .addHelpText('after', ENVIRONMENT)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'holdfast: ')),
    })
    .showHelpAfterError('(--help lists the options)')
    .parse(args, { from: 'user' })
    .opts<LocalOptions>()
}

/** Options of the addresses under which clients reach the server. */
const addressOptions = (): Option[] => [
  new Option('-p, --port <number>', 'port to listen on; 0 for any that is free').default(9324).argParser(port),
  new Option('--host <address>', 'address to listen on; 0.0.0.0 for all of this machine')
    .default('127.0.0.1')
    .argParser(hostName),
  new Option(
    '--allowed-host <name>',
    'a further name under which clients reach it, e.g. host.docker.internal; repeatable',
  )
    .default([], 'addresses and localhost')
    .argParser((name: string, before: readonly string[]) => [...before, hostName(name)]),
]

/** Options of the store. */
const storeOptions = (): Option[] => [
  new Option('--data <directory>', 'where messages are kept (default: .holdfast)').argParser(notEmpty),
  new Option('--memory', 'keep everything in memory, and lose it at the end')
    .default(false)
    .conflicts(['data', 'engine', 'sync']),
  new Option(
    '--engine <name>',
    'what keeps messages: files (disk, the default), memory, or an embedded DynamoDB engine (dynamodb)',
  ).choices(ENGINES),
  new Option('--sync', 'on disk: answer each change only once it is on the disk').default(false),
  new Option(
    '--migrate',
    'on disk: first copy what the embedded DynamoDB engine keeps in the data directory; its file stays as it is',
  )
    .default(false)
    .conflicts(['memory', 'engine']),
  new Option(
    '--queues <file>',
    'JSON file of queues: those that are missing are created, those that differ are changed, none is deleted',
  ).argParser(notEmpty),
]

/** Options of the handlers that get messages. */
const triggerOptions = (): Option[] => [
  new Option(
    '--trigger <queue=handler>',
    'deliver the messages of a queue to the handler of a module (.mjs, .js, .ts), as Lambda does with an SQS queue; repeatable',
  )
    .default([], 'none')
    .argParser((text: string, before: readonly string[]) => [...before, notEmpty(text)]),
]

/** Options of who may use which protocol, and of how closely the SQS endpoint follows SQS. */
const protocolOptions = (): Option[] => [
  new Option(
    '--auth <file>',
    'file with the access keys that SQS clients must sign with; closes the HTTP API (default: anyone may do anything)',
  ).argParser(notEmpty),
  new Option('--http-open', 'with --auth: leave the HTTP API open to everyone').default(false),
  new Option(
    '--cooldowns',
    "apply SQS's waits of 60 seconds: from deleting a queue to creating it again, and between two purges",
  ).default(false),
  new Option('--verbose', 'print a line for each request').default(false),
  // Accepted because scripts for earlier versions pass it: it is the default now.
  new Option('--no-cooldowns').hideHelp(),
  new Option('--regions', 'give the clients of each account and region queues of their own, as --auth does').default(
    false,
  ),
]

const port = (value: string): number => {
  const number = Number(value)
  if (!/^\d+$/.test(value) || number > 65_535) throw new InvalidArgumentError('It must be a number from 0 to 65535.')
  return number
}

const hostName = (value: string): string => {
  if (!/^[\w.:-]+$/.test(value) || /^[^:]*:[^:]*$/.test(value)) {
    throw new InvalidArgumentError('It must be a name or an address, without a scheme and without a port.')
  }
  return value
}

const notEmpty = (value: string): string => {
  if (value === '') throw new InvalidArgumentError('It must not be empty.')
  return value
}
