import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Node } from 'constructs'
import * as z from 'zod'
import { nameAdvice } from '../lib/model/closest-name.ts'
import { FUNCTION_NAMES } from './functions.ts'

/** Settings are CDK context under this prefix: `cdk deploy -c holdfast:memoryMb=1024`, or `context` of cdk.json. */
const CONTEXT_PREFIX = 'holdfast:'

// `-c name=value` hands over text whatever the value means; cdk.json hands over JSON.
const fromText = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
const parsed = <T extends z.ZodType>(type: T) =>
  z.preprocess((value) => (typeof value === 'string' ? fromText(value) : value), type)

const flag = () => parsed(z.boolean({ error: 'must be true or false' }))
const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`
  return parsed(z.int({ error }).min(min, { error }).max(max, { error }))
}
const text = (pattern: RegExp, requirement: string) =>
  z.string({ error: `must be ${requirement}` }).regex(pattern, { error: `must be ${requirement}` })
const oneOf = <const T extends readonly string[]>(...values: T) =>
  z.enum(values, { error: `must be ${values.map((value) => `"${value}"`).join(' or ')}` })

const RETENTION_DAYS = Object.values(RetentionDays).filter((days) => typeof days === 'number')

/** What a deployment can choose. Units are in the names; `docs/deploy.md` tells what each costs. */
const schema = z.strictObject({
  /** Dimension of every metric and name of every log line's service; two deployments in one account need two. */
  serviceName: text(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 letters, digits, hyphens or underscores').default('holdfast'),

  /** A fixed table name. @default CloudFormation makes one up, so that the table can be replaced and restored */
  tableName: text(/^[A-Za-z0-9_.-]{3,255}$/, '3 to 255 letters, digits, dots, hyphens or underscores').optional(),
  billing: oneOf('on-demand', 'provisioned').default('on-demand'),
  /** Floor of provisioned capacity, units a second; it scales by itself up to the maximum. Provisioned only. */
  minimumReadUnits: whole(1, 1_000_000).optional(),
  minimumWriteUnits: whole(1, 1_000_000).optional(),
  /** Ceiling of capacity, units a second: on demand a limit on what a minute can cost. @default none on demand */
  maximumReadUnits: whole(1, 1_000_000).optional(),
  maximumWriteUnits: whole(1, 1_000_000).optional(),
  /** Units a second that the table takes from its first second on; charged once, never lowered. @default DynamoDB's */
  warmReadUnits: whole(12_000, 10_000_000).optional(),
  warmWriteUnits: whole(4_000, 10_000_000).optional(),
  /** Whether DynamoDB refuses to delete the table. */
  deletionProtection: flag().default(true),
  /** What becomes of table, keys and stream when the stack goes. */
  removalPolicy: oneOf('retain', 'destroy').default('retain'),
  pointInTimeRecovery: flag().default(true),
  /** How far back the table can be restored, days. */
  recoveryDays: whole(1, 35).default(35),
  /** ARN of your own KMS key. @default the key DynamoDB owns, which costs nothing */
  encryptionKeyArn: text(/^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/, 'the ARN of a KMS key').optional(),
  /** A change stream of the table, for consumers of your own; free until something reads it. */
  stream: flag().default(true),

  /** Who may call the native HTTP API: principals that IAM allows, or anyone who knows the address. */
  authorization: oneOf('iam', 'none').default('iam'),
  /**
   * Whether the HTTP API lets a queue without a redrive-allow policy be named as dead-letter queue, or as destination of a
   * redrive, by those who have rights on another queue only. @default denyAll with authorization iam, else allowAll
   */
  redriveWithoutPolicy: oneOf('allowAll', 'denyAll').optional(),
  /** The SQS endpoint, with its function and the secret that holds its access keys. */
  sqs: flag().default(true),
  /** Origins of web pages that may call the API, e.g. `["https://console.example.com"]`. @default none */
  corsOrigins: parsed(
    z.array(text(/^(\*|https?:\/\/[^/\s]+)$/, 'an origin such as "https://example.com", or "*"'), {
      error: 'must be a list of origins',
    }),
  ).optional(),
  /** Requests a second, and requests at once, that the API lets through. @default the account's */
  requestsPerSecond: whole(1, 100_000).optional(),
  requestBurst: whole(1, 100_000).optional(),

  /** Memory of each function, MB; its share of a CPU grows with it, a whole one at 1769. */
  memoryMb: whole(128, 10_240).default(512),
  /** Concurrent runs kept for, and at most taken by, a function: `{"poll": 50}`. @default the account's pool */
  reservedConcurrency: parsed(
    z.record(z.string(), whole(0, 100_000), { error: 'must be an object of function names and numbers' }),
  ).default({}),
  logLevel: oneOf('DEBUG', 'INFO', 'WARN', 'ERROR').default('INFO'),
  logRetentionDays: parsed(
    z.int().refine((days) => RETENTION_DAYS.includes(days), { error: `must be one of ${RETENTION_DAYS.join(', ')}` }),
  ).default(30),

  /** A function that measures every queue each minute: depth, in flight, age of the oldest message. */
  monitor: flag().default(true),
  alarms: flag().default(true),
  /** Age of the oldest ready message of any queue at which the alarm goes off, seconds. */
  oldestMessageAgeSeconds: whole(60, 31_536_000).default(900),
  /** Who is told of alarms: an address, which AWS asks to confirm, or an SNS topic of yours. @default nobody */
  alarmEmail: text(/^[^@\s]+@[^@\s]+$/, 'an e-mail address').optional(),
  alarmTopicArn: text(/^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[\w-]+$/, 'the ARN of an SNS topic').optional(),
  dashboard: flag().default(true),
})

export type Settings = Readonly<z.output<typeof schema>>
export const SETTING_NAMES = Object.keys(schema.shape) as readonly (keyof Settings)[]

type Problem = readonly [name: string, problem: string]

/** Rules over several settings. */
const contradictions = (settings: Settings): Problem[] => {
  const problems: Problem[] = []
  const expect = (holds: boolean, name: keyof Settings, problem: string) => {
    if (!holds) problems.push([name, problem])
  }
  const provisioned = settings.billing === 'provisioned'
  for (const unit of ['Read', 'Write'] as const) {
    const minimum = settings[`minimum${unit}Units`]
    const maximum = settings[`maximum${unit}Units`]
    expect(provisioned || minimum === undefined, `minimum${unit}Units`, 'needs billing "provisioned"')
    expect(!provisioned || minimum !== undefined, `minimum${unit}Units`, 'must be given with billing "provisioned"')
    expect(!provisioned || maximum !== undefined, `maximum${unit}Units`, 'must be given with billing "provisioned"')
    expect(
      minimum === undefined || maximum === undefined || minimum <= maximum,
      `maximum${unit}Units`,
      `must be at least minimum${unit}Units`,
    )
  }
  expect(
    settings.removalPolicy === 'retain' || !settings.deletionProtection,
    'removalPolicy',
    '"destroy" needs deletionProtection false: DynamoDB would refuse',
  )
  expect(
    settings.alarmEmail === undefined || settings.alarmTopicArn === undefined,
    'alarmEmail',
    'and alarmTopicArn exclude each other',
  )
  for (const name of Object.keys(settings.reservedConcurrency)) {
    const known: readonly string[] = FUNCTION_NAMES
    if (!known.includes(name)) {
      problems.push([`reservedConcurrency.${name}`, `is no function: ${nameAdvice(name, known)}`])
    }
  }
  return problems
}

const refusal = (problems: readonly Problem[]) =>
  new Error(['The settings do not hold together:', ...problems.map(([name, text]) => `  ${name} ${text}`)].join('\n'))

const show = (value: unknown): string => (value === undefined ? '' : `, but is ${JSON.stringify(value)}`)

/** The settings with their defaults. Throws an Error that names every setting at fault and its value. */
export const checkSettings = (given: Readonly<Record<string, unknown>>): Settings => {
  const result = schema.safeParse(given)
  if (!result.success) {
    throw refusal(
      result.error.issues.flatMap((issue): Problem[] => {
        if (issue.code === 'unrecognized_keys')
          return issue.keys.map((key) => [key, `is not a setting: ${nameAdvice(key, SETTING_NAMES)}`])
        const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)?.[key], given)
        return [[issue.path.join('.'), `${issue.message}${show(value)}`]]
      }),
    )
  }
  const problems = contradictions(result.data)
  if (problems.length > 0) throw refusal(problems)
  return result.data
}

/** The settings in a construct tree's context. */
export const contextSettings = (node: Node): Settings => {
  const context: Record<string, unknown> = node.getAllContext()
  const ours = Object.entries(context).filter(([key]) => key.startsWith(CONTEXT_PREFIX))
  return checkSettings(Object.fromEntries(ours.map(([key, value]) => [key.slice(CONTEXT_PREFIX.length), value])))
}
