import { Duration, Stack } from 'aws-cdk-lib'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import type { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import { addFunction, type FunctionSurroundings } from './function.ts'
import { FUNCTIONS, type FunctionName } from './functions.ts'
import type { RoutedFunction } from './http-api.ts'
import type { Settings } from './settings.ts'

/** The functions of a deployment by their names in `infra/functions.ts`; those that a setting turns off are absent. */
export type ServiceFunctions = Readonly<
  Partial<Record<FunctionName, LambdaFunction>> & Record<RoutedFunction, LambdaFunction>
>

export interface ServiceFunctionParts {
  readonly table: Table
  readonly settings: Settings
  /** The secret with the access keys; without it there is no SQS function. */
  readonly sqsKeys: CfnSecret | undefined
}

/** Every function of a deployment, each with its own role, log and schedule. */
export const addServiceFunctions = (
  scope: Construct,
  { table, settings, sqsKeys }: ServiceFunctionParts,
): ServiceFunctions => {
  const add = (name: FunctionName, more: Partial<FunctionSurroundings> = {}): LambdaFunction =>
    addFunction(scope, pascal(name), FUNCTIONS[name], {
      table,
      settings,
      reservedConcurrency: settings.reservedConcurrency[name],
      ...more,
    })
  const redriveRun = add('redriveRun')
  invokeEveryMinute(scope, 'ContinueRedrives', redriveRun, CONTINUE_REDRIVES)
  const startsRedrives = redriveStarter(redriveRun)
  // A count that fails fails the run, and Lambda would run it twice more: each would count every queue again.
  const monitor = settings.monitor ? add('monitor', { options: { retryAttempts: 0 } }) : undefined
  if (monitor) invokeEveryMinute(scope, 'Measure', monitor)
  return {
    publish: add('publish'),
    poll: add('poll'),
    ack: add('ack'),
    queues: add('queues', { environment: moveRules(scope, settings) }),
    messages: add('messages'),
    results: add('results'),
    redrive: add('redrive', {
      ...startsRedrives,
      environment: { ...startsRedrives.environment, ...moveRules(scope, settings) },
    }),
    redriveRun,
    ...(sqsKeys && { sqs: add('sqs', sqsSurroundings(sqsKeys, settings, startsRedrives)) }),
    ...(monitor && { monitor }),
  }
}

/** The event at which `functions/redrive.ts` continues every redrive that is running. */
const CONTINUE_REDRIVES = { holdfast: 'continue-redrives' }

/** Invokes a function by schedule. */
export const invokeEveryMinute = (scope: Construct, id: string, target: LambdaFunction, event?: object): void => {
  new Rule(scope, id, {
    schedule: Schedule.rate(Duration.minutes(1)),
    // No retries: the next minute's event does the work of a lost one.
    targets: [
      new LambdaTarget(target, { retryAttempts: 0, ...(event && { event: RuleTargetInput.fromObject(event) }) }),
    ],
  })
}

/** What functions that start redrives need to invoke `redriveRun` at once, which otherwise starts within a minute. */
const redriveStarter = (
  redriveRun: LambdaFunction,
): Required<Pick<FunctionSurroundings, 'environment' | 'statements'>> => ({
  environment: { HOLDFAST_REDRIVE_FUNCTION: redriveRun.functionName },
  statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [redriveRun.functionArn] })],
})

/** The rules of moves (`functions/operations/move-rules.ts`), for functions whose requests name a second queue. */
const moveRules = (
  scope: Construct,
  { authorization, redriveWithoutPolicy = authorization === 'iam' ? 'denyAll' : 'allowAll' }: Settings,
): Readonly<Record<string, string>> => ({
  HOLDFAST_ACCOUNT: Stack.of(scope).account,
  HOLDFAST_REDRIVE_WITHOUT_POLICY: redriveWithoutPolicy,
})

const sqsSurroundings = (
  keys: CfnSecret,
  { publicUrl }: Settings,
  { environment, statements }: Required<Pick<FunctionSurroundings, 'environment' | 'statements'>>,
): Partial<FunctionSurroundings> => ({
  environment: {
    ...environment,
    HOLDFAST_SQS_KEYS_SECRET: keys.attrId,
    HOLDFAST_ACCOUNT: Stack.of(keys).account,
    ...(publicUrl !== undefined && { HOLDFAST_SQS_PUBLIC_URL: publicUrl }),
  },
  statements: [
    ...statements,
    new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [keys.attrId] }),
  ],
})

const pascal = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1)
