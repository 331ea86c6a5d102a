import { ApiMapping, DomainName } from 'aws-cdk-lib/aws-apigatewayv2'
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager'
import { describe, expect, test } from 'vitest'
import { routes } from '../../functions/http/routes.ts'
import { functionOf, serviceTemplate } from '../support/template.ts'

const defaults = serviceTemplate()
const [[tableId, table] = ['', {}]] = defaults.ofType('AWS::DynamoDB::Table')

describe('the table', () => {
  test('has the keys, the TTL and the safety of a table that holds what is worth keeping', () => {
    expect(table).toEqual({
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'x', Enabled: true },
      StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 35 },
      SSESpecification: { SSEEnabled: false },
      DeletionProtectionEnabled: true,
    })
    defaults.template.hasResource('AWS::DynamoDB::Table', { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
  })

  test('follows each of its settings', () => {
    const { template, one } = serviceTemplate({
      tableName: 'queues',
      maximumReadUnits: 5_000,
      maximumWriteUnits: 6_000,
      warmReadUnits: 20_000,
      warmWriteUnits: 10_000,
      deletionProtection: false,
      removalPolicy: 'destroy',
      pointInTimeRecovery: false,
      stream: false,
      encryptionKeyArn: 'arn:aws:kms:eu-west-1:111122223333:key/0f3b',
    })
    template.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Delete',
      Properties: {
        TableName: 'queues',
        OnDemandThroughput: { MaxReadRequestUnits: 5_000, MaxWriteRequestUnits: 6_000 },
        WarmThroughput: { ReadUnitsPerSecond: 20_000, WriteUnitsPerSecond: 10_000 },
        DeletionProtectionEnabled: false,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false },
        SSESpecification: {
          SSEEnabled: true,
          SSEType: 'KMS',
          KMSMasterKeyId: 'arn:aws:kms:eu-west-1:111122223333:key/0f3b',
        },
      },
    })
    expect(one('AWS::DynamoDB::Table')).not.toHaveProperty('StreamSpecification')
  })

  test('scales automatically when its capacity is provisioned', () => {
    const { one, ofType } = serviceTemplate({
      billing: 'provisioned',
      minimumReadUnits: 5,
      maximumReadUnits: 50,
      minimumWriteUnits: 10,
      maximumWriteUnits: 100,
    })
    expect(one('AWS::DynamoDB::Table')).toMatchObject({
      ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 10 },
    })
    expect(
      ofType('AWS::ApplicationAutoScaling::ScalableTarget').map(
        ([, { ScalableDimension, MinCapacity, MaxCapacity }]) => [ScalableDimension, MinCapacity, MaxCapacity],
      ),
    ).toEqual([
      ['dynamodb:table:ReadCapacityUnits', 5, 50],
      ['dynamodb:table:WriteCapacityUnits', 10, 100],
    ])
  })
})

describe('the functions', () => {
  const functions = defaults.ofType('AWS::Lambda::Function')

  test('run the same way, each with its own time limit', () => {
    for (const [, properties] of functions) {
      expect(properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Handler: 'index.handler',
        MemorySize: 512,
        Environment: {
          Variables: {
            HOLDFAST_TABLE: { Ref: tableId },
            POWERTOOLS_SERVICE_NAME: 'holdfast',
            POWERTOOLS_METRICS_NAMESPACE: 'Holdfast',
            POWERTOOLS_LOG_LEVEL: 'INFO',
          },
        },
      })
    }
    expect(Object.fromEntries(functions.map(([id, { Timeout }]) => [functionOf(id), Timeout]))).toEqual({
      publish: 15,
      poll: 29,
      ack: 15,
      queues: 15,
      messages: 15,
      redrive: 15,
      redriveRun: 900,
      results: 29,
      sqs: 29,
      monitor: 50,
    })
  })

  test('write to logs of their own that end, and so does the API', () => {
    const logs = defaults.ofType('AWS::Logs::LogGroup')
    expect(logs.map(([, { RetentionInDays }]) => RetentionInDays)).toEqual(logs.map(() => 30))
    const written = functions.map(([, { LoggingConfig }]) => LoggingConfig.LogGroup.Ref)
    expect(new Set(written).size).toBe(functions.length)
    // By this name "holdfast cost" leaves the API's log out.
    const others = logs.map(([id]) => id).filter((id) => !written.includes(id))
    expect(others).toEqual([expect.stringMatching(/AccessLog[0-9A-F]{8}$/)])
  })

  test('reserve concurrency where the settings have it, and nowhere else', () => {
    const kept = serviceTemplate({ reservedConcurrency: { poll: 50, sqs: 0 } })
      .ofType('AWS::Lambda::Function')
      .filter(([, properties]) => 'ReservedConcurrentExecutions' in properties)
      .map(([id, properties]) => [functionOf(id), properties.ReservedConcurrentExecutions])
    expect(Object.fromEntries(kept)).toEqual({ poll: 50, sqs: 0 })
  })

  test('are called by schedule where time drives them', () => {
    const rules = defaults
      .ofType('AWS::Events::Rule')
      .map(([, { ScheduleExpression, Targets }]) => [
        ScheduleExpression,
        functionOf(Targets[0].Arn['Fn::GetAtt'][0]),
        Targets[0].Input,
      ])
    expect(rules).toEqual([
      ['rate(1 minute)', 'redriveRun', '{"holdfast":"continue-redrives"}'],
      ['rate(1 minute)', 'monitor', undefined],
    ])
  })

  test('count the queues once a minute, also where a count fails', () => {
    const configs = defaults.ofType('AWS::Lambda::EventInvokeConfig')
    expect(
      configs.map(([, { FunctionName, MaximumRetryAttempts }]) => [functionOf(FunctionName.Ref), MaximumRetryAttempts]),
    ).toEqual([['monitor', 0]])
  })
})

describe('the API', () => {
  const routed = ({ ofType }: typeof defaults) => {
    const integrations = new Map(ofType('AWS::ApiGatewayV2::Integration'))
    return ofType('AWS::ApiGatewayV2::Route').map(([, { RouteKey, AuthorizationType, Target }]) => {
      const integration = integrations.get(Target['Fn::Join'][1][1].Ref)
      return [RouteKey, AuthorizationType, functionOf(integration?.IntegrationUri['Fn::GetAtt'][0])]
    })
  }

  test('has every route of the table of routes behind IAM, and the SQS endpoint for all the rest', () => {
    expect(routed(defaults)).toEqual([
      ['GET /queues', 'AWS_IAM', 'queues'],
      ['PUT /queues/{queue}', 'AWS_IAM', 'queues'],
      ['GET /queues/{queue}', 'AWS_IAM', 'queues'],
      ['PATCH /queues/{queue}', 'AWS_IAM', 'queues'],
      ['DELETE /queues/{queue}', 'AWS_IAM', 'queues'],
      ['POST /queues/{queue}/purge', 'AWS_IAM', 'queues'],
      ['GET /triggers', 'AWS_IAM', 'queues'],
      ['POST /queues/{queue}/messages', 'AWS_IAM', 'publish'],
      ['POST /queues/{queue}/poll', 'AWS_IAM', 'poll'],
      ['POST /queues/{queue}/ack', 'AWS_IAM', 'ack'],
      ['POST /queues/{queue}/extend', 'AWS_IAM', 'ack'],
      ['POST /queues/{queue}/nack', 'AWS_IAM', 'poll'],
      ['POST /queues/{queue}/unreceive', 'AWS_IAM', 'ack'],
      ['GET /queues/{queue}/messages', 'AWS_IAM', 'messages'],
      ['GET /queues/{queue}/messages/{messageId}', 'AWS_IAM', 'messages'],
      ['GET /queues/{queue}/messages/{messageId}/result', 'AWS_IAM', 'results'],
      ['PATCH /queues/{queue}/messages/{messageId}', 'AWS_IAM', 'messages'],
      ['POST /queues/{queue}/messages/{messageId}/resend', 'AWS_IAM', 'messages'],
      ['DELETE /queues/{queue}/messages/{messageId}', 'AWS_IAM', 'messages'],
      ['POST /queues/{queue}/redrive', 'AWS_IAM', 'redrive'],
      ['GET /queues/{queue}/redrive', 'AWS_IAM', 'redrive'],
      ['GET /queues/{queue}/redrive/{taskId}', 'AWS_IAM', 'redrive'],
      ['DELETE /queues/{queue}/redrive/{taskId}', 'AWS_IAM', 'redrive'],
      ['GET /queues/{queue}/redrive/{taskId}/undo', 'AWS_IAM', 'redrive'],
      ['POST /queues/{queue}/redrive/{taskId}/undo', 'AWS_IAM', 'redrive'],
      ['$default', 'NONE', 'sqs'],
    ])
  })

  test('sets the rule for queues without a policy for functions that act on queues named in bodies', () => {
    const told = (settings: object) =>
      Object.fromEntries(
        serviceTemplate(settings)
          .ofType('AWS::Lambda::Function')
          .map(([id, { Environment }]) => [
            functionOf(id),
            Environment.Variables.HOLDFAST_REDRIVE_WITHOUT_POLICY as string | undefined,
          ])
          .filter(([, value]) => value !== undefined),
      )
    expect(told({})).toEqual({ queues: 'denyAll', redrive: 'denyAll' })
    expect(told({ authorization: 'none' })).toEqual({ queues: 'allowAll', redrive: 'allowAll' })
    expect(told({ redriveWithoutPolicy: 'allowAll' })).toEqual({ queues: 'allowAll', redrive: 'allowAll' })
  })

  test('is open to everyone only with authorization none', () => {
    const authorizers = routed(serviceTemplate({ authorization: 'none' })).map(([, authorizer]) => authorizer)
    expect(authorizers).toEqual(authorizers.map(() => 'NONE'))
  })

  test('answers nothing but its own routes without the SQS endpoint, which takes its secret with it', () => {
    const without = serviceTemplate({ sqs: false })
    expect(routed(without).map(([key]) => key)).toEqual(routes.map(({ method, path }) => `${method} ${path}`))
    expect(without.ofType('AWS::SecretsManager::Secret')).toEqual([])
    expect(without.ofType('AWS::Lambda::Function').map(([id]) => functionOf(id))).not.toContain('sqs')
  })

  test('may call each function for its own routes only', () => {
    const allowed = defaults
      .ofType('AWS::Lambda::Permission')
      .filter(([, { Principal }]) => Principal === 'apigateway.amazonaws.com')
      .map(([, { FunctionName, SourceArn }]) => [
        functionOf(FunctionName['Fn::GetAtt'][0]),
        SourceArn['Fn::Join'][1].at(-1),
      ])
    const expected = routes.map(({ path, function: name }) => [name, `/*/*${path}`])
    expect(new Set(allowed.map(String))).toEqual(new Set([...expected, ['sqs', '/*/*']].map(String)))
  })

  test('logs each request, without what was in it', () => {
    const { AccessLogSettings, StageName } = defaults.one('AWS::ApiGatewayV2::Stage')
    expect(StageName).toBe('$default')
    expect(Object.keys(JSON.parse(AccessLogSettings.Format))).toEqual([
      'time',
      'requestId',
      'routeKey',
      'path',
      'status',
      'responseLength',
      'latencyMs',
      'integrationLatencyMs',
      'integrationError',
      'authorizerError',
      'sourceIp',
      'callerArn',
    ])
  })

  test('limits its callers, and lets web pages in, by the settings', () => {
    const { one } = serviceTemplate({ requestsPerSecond: 100, requestBurst: 20, corsOrigins: ['https://a.example'] })
    expect(one('AWS::ApiGatewayV2::Stage').DefaultRouteSettings).toEqual({
      ThrottlingRateLimit: 100,
      ThrottlingBurstLimit: 20,
    })
    expect(one('AWS::ApiGatewayV2::Api').CorsConfiguration).toEqual({
      AllowOrigins: ['https://a.example'],
      AllowMethods: ['*'],
      AllowHeaders: ['*'],
    })
  })
})

describe('the throttle of routes that anyone can call', () => {
  const stageOf = (props: Parameters<typeof serviceTemplate>[0]) =>
    serviceTemplate(props).one('AWS::ApiGatewayV2::Stage')
  const limits = (rate: number, burst: number) => ({ ThrottlingRateLimit: rate, ThrottlingBurstLimit: burst })

  test('is there by default, on the SQS route alone', () => {
    expect(stageOf({}).RouteSettings).toEqual({ $default: limits(500, 1_000) })
    expect(stageOf({})).not.toHaveProperty('DefaultRouteSettings')
  })

  test.each([
    [{ sqsRequestsPerSecond: 20, sqsRequestBurst: 30 }, limits(20, 30)],
    [{ sqsRequestsPerSecond: 5_000 }, limits(5_000, 1_000)],
    [{ requestsPerSecond: 100, requestBurst: 50 }, limits(100, 50)],
    [{ requestsPerSecond: 10_000, requestBurst: 10_000 }, limits(500, 1_000)],
    [{ requestsPerSecond: 100, sqsRequestsPerSecond: 200 }, limits(200, 1_000)],
  ])('of the SQS route with %j is %j', (props, expected) => {
    expect(stageOf(props).RouteSettings).toEqual({ $default: expected })
  })

  test('covers every route of an open API', () => {
    expect(stageOf({ authorization: 'none' }).DefaultRouteSettings).toEqual(limits(500, 1_000))
    expect(stageOf({ authorization: 'none', requestsPerSecond: 7 }).DefaultRouteSettings).toEqual(limits(7, 1_000))
  })

  test('is created after its route, which API Gateway needs first', () => {
    const { template, ofType } = serviceTemplate()
    const [[route] = ['']] = ofType('AWS::ApiGatewayV2::Route').filter(([, { RouteKey }]) => RouteKey === '$default')
    const [stage] = Object.values(template.findResources('AWS::ApiGatewayV2::Stage'))
    expect(stage?.DependsOn).toContain(route)
  })

  test('goes with the SQS endpoint', () => {
    expect(stageOf({ sqs: false })).not.toHaveProperty('RouteSettings')
  })
})

describe('a public address', () => {
  const publicUrl = 'https://api.example.com/base'
  const environmentOf = (props: Parameters<typeof serviceTemplate>[0]) =>
    serviceTemplate(props)
      .ofType('AWS::Lambda::Function')
      .filter(([id]) => functionOf(id) === 'sqs')
      .map(([, { Environment }]) => Environment.Variables.HOLDFAST_SQS_PUBLIC_URL)

  test('is set for the SQS function, and for the outputs of the service', () => {
    expect([environmentOf({ publicUrl }), environmentOf({})]).toEqual([[publicUrl], [undefined]])
    serviceTemplate({ publicUrl }, (service) => {
      expect([service.url, service.sqsEndpoint]).toEqual([publicUrl, `${publicUrl}/`])
    })
  })

  test('can be mapped to the API with the stage that the service has', () => {
    const { one, ofType } = serviceTemplate({ publicUrl }, ({ api, stage }, stack) => {
      const certificate = Certificate.fromCertificateArn(
        stack,
        'Certificate',
        'arn:aws:acm:us-east-1:111122223333:certificate/0f3b',
      )
      const domainName = new DomainName(stack, 'Domain', { domainName: 'api.example.com', certificate })
      new ApiMapping(stack, 'Mapping', { api, domainName, stage, apiMappingKey: 'base' })
    })
    const [[api] = ['']] = ofType('AWS::ApiGatewayV2::Api')
    expect(one('AWS::ApiGatewayV2::ApiMapping')).toMatchObject({ ApiId: { Ref: api }, ApiMappingKey: 'base' })
  })
})

describe('the secret of the SQS endpoint', () => {
  test('has no value in the template, so that no deployment overwrites the keys in it', () => {
    expect(defaults.one('AWS::SecretsManager::Secret')).toEqual({
      Description: 'Holdfast: access keys of SQS clients',
    })
  })
})
