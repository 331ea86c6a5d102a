import { App, type CfnResource, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { AwsSolutionsChecks } from 'cdk-nag'
import { describe, expect, test } from 'vitest'
import cdk from '../../cdk.json' with { type: 'json' }
import { HoldfastStack } from '../../infra/holdfast-stack.ts'
import { QueueService } from '../../infra/queue-service.ts'
import { UNBUNDLED } from '../support/template.ts'

const stackWith = (settings: Record<string, unknown> = {}): { app: App; stack: HoldfastStack } => {
  const given = Object.entries(settings).map(([name, value]) => [`holdfast:${name}`, value])
  const app = new App({ context: { ...cdk.context, ...UNBUNDLED, ...Object.fromEntries(given) } })
  return { app, stack: new HoldfastStack(app, 'Holdfast') }
}

const findings = (app: App): string[] =>
  new AwsSolutionsChecks(app)
    .validateScope(app)
    .violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(
        ({ constructPath, resourceLogicalId }) => `${ruleName} ${constructPath ?? resourceLogicalId}`,
      ),
    )

const FULL = {
  alarmEmail: 'on-call@example.com',
  requestsPerSecond: 10,
  corsOrigins: ['https://a.example'],
  warmReadUnits: 20_000,
  warmWriteUnits: 10_000,
}

describe('the stack', () => {
  test.each([
    ['with its defaults', {}],
    ['with an open API', { authorization: 'none' }],
    ['with all that can be added', FULL],
    [
      'with provisioned capacity',
      { billing: 'provisioned', minimumReadUnits: 1, maximumReadUnits: 9, minimumWriteUnits: 1, maximumWriteUnits: 9 },
    ],
  ])('%s has nothing that AwsSolutions finds', (_, settings) => {
    expect(findings(stackWith(settings).app)).toEqual([])
  })

  test('reports automatically what a check finds', () => {
    expect(findings(stackWith({ pointInTimeRecovery: false }).app)).toEqual([
      'AwsSolutions-DDB3 Holdfast/Service/Table/Resource',
    ])
  })

  test('passes the validator of CloudFormation, whose findings are errors here', () => {
    expect(() => Template.fromStack(stackWith(FULL).stack)).not.toThrow()
    const { stack } = stackWith()
    const broken = stack.service.functions.poll.node.defaultChild as CfnResource
    broken.addPropertyOverride('Runtime', 'nodejs4.3')
    broken.addPropertyOverride('MemorySize', 1)
    expect(() => Template.fromStack(stack)).toThrow('MemorySize: 1 is less than the minimum of 128')
  })

  test('fits any account and any region', () => {
    const { stack } = stackWith()
    expect([stack.environment, Stack.of(stack.service).region]).toEqual([
      'aws://unknown-account/unknown-region',
      stack.region,
    ])
    expect(JSON.stringify(Template.fromStack(stack).toJSON())).not.toMatch(/arn:aws:[a-z]+:[a-z]+-[a-z]+-\d/)
  })

  test('has outputs for every resource that users need', () => {
    const outputs = Template.fromStack(stackWith().stack).toJSON().Outputs
    expect(Object.keys(outputs)).toEqual([
      'ApiUrl',
      'SqsEndpoint',
      'SqsKeysSecret',
      'TableName',
      'Functionpublish',
      'Functionpoll',
      'Functionack',
      'Functionqueues',
      'Functionmessages',
      'Functionresults',
      'Functionredrive',
      'FunctionredriveRun',
      'Functionsqs',
      'Functionmonitor',
      'Dashboard',
    ])
  })

  test('refuses wrong settings before anything is made', () => {
    expect(() => stackWith({ memoryMb: 1 })).toThrow('memoryMb must be a whole number from 128 to 10240, but is 1')
    expect(() => new QueueService(new Stack(), 'Service', { memoryMb: 1 })).toThrow('memoryMb')
  })
})
