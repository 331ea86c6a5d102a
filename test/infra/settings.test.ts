import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { describe, expect, test } from 'vitest'
import { checkSettings, contextSettings, SETTING_NAMES } from '../../infra/settings.ts'

const DEFAULTS = {
  serviceName: 'holdfast',
  billing: 'on-demand',
  deletionProtection: true,
  removalPolicy: 'retain',
  pointInTimeRecovery: true,
  recoveryDays: 35,
  stream: true,
  authorization: 'iam',
  sqs: true,
  memoryMb: 512,
  dispatcherMemoryMb: 256,
  reservedConcurrency: {},
  logLevel: 'INFO',
  logRetentionDays: 30,
  monitor: true,
  alarms: true,
  oldestMessageAgeSeconds: 900,
  dashboard: true,
}

const contextOf = (context: Record<string, unknown>) => contextSettings(new App({ context }).node)

const refusalOf = (given: Record<string, unknown>): string => {
  try {
    checkSettings(given)
  } catch (error) {
    return (error as Error).message
  }
  return 'taken'
}

describe('settings of a deployment', () => {
  test('have safe defaults', () => {
    expect(checkSettings({})).toEqual(DEFAULTS)
  })

  test('are read from the CDK context, where other keys are none of our business', () => {
    expect(contextOf({ 'holdfast:memoryMb': 1024, 'holdfast:tableName': 'queues', '@aws-cdk/x': true })).toEqual({
      ...DEFAULTS,
      memoryMb: 1024,
      tableName: 'queues',
    })
  })

  test('mean the same as the text of the command line', () => {
    const given = {
      'holdfast:memoryMb': '1024',
      'holdfast:deletionProtection': 'false',
      'holdfast:reservedConcurrency': '{"poll":50}',
      'holdfast:corsOrigins': '["https://console.example.com"]',
      'holdfast:logRetentionDays': '7',
    }
    expect(contextOf(given)).toEqual({
      ...DEFAULTS,
      memoryMb: 1024,
      deletionProtection: false,
      reservedConcurrency: { poll: 50 },
      corsOrigins: ['https://console.example.com'],
      logRetentionDays: 7,
    })
  })

  test.each([
    [{ memory: 512 }, 'memory is not a setting: did you mean memoryMb?'],
    [{ memroyMb: 512 }, 'memroyMb is not a setting: did you mean memoryMb?'],
    [{ LogLevel: 'INFO' }, 'LogLevel is not a setting: did you mean logLevel?'],
    [{ memoryMb: 64 }, 'memoryMb must be a whole number from 128 to 10240, but is 64'],
    [{ memoryMb: 512.5 }, 'memoryMb must be a whole number from 128 to 10240, but is 512.5'],
    [{ memoryMb: 'much' }, 'memoryMb must be a whole number from 128 to 10240, but is "much"'],
    [{ stream: 'yes' }, 'stream must be true or false, but is "yes"'],
    [{ billing: 'free' }, 'billing must be "on-demand" or "provisioned", but is "free"'],
    [{ authorization: 'jwt' }, 'authorization must be "iam" or "none", but is "jwt"'],
    [{ tableName: 'a b' }, 'tableName must be 3 to 255 letters, digits, dots, hyphens or underscores, but is "a b"'],
    [{ encryptionKeyArn: 'alias/mine' }, 'encryptionKeyArn must be the ARN of a KMS key, but is "alias/mine"'],
    [{ alarmEmail: 'nobody' }, 'alarmEmail must be an e-mail address, but is "nobody"'],
    [{ corsOrigins: 'https://a.example' }, 'corsOrigins must be a list of origins, but is "https://a.example"'],
    [
      { corsOrigins: ['https://a.example/path'] },
      'corsOrigins.0 must be an origin such as "https://example.com", or "*", but is "https://a.example/path"',
    ],
    [{ reservedConcurrency: { pol: 5 } }, 'reservedConcurrency.pol is no function: did you mean poll?'],
    [
      { reservedConcurrency: { x: 5 } },
      'reservedConcurrency.x is no function: there are publish, poll, ack, queues, messages, results, redrive, redriveRun, sqs, monitor, wake, dispatch',
    ],
    [
      { reservedConcurrency: { poll: -1 } },
      'reservedConcurrency.poll must be a whole number from 0 to 100000, but is -1',
    ],
    [{ billing: 'provisioned' }, 'minimumReadUnits must be given with billing "provisioned"'],
    [{ minimumReadUnits: 5 }, 'minimumReadUnits needs billing "provisioned"'],
    [
      { billing: 'provisioned', minimumReadUnits: 9, maximumReadUnits: 8, minimumWriteUnits: 1, maximumWriteUnits: 1 },
      'maximumReadUnits must be at least minimumReadUnits',
    ],
    [{ removalPolicy: 'destroy' }, 'removalPolicy "destroy" needs deletionProtection false: DynamoDB would refuse'],
    [
      { alarmEmail: 'a@example.com', alarmTopicArn: 'arn:aws:sns:eu-west-1:111122223333:pager' },
      'alarmEmail and alarmTopicArn exclude each other',
    ],
  ])('refuse %j with the reason', (given, reason) => {
    expect(refusalOf(given).split('\n  ')).toContain(reason)
  })

  test('name every fault at once', () => {
    expect(refusalOf({ memoryMb: 1, sqs: 2 })).toBe(
      [
        'These settings are not valid:',
        '  sqs must be true or false, but is 2',
        '  memoryMb must be a whole number from 128 to 10240, but is 1',
      ].join('\n'),
    )
  })

  test('are in the guide, each with its default', () => {
    const guide = readFileSync(join(import.meta.dirname, '../../docs/deploy.md'), 'utf8')
    const rows = new Map(
      [...guide.matchAll(/^\| `(\w+)` +\| ([^|]+) \|/gm)].map(([, name = '', value = '']) => [name, value.trim()]),
    )
    expect([...rows.keys()].sort()).toEqual([...SETTING_NAMES].sort())
    const shown = Object.entries(DEFAULTS).map(([name, value]) => [
      name,
      `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``,
    ])
    expect(Object.fromEntries(shown.map(([name = '']) => [name, rows.get(name)]))).toEqual(Object.fromEntries(shown))
  })
})
