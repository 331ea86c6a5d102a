import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import {
  DeleteTableCommand,
  DeleteTableInput$,
  DescribeTableCommand,
  DescribeTableInput$,
  type DynamoDBClient,
  type ListTablesCommandInput,
  ListTablesInput$,
  paginateListTables,
  RestoreTableToPointInTimeInput$,
  UpdateTableCommand,
  UpdateTableInput$,
  UpdateTimeToLiveCommand,
  UpdateTimeToLiveInput$,
} from '@aws-sdk/client-dynamodb'

/** What an option of the command may contain: a text, or members as `Name=value,Name=value`. */
type Given = string | Readonly<Record<string, string>>
type Options = Readonly<Record<string, Given>>

export interface AwsCommand {
  /** A directory to put first in `PATH`. */
  readonly path: string
  /** The subcommands that were run, in order. */
  readonly runs: readonly string[]
  stop(): Promise<void>
}

export interface AwsCommandParts {
  /** Where the script is written. */
  readonly directory: string
  readonly client: DynamoDBClient
  /** Replacements of subcommands, which otherwise go to the DynamoDB engine. Each returns the text to print. */
  readonly instead?: Readonly<Record<string, (options: Options) => Promise<string> | string>>
}

/**
 * An `aws` command that runs the commands of Holdfast and its documentation on a DynamoDB engine. The command refuses an option for which
 * AWS's own model of the action has no member. Members of other services' actions are listed here, from their documentation.
 */
export const startAwsCommand = async ({ directory, client, instead = {} }: AwsCommandParts): Promise<AwsCommand> => {
  const runs: string[] = []
  const run = async (args: readonly string[]): Promise<string> => {
    const name = `${args[0]} ${args[1]}`
    runs.push(name)
    const options = optionsOf(args.slice(2))
    checkMembers(name, options)
    const own = instead[name]
    if (own) return own(options)
    const answer = ENGINE_ACTIONS[name]
    if (!answer) throw new Error(`nothing stands in for aws ${name}`)
    return JSON.stringify(await answer(client, inputOf(options) as never), undefined, 2)
  }
  const server = createServer(async (request, response) => {
    try {
      response.end(await run((await json(request)) as string[]))
    } catch (error) {
      response.writeHead(400).end((error as Error).message)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const path = join(directory, 'bin')
  await mkdir(path, { recursive: true })
  await writeFile(join(path, 'aws'), scriptOf((server.address() as AddressInfo).port), { mode: 0o755 })
  return {
    path,
    runs,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const scriptOf = (port: number): string => `#!${process.execPath}
const { readFileSync } = require('node:fs')
const args = process.argv.slice(2).map((one) => (one.startsWith('file://') ? readFileSync(one.slice(7), 'utf8') : one))
fetch('http://127.0.0.1:${port}', { method: 'POST', body: JSON.stringify(args) }).then(async (response) => {
  process.stdout.write((await response.text()) + '\\n')
  process.exit(response.ok ? 0 : 254)
})
`

/** Options of every action. */
const GLOBAL: ReadonlySet<string> = new Set(['Region', 'Query', 'Output', 'MaxItems'])

const pascal = (option: string): string =>
  option.replace(/^--/, '').replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())

const optionsOf = (args: readonly string[]): Options => {
  const options: Record<string, Given> = {}
  for (let at = 0; at < args.length; at++) {
    const option = args[at] ?? ''
    if (!option.startsWith('--')) continue
    const value = args[at + 1] ?? ''
    const members = /^(\w+=[^,{}]+)(,\w+=[^,{}]+)*$/.test(value)
    options[pascal(option)] = members ? Object.fromEntries(value.split(',').map((one) => one.split('=', 2))) : value
  }
  return options
}

/** Members of a structure in the SDK's own model of DynamoDB: the fifth element of a schema has their names, the sixth their schemas. */
const membersOf = (schema: unknown): readonly string[] => (schema as readonly unknown[])[4] as readonly string[]
const memberOf = (schema: unknown, name: string): unknown => {
  const of = ((schema as readonly unknown[])[5] as readonly unknown[])[membersOf(schema).indexOf(name)]
  return typeof of === 'function' ? (of as () => unknown)() : of
}

const MODELS: Readonly<Record<string, unknown>> = {
  'dynamodb delete-table': DeleteTableInput$,
  'dynamodb describe-table': DescribeTableInput$,
  'dynamodb list-tables': ListTablesInput$,
  'dynamodb restore-table-to-point-in-time': RestoreTableToPointInTimeInput$,
  'dynamodb update-table': UpdateTableInput$,
  'dynamodb update-time-to-live': UpdateTimeToLiveInput$,
  'dynamodb wait': DescribeTableInput$,
}

/** By the documentation of the AWS CLI. */
const DOCUMENTED: Readonly<Record<string, readonly string[]>> = {
  'iam put-role-policy': ['RoleName', 'PolicyName', 'PolicyDocument'],
  'iam put-user-policy': ['UserName', 'PolicyName', 'PolicyDocument'],
  'logs filter-log-events': ['LogGroupName', 'FilterPattern'],
  'secretsmanager get-secret-value': ['SecretId'],
  'secretsmanager put-secret-value': ['SecretId', 'SecretString'],
  'sts get-caller-identity': [],
}

const checkMembers = (name: string, options: Options): void => {
  const model = MODELS[name]
  const known = model ? membersOf(model) : DOCUMENTED[name]
  if (!known) throw new Error(`there is no aws ${name} here`)
  for (const [option, value] of Object.entries(options)) {
    if (GLOBAL.has(option)) continue
    if (!known.includes(option)) throw new Error(`Unknown options: ${option} of aws ${name}`)
    if (model && typeof value === 'object') {
      const inner = membersOf(memberOf(model, option))
      for (const member of Object.keys(value)) {
        if (!inner.includes(member)) throw new Error(`Unknown parameter ${option}.${member} of aws ${name}`)
      }
    }
  }
}

/** Booleans and numbers of the shorthand, as the CLI reads them. */
const inputOf = (options: Options): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(options)
      .filter(([name]) => !GLOBAL.has(name))
      .map(([name, value]) => [
        name,
        typeof value === 'string'
          ? value
          : Object.fromEntries(Object.entries(value).map(([member, text]) => [member, literal(text)])),
      ]),
  )

const literal = (text: string): unknown =>
  text === 'true' || text === 'false' ? text === 'true' : /^\d+$/.test(text) ? Number(text) : text

/** Of all pages, as the AWS command line lists them. */
const allTables = async (client: DynamoDBClient, input: ListTablesCommandInput): Promise<unknown> => {
  const found: string[] = []
  for await (const { TableNames = [] } of paginateListTables({ client }, input)) found.push(...TableNames)
  return { TableNames: found }
}

const ENGINE_ACTIONS: Readonly<Record<string, (client: DynamoDBClient, input: never) => Promise<unknown>>> = {
  'dynamodb delete-table': (client, input) => client.send(new DeleteTableCommand(input)),
  'dynamodb describe-table': (client, input) => client.send(new DescribeTableCommand(input)),
  'dynamodb list-tables': allTables,
  'dynamodb update-table': (client, input) => client.send(new UpdateTableCommand(input)),
  'dynamodb update-time-to-live': (client, input) => client.send(new UpdateTimeToLiveCommand(input)),
  'dynamodb wait': (client, input) => client.send(new DescribeTableCommand(input)),
}
