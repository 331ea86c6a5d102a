import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Architecture, type FunctionOptions, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { functionCode, HANDLER } from './bundle.ts'
import type { FunctionShape } from './functions.ts'
import type { Settings } from './settings.ts'

/** CloudWatch namespace of every metric that the functions write. */
export const METRIC_NAMESPACE = 'Holdfast'

export interface FunctionSurroundings {
  readonly table: Table
  readonly settings: Settings
  /** @default the account's pool */
  readonly reservedConcurrency?: number | undefined
  readonly environment?: Readonly<Record<string, string>>
  /** What the role may do in addition to using the table and writing its log. */
  readonly statements?: readonly PolicyStatement[]
  /** Further properties in which the function differs from the others. */
  readonly options?: Pick<FunctionOptions, 'maxEventAge' | 'memorySize' | 'recursiveLoop' | 'retryAttempts'>
}

/** One Lambda function with its own log and role. Without further statements the role can use the table and write the log. */
export const addFunction = (
  scope: Construct,
  id: string,
  shape: FunctionShape,
  { table, settings, reservedConcurrency, environment = {}, statements = [], options = {} }: FunctionSurroundings,
): LambdaFunction => {
  const own = new Construct(scope, id)
  const logGroup = new LogGroup(own, 'Log', {
    retention: settings.logRetentionDays as RetentionDays,
    removalPolicy: RemovalPolicy.DESTROY,
  })
  const role = addRole(own, [...tableStatements(table, shape), logStatement(logGroup), ...statements])
  return new LambdaFunction(own, 'Function', {
    description: `Holdfast: ${shape.description}`,
    code: functionCode(shape.entry),
    handler: HANDLER,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    memorySize: settings.memoryMb,
    timeout: Duration.seconds(shape.timeoutSeconds),
    role,
    logGroup,
    ...(reservedConcurrency !== undefined && { reservedConcurrentExecutions: reservedConcurrency }),
    environment: {
      HOLDFAST_TABLE: table.tableName,
      POWERTOOLS_SERVICE_NAME: settings.serviceName,
      POWERTOOLS_METRICS_NAMESPACE: METRIC_NAMESPACE,
      POWERTOOLS_LOG_LEVEL: settings.logLevel,
      ...environment,
    },
    ...options,
  })
}

const addRole = (scope: Construct, statements: PolicyStatement[]): Role =>
  new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    inlinePolicies: { Holdfast: new PolicyDocument({ statements }) },
  })

const logStatement = ({ logGroupArn }: LogGroup): PolicyStatement =>
  new PolicyStatement({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [logGroupArn] })

const tableStatements = (table: Table, { tableActions, kindActions = {} }: FunctionShape): PolicyStatement[] => [
  ...(tableActions.length > 0
    ? [new PolicyStatement({ actions: named(tableActions), resources: [table.tableArn] })]
    : []),
  ...Object.entries(kindActions).map(
    ([kind, actions]) =>
      new PolicyStatement({
        actions: named(actions),
        resources: [table.tableArn],
        conditions: onKeys([`${kind}#*`]),
      }),
  ),
  ...keyStatements(table),
]

/** Actions as IAM names them. */
export const named = (actions: readonly string[]): string[] => actions.map((action) => `dynamodb:${action}`)

/** An IAM condition: the request uses only items whose partition keys match. */
export const onKeys = (keys: readonly string[]) => ({
  'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys },
  // `ForAllValues` is also true of no values: a request that names no key must not pass.
  Null: { 'dynamodb:LeadingKeys': 'false' },
})

/**
 * The rights that a role needs on a table that is encrypted with the user's own key, because DynamoDB uses the key on
 * behalf of its caller: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
 */
export const keyStatements = (table: Table): PolicyStatement[] =>
  table.encryptionKey
    ? [
        new PolicyStatement({
          actions: [
            'kms:Decrypt',
            'kms:DescribeKey',
            'kms:Encrypt',
            'kms:GenerateDataKey',
            'kms:ReEncryptFrom',
            'kms:ReEncryptTo',
          ],
          resources: [table.encryptionKey.keyArn],
          conditions: { StringEquals: { 'kms:ViaService': `dynamodb.${Stack.of(table).region}.amazonaws.com` } },
        }),
      ]
    : []
